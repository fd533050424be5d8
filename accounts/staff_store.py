"""What staff's accounts need of storage."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from accounts.credentials import Credentials, Link
from accounts.lockout import Tries
from accounts.staff import Administrators, StaffAccount
from accounts.store import SessionUnit
from core.ids import StaffId


class StaffStore(Protocol):
    """Accounts inside one transaction. What is read here is locked when the transaction will write."""

    async def find(self, number: StaffId) -> StaffAccount | None:
        """One account, closed ones too."""

    async def administrators(self) -> Administrators:
        """Every administrator that is not closed, by number."""

    async def all(self, *, after: StaffId | None, limit: int) -> Sequence[StaffAccount]:
        """Accounts by number, those behind ``after``."""

    async def add(self, account: StaffAccount) -> None:
        """Keep a new one. Refuses with ``NumberIsTaken``."""

    def keep(self, account: StaffAccount) -> None:
        """Keep what became of one."""


class CredentialStore(Protocol):
    """Passwords, second factors and links inside one transaction; locked as above."""

    async def find(self, number: StaffId) -> Credentials | None:
        """Of one account; ``None`` when nothing is set."""

    def keep(self, number: StaffId, credentials: Credentials) -> None:
        """Set or replace them."""

    def drop(self, number: StaffId) -> None:
        """Forget them, with the recovery codes."""

    def renew_recovery(self, number: StaffId, digests: Sequence[bytes]) -> None:
        """These recovery codes, and none of the earlier ones."""

    async def use_recovery(self, number: StaffId, digest: bytes) -> bool:
        """Use one up. Of several at once, one gets ``True``."""

    async def recovery_left(self, number: StaffId) -> int:
        """How many recovery codes are unused."""

    def offer(self, link: Link) -> None:
        """Keep a link; others for the same number end."""

    async def link(self, digest: bytes) -> Link | None:
        """A link as it was kept, expired or not."""

    def forget_links(self, *, before: datetime) -> None:
        """Drop links that expired before that moment."""

    async def set_up_until(self) -> datetime | None:
        """Until when there is a link for the set-up."""

    def withdraw(self, number: StaffId | None) -> None:
        """End the links for this number (``None``: for the set-up)."""


class TryStore(Protocol):
    """Wrong tries inside one transaction."""

    async def take(self, keys: Sequence[bytes], *, at: datetime) -> Mapping[bytes, Tries | None]:
        """What is known of each key, locked until the transaction ends, also where nothing is known yet."""

    def keep(self, key: bytes, tries: Tries | None) -> None:
        """Keep what became of one; ``None`` forgets it."""

    def forget(self, *, before: datetime) -> None:
        """Drop those whose last was before that moment."""


class StaffUnit(SessionUnit, Protocol):
    """One transaction of staff's sign-in and administration."""

    @property
    def staff(self) -> StaffStore:
        """The accounts."""

    @property
    def credentials(self) -> CredentialStore:
        """What they prove themselves with."""

    @property
    def tries(self) -> TryStore:
        """Wrong tries."""


class StaffUnits(Protocol):
    """Opens transactions. Raises ``core.refusals.StorageUnavailable`` when the database cannot serve."""

    def begin(self) -> AbstractAsyncContextManager[StaffUnit]:
        """A transaction that will write."""

    def read(self) -> AbstractAsyncContextManager[StaffUnit]:
        """A transaction that only reads; ``commit`` is not needed."""
