"""What features keep about a user, for those moments when the account as a whole changes.

Two accounts of one person become one (``move``), a person asks for all that is kept about them (``export``),
or closes the account (``erase``). A feature that keeps anything by ``UserId`` has one ``Holding``; the
composition root gives all of them to ``accounts/``. Each works inside the transaction of the change.
"""

from datetime import datetime
from typing import Protocol, TypeVar

from core.ids import UserId

Unit_contra = TypeVar("Unit_contra", contravariant=True)


class Holding(Protocol[Unit_contra]):
    """One feature's part. ``Unit_contra`` is the transaction as that feature needs it."""

    @property
    def name(self) -> str:
        """The part's key in the exported document, for example ``patients``."""

    async def move(self, unit: Unit_contra, *, source: UserId, target: UserId, at: datetime) -> None:
        """Give all that ``source`` has to ``target``; what both have becomes one. Again is harmless.

        Bounds that hold for new things (how many there may be) do not hold here: nothing is lost.
        """

    async def export(self, unit: Unit_contra, user: UserId, *, at: datetime) -> object:
        """All of it that is about the person, in plain values that become JSON."""

    async def erase(self, unit: Unit_contra, user: UserId, *, at: datetime) -> None:
        """Keep nothing but what the law requires, and of that nothing that names the person."""
