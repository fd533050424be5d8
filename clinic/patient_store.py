"""What patients need of storage."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from accounts.consent_store import ConsentStore
from accounts.store import UserStore
from clinic.health_card_store import HealthCardStore
from clinic.patient import Family, Patient
from core.ids import PatientId, UserId


class PatientStore(Protocol):
    """The patients inside one transaction."""

    async def family(self, user: UserId) -> Family:
        """Everybody the account ever added; empty when nobody."""

    async def family_for_change(self, user: UserId) -> Family:
        """The same, and nobody else changes it until this transaction ends. Several: by ascending user."""

    async def keep(self, before: Family, after: Family) -> None:
        """Keep what became of a family. Raises ``SamePersonTwice`` when another entry is that person."""

    async def find(self, patient: PatientId) -> Patient | None:
        """One entry whoever's it is, unbound ones too. A merged entry answers as the one it became."""

    async def join(self, same: Sequence[tuple[PatientId, PatientId]]) -> None:
        """Entries (theirs) that are another entry's (ours) person: theirs answer as ours from now on."""

    async def erase(self, user: UserId) -> Sequence[PatientId]:
        """Forget everybody the account ever added, and whoever became one of them; answers their ids."""

    async def due(self, *, asked_before: datetime, limit: int) -> Sequence[Patient]:
        """Who is here, unknown to the hospital, and was not asked about since; the longest waiting first."""


class Unit(Protocol):
    """One transaction."""

    @property
    def patients(self) -> PatientStore:
        """The patients."""

    @property
    def users(self) -> UserStore:
        """Accounts."""

    @property
    def consents(self) -> ConsentStore:
        """What accounts agreed to."""

    @property
    def health_cards(self) -> HealthCardStore:
        """Health cards."""

    async def commit(self) -> None:
        """Make everything true, or raise."""


class Units(Protocol):
    """Opens transactions."""

    def begin(self) -> AbstractAsyncContextManager[Unit]:
        """One that will write; leaving without ``commit`` undoes everything."""

    def read(self) -> AbstractAsyncContextManager[Unit]:
        """One that sees one moment."""
