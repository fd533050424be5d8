"""Hashing of passwords, as accounts need it: slow on purpose, and so in turns and beside the loop."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

from core.refusals import Unavailable

T = TypeVar("T")


class PasswordsBusy(Unavailable):
    """Too many are signing in at this moment; nothing was counted, try again in a few seconds."""

    code = "staff.busy"


class Passwords(Protocol):
    """Hashes and checks. Everything but ``turn`` and ``is_outdated`` is for whoever has a turn."""

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Wait until there is room. Refuses with ``PasswordsBusy`` when too many wait already."""

    async def hash(self, password: str) -> str:
        """The password as it is kept."""

    async def verify(self, kept: str | None, password: str) -> bool:
        """Whether it is the password. ``None`` (nobody's) takes as long as any other and is never right."""

    def is_outdated(self, kept: str) -> bool:
        """Whether it was hashed more weakly than is done today."""

    async def run(self, work: Callable[[], T]) -> T:
        """Run something else that takes its time, in the same turn."""
