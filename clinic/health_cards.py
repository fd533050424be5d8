"""电子健康卡: what the platform needs of whoever issues electronic health cards, and every way it says no.

Codes are opaque: only their form is looked at, to tell a static from a dynamic one. Whether a code is good is
always the issuer's word.
"""

import enum
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from clinic.real_name import Person
from core.refusals import BadInput, Kind, NotFound, Refusal, Unavailable

LONGEST_CODE = 512
_STATIC = re.compile(r"[0-9A-Fa-f]{64}:1")


class CodeKind(enum.StrEnum):
    """What a code is."""

    DYNAMIC = "dynamic"
    """Good for a moment, once in each scene."""
    STATIC = "static"
    """Good for good; shown and taken only where the hospital allows it."""


class Scene(enum.StrEnum):
    """Where a code is shown to the hospital."""

    REGISTRATION = "registration"
    CHECK_IN = "check_in"
    CONSULTATION = "consultation"
    PAYMENT = "payment"
    PHARMACY = "pharmacy"
    EXAMINATION = "examination"
    WARD = "ward"


class CardsAway(Unavailable):
    """The issuer of health cards does not answer; nothing was done."""

    code = "health_card.away"

    def __init__(self, *, why: str) -> None:
        super().__init__(why=why)


class CardsNotSetUp(NotFound):
    """The hospital issues no electronic health cards here."""

    code = "health_card.not_set_up"


class NoCard(NotFound):
    """The patient has none yet."""

    code = "health_card.none"


class CardRefused(Refusal):
    """The issuer refuses this person or request; its own desk can help. ``issuer_code`` is its code."""

    code = "health_card.refused"
    kind = Kind.CONFLICT

    def __init__(self, *, issuer_code: str) -> None:
        super().__init__(issuer_code=issuer_code)


class CodeRefused(BadInput):
    """The code is none: mistyped, altered or invented."""

    code = "health_card.code_unknown"
    why = "is no code of a health card"

    def __init__(self) -> None:
        super().__init__(field="$.code", why=self.why)


class CodeExpired(CodeRefused):
    """The code came after its time; the phone shows a newer one."""

    code = "health_card.code_expired"
    why = "has expired"


class CodeUsed(CodeRefused):
    """The code was used in this scene already."""

    code = "health_card.code_used"
    why = "was used here already"


class StaticNotAllowed(CodeRefused):
    """The hospital takes and shows dynamic codes only."""

    code = "health_card.static_not_allowed"
    why = "is a static one"


class OtherIssuer(CodeRefused):
    """The code is of another issuer, whose cards are not taken here."""

    code = "health_card.other_issuer"
    why = "is of another issuer"


@dataclass(frozen=True, slots=True)
class IssuedCard:
    """A card as its issuer knows it. ``main_index`` (主索引) is the issuer's name for the person."""

    card: str = field(repr=False)
    main_index: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CardCode:
    """A code to be shown. ``good_until`` is ``None`` for a static one."""

    text: str = field(repr=False)
    kind: CodeKind
    good_until: datetime | None


class HealthCards(Protocol):
    """One issuer. Every method may raise ``CardsAway`` (no answer) and ``CardRefused`` (a no)."""

    @property
    def issuer(self) -> str:
        """Its short name, for people: a code or name of at most 32 characters."""

    async def apply(self, person: Person) -> IssuedCard:
        """A card for this person; the same one when there is one already."""

    async def query(self, person: Person) -> IssuedCard | None:
        """The person's card; ``None`` when the issuer knows none."""

    async def show(self, card: IssuedCard, person: Person, kind: CodeKind) -> CardCode:
        """A fresh code of the card."""

    async def verify(self, code: str, *, scene: Scene) -> IssuedCard:
        """Whose code it is. Refuses with ``CodeRefused`` or one of its kinds."""


def kind_of(code: str) -> CodeKind:
    """What a code looks like. Refuses with ``CodeRefused`` what cannot be one."""
    if not 1 <= len(code) <= LONGEST_CODE or not code.isascii() or not code.isprintable():
        raise CodeRefused()
    return CodeKind.STATIC if _STATIC.fullmatch(code) else CodeKind.DYNAMIC


def refresh_after(good_until: datetime | None, *, now: datetime, at_least: float, static: float) -> int:
    """Whole seconds after which a phone asks for the next code: before this one ends, however short it lives.

    A code's last fifth is left for whoever reads it. ``at_least`` keeps a wrong clock from causing a flood;
    ``static`` is for a code that does not end.
    """
    if good_until is None:
        return int(static)
    left = (good_until - now) / timedelta(seconds=1)
    return max(int(at_least), int(left * 0.8))
