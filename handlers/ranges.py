"""Which part of a file a request wants (RFC 9110 §13, §14): one range, or all. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_ONE = re.compile(r"bytes=[ \t]*(\d{0,18})-(\d{0,18})[ \t]*$")


@dataclass(frozen=True, slots=True)
class Part:
    """``content[start:stop]``."""

    start: int
    stop: int


class NotThere(ValueError):
    """The range begins behind the end: 416."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the headers of a request say."""

    range: str = ""
    if_range: str = ""
    if_none_match: str = ""

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> "Wanted":
        """Read from a request."""
        return cls(
            range=headers.get("Range", ""),
            if_range=headers.get("If-Range", ""),
            if_none_match=headers.get("If-None-Match", ""),
        )

    def has(self, tag: str) -> bool:
        """Whether the client has it already, by its strong entity tag (quoted): 304."""
        said = [each.strip().removeprefix("W/") for each in self.if_none_match.split(",")]
        return tag in said or said == ["*"]

    def part(self, size: int, tag: str) -> Part | None:
        """The part that is wanted; ``None``: all of it. Raises ``NotThere``.

        Several ranges, another unit and whatever cannot be read mean all of it, as the standard allows; so
        does a range of another version of the file.
        """
        found = _ONE.match(self.range)
        if found is None or (self.if_range and self.if_range != tag):
            return None
        first, last = found[1], found[2]
        if not first:
            if not last:
                return None
            return _last(size, int(last))
        start = int(first)
        stop = min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
        if start >= size:
            raise NotThere
        return Part(start, stop)


def _last(size: int, count: int) -> Part:
    if not count or not size:
        raise NotThere
    return Part(max(0, size - count), size)
