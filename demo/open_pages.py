"""The simulator's pages: choosing who one is, and what its phones have received. Chinese and English."""

from collections.abc import Iterable
from html import escape
from urllib.parse import urlencode

from demo.visitors import VISITORS

_STYLE = """
:root{font:16px/1.5 system-ui,"Noto Sans CJK SC",sans-serif;color:#191919;background:#ededed}
body{margin:0}main{max-width:430px;margin:0 auto;padding:0 16px 32px}
.told{background:#fff4d6;border-bottom:1px solid #e5c76b;padding:10px 16px;text-align:center;font-size:14px}
h1{font-size:20px;margin:28px 0 4px}p{margin:4px 0 20px;color:#4c5f85}
small{color:#5c5c5c;display:block;font-weight:400}
ul{list-style:none;margin:0;padding:0;background:#fff;border-radius:8px;overflow:hidden}
li+li{border-top:1px solid #e5e5e5}
a.who,li.one{display:flex;align-items:center;gap:12px;padding:14px 16px;color:inherit;text-decoration:none}
a.who:focus-visible{outline:3px solid #07c160;outline-offset:-3px}
i{flex:none;width:44px;height:44px;border-radius:6px;background:#07883f;color:#fff;font-size:20px;
font-style:normal;font-weight:600;line-height:44px;text-align:center}
b.code{font:600 24px/1 ui-monospace,monospace;letter-spacing:.1em;margin-left:auto}
.no{color:#b00020}
"""

_TOLD = "模拟器，不是微信，人物均为虚构 · A simulator, not WeChat; everybody here is invented"


def _page(title: str, inner: str, *, again_seconds: int = 0) -> str:
    again = f'<meta http-equiv="refresh" content="{again_seconds}">' if again_seconds else ""
    return (
        '<!doctype html><html lang="zh-CN"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"{again}<title>{escape(title)}</title><style>{_STYLE}</style>"
        f'<div class="told" role="note">{_TOLD}</div><main>{inner}</main></html>'
    )


def choose(*, back: str, state: str, asks: bool) -> str:
    """The authorisation page: whoever is touched goes back to the hospital's page."""
    scope = "snsapi_userinfo" if asks else "snsapi_base"
    rows = []
    for who in VISITORS:
        address = urlencode({"back": back, "state": state, "who": who.key, "scope": scope})
        rows.append(
            f'<li><a class="who" href="/connect/simulator/chosen?{escape(address)}"><i aria-hidden="true">'
            f'{escape(who.name[0])}</i><span>{escape(who.name)}<small lang="en">{escape(who.english)}'
            "</small></span></a></li>"
        )
    inner = (
        '<h1>以谁的身份登录？<small lang="en">Sign in as whom?</small></h1>'
        "<p>医院服务号申请使用您的微信身份<br>"
        '<span lang="en">The hospital asks who you are on WeChat</span></p>'
        f"<ul>{''.join(rows)}</ul>"
    )
    return _page("微信授权（模拟） WeChat authorisation (simulated)", inner)


def refused() -> str:
    """What WeChat shows for a page that is not on the account's list (10003)."""
    inner = (
        '<h1 class="no">redirect_uri 域名与后台配置不一致（10003）</h1>'
        '<p lang="en">The page to come back to is not on the account’s list.</p>'
    )
    return _page("10003", inner)


def inbox(messages: Iterable[tuple[str, str, str]]) -> str:
    """The phones' messages: time, phone, code; newest first."""
    rows = "".join(
        f'<li class="one"><span>{escape(phone)}<small>{escape(at)}</small></span>'
        f'<b class="code">{escape(code)}</b></li>'
        for at, phone, code in messages
    )
    people = "".join(
        f'<li class="one"><i aria-hidden="true">{escape(who.name[0])}</i><span>{escape(who.name)} · '
        f'<span lang="en">{escape(who.english)}</span><small>{escape(who.phone)}</small></span></li>'
        for who in VISITORS
    )
    empty = '<li class="one">还没有短信 · <span lang="en">none yet</span></li>'
    inner = (
        '<h1>手机短信<small lang="en">Text messages</small></h1>'
        f'<p>最新的在最上面 · <span lang="en">newest first</span></p><ul>{rows or empty}</ul>'
        f'<h1>这里的人<small lang="en">People here</small></h1><p></p><ul>{people}</ul>'
    )
    return _page("手机（模拟） Phones (simulated)", inner, again_seconds=3)
