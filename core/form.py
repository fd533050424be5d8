"""What a filed document says, block by block, in Chinese with English beside it; not how it looks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class Counted(Protocol):
    """A name and how often."""

    @property
    def name(self) -> str:
        """What was counted."""

    @property
    def count(self) -> int:
        """How often."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A numbered heading in both languages."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and what they are, two pairs a line."""

    pairs: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Grid:
    """A table. ``widths`` are shares of the page; columns of numbers are set to the right."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    widths: Sequence[float]
    numbers: int
    """How many of the last columns hold numbers."""


@dataclass(frozen=True, slots=True)
class Bars:
    """One bar a day."""

    days: Sequence[Counted]


@dataclass(frozen=True, slots=True)
class Passage:
    """Text that somebody wrote, or lines to write on."""

    text: str
    lines: int


@dataclass(frozen=True, slots=True)
class Signatures:
    """Who signs, with a line for each."""

    labels: Sequence[str]


Block = Heading | Facts | Grid | Bars | Passage | Signatures


@dataclass(frozen=True, slots=True)
class Form:
    """The whole document. ``digest`` is at the foot of its pages, where there is one."""

    title: tuple[str, str]
    basis: str
    hospital: str
    number: str
    blocks: Sequence[Block]
    digest: str
