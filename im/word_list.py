"""The words that a hospital does not carry, and what becomes of a text that says one. Pure.

A list is shipped (``conf/moderation/word-list.toml``); the hospital adds to it, or says of a shipped word
that it passes. Of several words in a text the strictest decides: block, then mask, then review.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from im.matching import Matcher, covered, said
from im.wording import Action, Verdict

_STRICTNESS = (Action.PASS, Action.REVIEW, Action.MASK, Action.BLOCK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One word. ``label`` says why it is listed; ``urgent``: somebody may be in danger."""

    id: str
    word: str
    action: Action
    label: str
    urgent: bool = False
    by: str = ""
    at: datetime | None = None


class WordList:
    """A list as it is judged by. Made anew when it changes."""

    def __init__(self, words: Iterable[Listed]) -> None:
        """Of a word that is listed twice the later entry counts."""
        self._by_word = {said(each.word): each for each in words if said(each.word)}
        live = [each for each in self._by_word.values() if each.action is not Action.PASS]
        self._matcher = Matcher(each.word for each in live)

    def judge(self, text: str) -> Verdict:
        """``im.wording.Wording.judge``."""
        if not text:
            return Verdict(Action.PASS, text)
        hits = self._matcher.find(text)
        if not hits:
            return Verdict(Action.PASS, text)
        met = {hit.word: self._by_word[said(hit.word)] for hit in hits}
        action = max((each.action for each in met.values()), key=_STRICTNESS.index)
        masked = [hit for hit in hits if met[hit.word].action is Action.MASK]
        return Verdict(
            action,
            covered(text, masked),
            hits=tuple(sorted({each.label for each in met.values()})),
            urgent=any(each.urgent for each in met.values()),
        )


class CurrentWords:
    """``im.wording.Wording`` whose list is exchanged while it is used."""

    def __init__(self) -> None:
        self._list = WordList(())

    def judge(self, text: str) -> Verdict:
        return self._list.judge(text)

    def use(self, words: Iterable[Listed]) -> None:
        """Judge by this list from now on."""
        self._list = WordList(words)
