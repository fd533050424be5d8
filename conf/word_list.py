"""The listed words that are shipped: ``conf/moderation/word-list.toml``."""

import tomllib
from pathlib import Path
from typing import Literal

import msgspec

from im.word_list import Listed
from im.wording import Action

FILE = Path(__file__).parent / "moderation" / "word-list.toml"


class Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Words of one label."""

    label: str
    action: Literal["review", "mask", "block"]
    urgent: bool = False
    words: tuple[str, ...]


class Groups(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The file."""

    words: tuple[Group, ...]


def read_word_list(file: Path = FILE) -> tuple[Listed, ...]:
    """Every shipped word. Raises ``msgspec.ValidationError`` for a file that is none."""
    groups = msgspec.convert(tomllib.loads(file.read_text("utf-8")), Groups)
    return tuple(
        Listed(
            id=f"{group.label}-{at}",
            word=word,
            action=Action(group.action),
            label=group.label,
            urgent=group.urgent,
        )
        for group in groups.words
        for at, word in enumerate(group.words, start=1)
    )
