"""What consultations need of storage."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from accounts.consent_store import ConsentStore
from clinic.directory import Directories
from clinic.patient_store import PatientStore
from core.ids import DepartmentId
from im.consultation import Consultation
from im.file_store import Files
from im.practice import Practice
from im.store import Unit as ImUnit
from im.thread import Seat
from notices.store import HasNotices


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What the patient wrote, and what the doctor concluded: sealed."""

    complaint: str = field(repr=False)
    earlier_diagnosis: str = field(repr=False)
    summary: str = field(default="", repr=False)
    reason: str = field(default="", repr=False)
    rated_text: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Kept:
    """A consultation with what was written."""

    it: Consultation
    said: Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class QuickReply:
    """A text at hand. ``owner`` is a user, or a department's code behind ``#``."""

    id: str
    owner: str
    title: str
    text: str
    rank: int = 0


class Consultations(Protocol):
    """Consultations inside one transaction."""

    async def add(self, kept: Kept, *, key: str) -> None:
        """A new one. Raises ``core.keys.KeyTaken`` for a key that was used."""

    async def find_key(self, key: str) -> str | None:
        """The id of what was opened under a key."""

    async def hold(self, consultation: str) -> Kept | None:
        """One, locked."""

    async def find(self, consultation: str) -> Kept | None:
        """One, as it is."""

    def keep(self, before: Kept, after: Kept) -> None:
        """Queue what became of it."""

    async def of_user(
        self, user: str, *, open_: bool | None, after: str | None, limit: int
    ) -> Sequence[Kept]:
        """A patient's own, newest first; ``open_`` ``None``: all."""

    async def hand_over(self, source: str, target: str) -> None:
        """Give all that one account opened to another."""

    async def of_doctor(
        self, doctor: str, *, open_: bool | None, after: str | None, limit: int
    ) -> Sequence[Kept]:
        """Those a doctor was asked or has accepted, newest first."""

    async def of_pool(self, department: str, *, limit: int) -> Sequence[Kept]:
        """What waits for any doctor of a department, the longest waiting first."""

    async def due(self, *, at: datetime, limit: int) -> Sequence[str]:
        """What the clock decides by now."""

    async def to_refund(self, *, limit: int) -> Sequence[str]:
        """Whose fee is to go back."""

    async def count_day(self, doctor: str, day: str) -> int:
        """Take one more place of a doctor's day, locked until the end; how many that makes."""

    async def taken(self, doctors: Sequence[str], day: str) -> dict[str, int]:
        """How many places of the day are taken."""


class Practices(Protocol):
    """Practices inside one transaction."""

    async def find(self, user: str) -> Practice | None:
        """One doctor's."""

    async def all(self, *, department: str | None = None) -> Sequence[Practice]:
        """Everybody's, by department and name."""

    def keep(self, practice: Practice) -> None:
        """Queue it, new or changed."""

    async def replies(self, owners: Sequence[str]) -> Sequence[QuickReply]:
        """Quick replies of these owners, in their order."""

    def keep_reply(self, reply: QuickReply) -> None:
        """Queue one, new or changed."""

    def drop_reply(self, reply: str, *, owner: str) -> None:
        """Queue its end, if it is the owner's."""


class Unit(ImUnit, HasNotices, Protocol):
    """One transaction."""

    @property
    def consultations(self) -> Consultations:
        """Consultations."""

    @property
    def files(self) -> Files:
        """Files of conversations."""

    @property
    def practices(self) -> Practices:
        """Doctors' practices."""

    @property
    def patients(self) -> PatientStore:
        """The patients of accounts."""

    @property
    def consents(self) -> ConsentStore:
        """What accounts agreed to."""

    async def colleague(self, user: str) -> Seat | None:
        """The place a nurse or doctor would take, by ``Actor.id``."""

    @property
    def directory(self) -> Directories:
        """The hospital's departments."""

    async def department_name(self, department: DepartmentId) -> str | None:
        """What a department is called; ``None``: the hospital has none of that code."""


class Units(Protocol):
    """Opens transactions."""

    def begin(self) -> AbstractAsyncContextManager[Unit]:
        """One that will write."""

    def read(self) -> AbstractAsyncContextManager[Unit]:
        """One that sees one moment."""
