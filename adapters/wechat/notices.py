"""``notices.store.Courier`` of WeChat: subscription messages of a mini-program, template messages of a
service account.

Codes: developers.weixin.qq.com, "发送订阅消息" (``subscribeMessage.send``) and "模板消息".
"""

from collections.abc import Mapping
from typing import Final

import msgspec
import structlog

from accounts.providers import ProviderAway
from adapters.wechat.application import NotHanded, WeChatApp
from core.clock import Clock
from notices.notice import Kind, Outcome
from notices.words import Form, filled, place_of

log = structlog.get_logger()

SUBSCRIBE: Final = "/cgi-bin/message/subscribe/send"
TEMPLATE: Final = "/cgi-bin/message/template/send"

_NOT_AGREED: Final = frozenset({43101, 43004, 43107, 43108, 43109})
"""The person has not agreed, no longer does, or follows the service account no more."""
_NOT_NOW: Final = frozenset({-1, 45009, 45047, 50001, 61503})
_NEVER_SENT: Final = frozenset({"not_reachable"})


class WeChatCourier:
    """One application. ``pages``: where the service account's pages are; empty for a mini-program."""

    def __init__(self, app: WeChatApp, *, forms: Mapping[Kind, Form], clock: Clock, pages: str = "") -> None:
        self.app = app.app
        self.kinds = {kind: form.template for kind, form in forms.items()}
        self._wechat = app
        self._forms = forms
        self._clock = clock
        self._pages = pages

    async def carry(self, subject: str, kind: Kind, params: Mapping[str, str]) -> Outcome:
        path, body = self._message(subject, kind, params)
        try:
            code = await self._wechat.tell(path, msgspec.json.encode(body))
        except NotHanded:
            return Outcome.NOT_NOW
        except ProviderAway as away:
            return Outcome.NOT_NOW if away.facts["why"] in _NEVER_SENT else Outcome.UNKNOWN
        return outcome_of(code, kind)

    def _message(self, subject: str, kind: Kind, params: Mapping[str, str]) -> tuple[str, dict[str, object]]:
        form, place = self._forms[kind], place_of(kind, params)
        words = filled(kind, form.fields, params, at=self._clock.now())
        body: dict[str, object] = {
            "touser": subject,
            "template_id": form.template,
            "data": {name: {"value": value} for name, value in words.items()},
        }
        if self._pages:
            return TEMPLATE, body | {"url": f"{self._pages}/h5/#/{place}"}
        return SUBSCRIBE, body | {"page": place, "miniprogram_state": "formal", "lang": "zh_CN"}


def outcome_of(code: int, kind: Kind) -> Outcome:
    """What an ``errcode`` means for a notice."""
    if code == 0:
        return Outcome.SENT
    if code in _NOT_AGREED:
        return Outcome.NOT_AGREED
    log.warning("notice.refused", provider="WeChat", kind=kind.value, errcode=code)
    return Outcome.NOT_NOW if code in _NOT_NOW else Outcome.WRONG
