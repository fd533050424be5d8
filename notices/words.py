"""What goes into a platform's template: the hospital's words, by kind, cut to what a field holds. Pure.

A template's fields are filled by patterns such as ``{title}``, ``{text}``, ``{time}``, ``{line}``,
``{number}``, ``{room}``, ``{ahead}``. Nothing else is known here, so nothing else can be told.
"""

import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from core import limits
from core.clock import CHINA
from notices.notice import Kind

TITLES = {
    Kind.NEW_MESSAGE: ("您有新的消息", "请打开查看医生的回复"),
    Kind.CONSULTATION: ("问诊状态有更新", "请打开查看"),
    Kind.NEAR_TURN: ("即将轮到您", "前面还有 {ahead} 位，请到候诊区等候"),
    Kind.CALLED: ("请您就诊", "请到 {room}"),
}
"""Title and text of each kind. Platforms show templates in Chinese whatever the app speaks."""

PLACES = {
    Kind.NEW_MESSAGE: "pages/chat/index?id={conversation}",
    Kind.CONSULTATION: "pages/chat/index?id={conversation}",
    Kind.NEAR_TURN: "pages/queue/index?line={line_id}&ticket={number}",
    Kind.CALLED: "pages/queue/index?line={line_id}&ticket={number}",
}
"""Where a tap leads, in the patient app."""

KNOWN = frozenset({"title", "text", "time", "line", "number", "room", "ahead"})


@dataclass(frozen=True, slots=True)
class Form:
    """One template: its id at the platform, and a pattern for each of its fields."""

    template: str
    fields: Mapping[str, str]


class BadPattern(ValueError):
    """A pattern that names what is not known."""


def judged(pattern: str) -> str:
    """The pattern. Raises ``BadPattern``."""
    try:
        parts = [each for each in string.Formatter().parse(pattern) if each[1] is not None]
    except ValueError as error:
        raise BadPattern(str(error)) from None
    for _, name, form, turned in parts:
        if form or turned:
            raise BadPattern("a field is a name alone")
        if name not in KNOWN:
            raise BadPattern(f"{{{name}}} is not known; use {', '.join(sorted(KNOWN))}")
    return pattern


def filled(
    kind: Kind, fields: Mapping[str, str], params: Mapping[str, str], *, at: datetime
) -> dict[str, str]:
    """The fields of a template; what is not known of this one stays empty, too much is cut."""
    title, text = TITLES[kind]
    known = {name: params.get(name, "") for name in KNOWN} | {
        "title": title,
        "text": text.format_map({"ahead": params.get("ahead", ""), "room": params.get("room", "")}),
        "time": at.astimezone(CHINA).strftime("%Y-%m-%d %H:%M"),
    }
    most = limits.NOTICE_WORD_CHARACTERS
    return {name: _cut(pattern.format_map(known), most) or "-" for name, pattern in fields.items()}


def place_of(kind: Kind, params: Mapping[str, str]) -> str:
    """The page that a tap opens."""
    return PLACES[kind].format_map({name: params.get(name, "") for name in _named(PLACES.values())})


def _named(patterns: Iterable[str]) -> set[str]:
    return {name for each in patterns for _, name, _, _ in string.Formatter().parse(each) if name}


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
