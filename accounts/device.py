"""What a device is called in a person's list of sign-ins: a system and a program, of a closed set.

The User-Agent itself is not kept: it can name a phone exactly, and it is anybody's text.
"""

_SYSTEMS = (
    ("HarmonyOS", "HarmonyOS"),
    ("OpenHarmony", "HarmonyOS"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Macintosh", "Mac"),
    ("Linux", "Linux"),
)
_PROGRAMS = (
    ("miniProgram", "WeChat mini-program"),
    ("MiniProgramEnv", "WeChat mini-program"),
    ("wxwork", "WeCom"),
    ("MicroMessenger", "WeChat"),
    ("AlipayClient", "Alipay"),
    ("Edg/", "Edge"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)


WECHAT_MINI = "WeChat mini-program"
ALIPAY_MINI = "Alipay mini-program"


def device_of(user_agent: str, *, program: str = "") -> str:
    """The label, for example ``iPhone · WeChat``; empty when neither part is known.

    ``program`` is what is known better than by the User-Agent: on phones a mini-program's says nothing of it.
    """
    parts = (_first(_SYSTEMS, user_agent), program or _first(_PROGRAMS, user_agent))
    return " · ".join(part for part in parts if part)


def _first(known: tuple[tuple[str, str], ...], text: str) -> str:
    return next((label for mark, label in known if mark in text), "")
