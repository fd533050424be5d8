"""What health cards need of storage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.ids import PatientId


@dataclass(frozen=True, slots=True)
class KeptCard:
    """The card of one patient. ``main_index`` (主索引) is the issuer's name for the person, 64 hex digits."""

    patient: PatientId
    issuer: str
    card: str
    main_index: str
    issued_at: datetime
    bound_at: datetime | None = None
    """Since when the hospital's own record knows the card."""


class HealthCardStore(Protocol):
    """The health cards inside one transaction."""

    async def of(self, patients: Sequence[PatientId]) -> Mapping[PatientId, KeptCard]:
        """The cards of those who have one."""

    async def keep(self, card: KeptCard) -> None:
        """Keep the card in place of an earlier one of this patient."""

    async def holders(self, main_index: str) -> Sequence[PatientId]:
        """Whose card has this main index."""

    async def join(self, same: Sequence[tuple[PatientId, PatientId]]) -> None:
        """Cards of entries (theirs) that are another entry's (ours) person go to it, if it has none."""

    def erase(self, patients: Sequence[PatientId]) -> None:
        """Forget the cards of these."""

    async def untied(self, *, after: PatientId, limit: int) -> Sequence[PatientId]:
        """Whose card the hospital does not know though it knows the patient, by id."""

    async def use(self, code: bytes, *, until: datetime) -> bool:
        """Use up a code (its digest) for one scene; answers False when it was used before."""

    def forget_uses(self, *, at: datetime) -> None:
        """Forget used codes that would be refused anyway by now."""
