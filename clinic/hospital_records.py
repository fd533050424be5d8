"""What patients need of the hospital: does it know this person, make a record, tie a health card to it.

The port. ``front_machine`` fills it where there is a hospital link; whoever has none has no records.
"""

import enum
from dataclasses import dataclass
from typing import Protocol

from clinic.real_name import Person


class RecordsAway(Exception):
    """The hospital does not answer now; nothing was done. ``cause`` is a short code without data."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class Outcome(enum.Enum):
    """How a question or a request ended."""

    DONE = "done"
    NONE = "none"
    """Asked: there is no such record. Settled: the request never arrived."""
    REFUSED = "refused"
    UNKNOWN = "unknown"
    """It was sent, and nobody knows what became of it. Ask ``settled``."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """The hospital's answer. Done: ``number`` (患者号). Refused: ``reason``, a word of the contract."""

    outcome: Outcome
    number: str = ""
    reason: str = ""


class HospitalRecords(Protocol):
    """The hospital's index of patients."""

    async def find(self, person: Person) -> Recorded:
        """Whether it has a record of this paper. Refused: of another name. Raises ``RecordsAway``."""

    async def create(self, person: Person, *, key: str) -> Recorded:
        """Make a record, at most one for the key. Raises ``RecordsAway`` when nothing was done."""

    async def settled(self, key: str) -> Recorded:
        """What became of ``create``. Raises ``RecordsAway``: nobody knows yet."""

    async def bind_card(self, number: str, *, card: str, main_index: str, key: str) -> Recorded:
        """Tie a health card to a record, once for the key. Raises ``RecordsAway``."""
