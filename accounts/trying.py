"""Counting one try at signing in, in the transaction that judges it: for the number, and for the address."""

from dataclasses import dataclass
from datetime import datetime

from accounts.lockout import TriedAt, counted, forgiven
from accounts.staff_store import StaffUnit
from core.ids import StaffId


@dataclass(frozen=True, slots=True)
class Trying:
    """One try. An empty address (this machine itself) is not counted."""

    at: TriedAt
    number: StaffId
    address: str

    async def count(self, unit: StaffUnit, *, at: datetime) -> None:
        """Count it before it is judged. Refuses with ``TooManyTries``."""
        known = await unit.tries.take(list(self._keys), at=at)
        for key, of in self._keys.items():
            unit.tries.keep(key, counted(known[key], of, at=at))

    async def forgive(self, unit: StaffUnit, *, at: datetime) -> None:
        """It was right: of the number nothing is held against it any more, of the address only this try."""
        known = await unit.tries.take(list(self._keys), at=at)
        for key, of in self._keys.items():
            unit.tries.keep(key, forgiven(known[key], of) if of is TriedAt.ADDRESS else None)

    @property
    def _keys(self) -> dict[bytes, TriedAt]:
        keys = {self.at.key(self.number): self.at}
        if self.address:
            keys[TriedAt.ADDRESS.key(self.address)] = TriedAt.ADDRESS
        return keys
