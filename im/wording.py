"""The word filter as messaging needs it: what becomes of a text before it is stored."""

import enum
from dataclasses import dataclass
from typing import Protocol

from im.refusals import WordsNotAllowed


class Action(enum.StrEnum):
    """What a hit leads to; of several the one furthest down."""

    PASS = "pass"
    REVIEW = "review"
    """Stored as it is, and looked at by a person."""
    MASK = "mask"
    """Stored with the words covered; the original is kept for the person who looks."""
    BLOCK = "block"
    """Not stored."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do with a text; ``text`` is what to store, ``hits`` the labels of the words that were met.

    ``urgent``: what was said is of somebody who may be in danger.
    """

    action: Action
    text: str
    hits: tuple[str, ...] = ()
    urgent: bool = False


class Wording(Protocol):
    """Judges texts. Never waits: the list is in memory."""

    def judge(self, text: str) -> Verdict:
        """The verdict on a text of whoever."""


def judged(wording: Wording, text: str) -> Verdict:
    """The verdict on a text. Refuses with ``WordsNotAllowed``."""
    verdict = wording.judge(text)
    if verdict.action is Action.BLOCK:
        raise WordsNotAllowed()
    return verdict


class AnyWords:
    """Where no words are listed."""

    def judge(self, text: str) -> Verdict:
        return Verdict(Action.PASS, text)
