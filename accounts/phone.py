"""Telephone numbers in one form (E.164), so that one phone is one phone."""

import re

from core.refusals import BadInput

_MOBILE = re.compile(r"(?:\+?86|0086)?(1[3-9][0-9]{9})")
_ABROAD = re.compile(r"\+[1-9][0-9]{6,14}")
_BETWEEN = re.compile(r"[\s\-()]")


def e164(text: str, *, field: str = "$.phone") -> str:
    """The number in E.164; one without a country is a Chinese mobile. Raises ``BadInput``."""
    plain = _BETWEEN.sub("", text)
    chinese = _MOBILE.fullmatch(plain)
    if chinese is not None:
        return f"+86{chinese[1]}"
    if _ABROAD.fullmatch(plain) is None or plain.startswith("+86"):
        raise BadInput(field=field, why="not a telephone that receives messages")
    return plain
