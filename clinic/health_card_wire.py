"""What travels about health cards. The text of a code is for the screen that shows it, and nowhere else."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

KindWord = Literal["dynamic", "static"]
SceneWord = Literal["registration", "check_in", "consultation", "payment", "pharmacy", "examination", "ward"]
Code = Annotated[str, msgspec.Meta(max_length=512)]


class CardStanding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether a patient has a card, masked. ``bound``: the hospital's record knows it."""

    state: Literal["none", "issued"]
    issuer: str | None = None
    card_masked: str | None = None
    bound: bool | None = None


class ShowCode(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which kind of code is wanted."""

    kind: KindWord = "dynamic"


class ShownCode(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A code to be shown: as text, and drawn. Ask again after ``refresh_after_seconds``."""

    text: str
    svg: str
    kind: KindWord
    refresh_after_seconds: int
    good_until: datetime | None = None

    def __repr__(self) -> str:
        return "ShownCode(…)"


class VerifyCode(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A code as a reader read it, and where."""

    code: Code
    scene: SceneWord

    def __repr__(self) -> str:
        return "VerifyCode(…)"


class VerifiedCode(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The code is good. ``known``: its holder is a patient here, who is told masked."""

    issuer: str
    kind: KindWord
    card_masked: str
    known: bool
    patient: str | None = None
    """The patient's id here: what the log says was looked at."""
    name_masked: str | None = None
    hospital_number: str | None = None
