"""Find listed words in a text, however they are spread or disguised. Pure; one pass over the text.

What is compared is not the text but what it says: full width is half width, capitals are small (NFKC,
casefold), and between Chinese characters spaces, punctuation and what has no width count for nothing, so
``加 我·微 信`` is 加我微信. Words of Latin letters are found as whole words only: ``class`` holds no other.

Aho and Corasick, "Efficient string matching" (CACM 18, 1975).
"""

import unicodedata
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_LATIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")


@dataclass(frozen=True, slots=True)
class Hit:
    """``text[start:stop]`` says a listed word."""

    word: str
    start: int
    stop: int


def said(text: str) -> str:
    """A text as it is compared."""
    return "".join(char for char, _ in _heard(text))


class Matcher:
    """Finds any of some words. Words that come to nothing are passed over."""

    def __init__(self, words: Iterable[str]) -> None:
        self._next: list[dict[str, int]] = [{}]
        self._fail: list[int] = [0]
        self._ends: list[list[tuple[str, int]]] = [[]]
        for word in words:
            self._add(word)
        self._link()

    def find(self, text: str) -> list[Hit]:
        """Every word in the text, by where it begins."""
        heard = list(_heard(text))
        found: list[Hit] = []
        at = 0
        for place, (char, _) in enumerate(heard):
            while at and char not in self._next[at]:
                at = self._fail[at]
            at = self._next[at].get(char, 0)
            for word, length in self._ends[at]:
                first = place - length + 1
                start, stop = heard[first][1], heard[place][1]
                if _is_word(word) and not _stands_alone(text, start, stop):
                    continue
                found.append(Hit(word, start, stop + 1))
        return sorted(found, key=lambda hit: (hit.start, hit.stop))

    def _add(self, word: str) -> None:
        heard = said(word)
        if not heard:
            return
        at = 0
        for char in heard:
            if char not in self._next[at]:
                self._next[at][char] = len(self._next)
                self._next.append({})
                self._fail.append(0)
                self._ends.append([])
            at = self._next[at][char]
        self._ends[at].append((word, len(heard)))

    def _link(self) -> None:
        waiting = deque(self._next[0].values())
        while waiting:
            at = waiting.popleft()
            for char, target in self._next[at].items():
                waiting.append(target)
                back = self._fail[at]
                while back and char not in self._next[back]:
                    back = self._fail[back]
                self._fail[target] = self._next[back].get(char, 0)
                self._ends[target] = self._ends[target] + self._ends[self._fail[target]]


def covered(text: str, hits: Iterable[Hit]) -> str:
    """The text with these words under asterisks, one for each character."""
    chars = list(text)
    for hit in hits:
        for at in range(hit.start, hit.stop):
            if not chars[at].isspace():
                chars[at] = "*"
    return "".join(chars)


def _heard(text: str) -> Iterator[tuple[str, int]]:
    """Each character that counts, and where it stands in the text."""
    for at, char in enumerate(text):
        for one in unicodedata.normalize("NFKC", char).casefold():
            if unicodedata.category(one)[0] in "LN":
                yield one, at


def _is_word(word: str) -> bool:
    """Whether it is written in Latin letters alone."""
    return all(char in _LATIN for char in said(word))


def _stands_alone(text: str, start: int, stop: int) -> bool:
    """Whether what is there is one piece, with nothing of a word before or behind it."""
    before = said(text[start - 1]) if start else ""
    behind = said(text[stop + 1]) if stop + 1 < len(text) else ""
    inside = text[start : stop + 1]
    together = not any(char.isspace() for char in inside)
    return together and not _ends_latin(before) and not _begins_latin(behind)


def _ends_latin(heard: str) -> bool:
    return heard[-1:] in _LATIN if heard else False


def _begins_latin(heard: str) -> bool:
    return heard[:1] in _LATIN if heard else False
