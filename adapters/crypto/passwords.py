"""``accounts.passwords.Passwords`` with argon2id (RFC 9106), beside the loop.

The work is done by a few threads of lower priority: the library lets go of the interpreter while it hashes,
and the scheduler gives the loop's thread its turn first. What waits is bounded; more is refused at once.
"""

import asyncio
import base64
import contextlib
import os
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from accounts.passwords import PasswordsBusy
from core import limits

T = TypeVar("T")


class Argon2Passwords:
    """The passwords of one process. ``close`` it in the end.

    The defaults are those of RFC 9106, 4, second choice, with one lane: 64 MiB and three passes, so
    ``PASSWORD_HASHES_AT_ONCE`` of them take 128 MiB for a moment.
    """

    def __init__(
        self,
        *,
        memory_kib: int | None = None,
        passes: int | None = None,
        at_once: int | None = None,
        waiting: int = limits.PASSWORD_HASHES_WAITING,
    ) -> None:
        memory_kib = memory_kib or limits.PASSWORD_HASH_KIB
        passes = passes or limits.PASSWORD_HASH_PASSES
        # One processor is the loop's.
        at_once = at_once or min(limits.PASSWORD_HASHES_AT_ONCE, max(1, (os.cpu_count() or 1) - 1))
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
        self._threads = ThreadPoolExecutor(at_once, "passwords", initializer=_step_back)
        self._turns = asyncio.Semaphore(at_once)
        self._room = at_once + waiting
        self._taken = 0
        self._nobodys = _nobodys(memory_kib, passes)

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn; everything below is for whoever has one. Refuses with ``PasswordsBusy``."""
        if self._taken >= self._room:
            raise PasswordsBusy()
        self._taken += 1
        try:
            async with self._turns:
                yield
        finally:
            self._taken -= 1

    async def hash(self, password: str) -> str:
        return await self.run(lambda: self._hasher.hash(password))

    async def verify(self, kept: str | None, password: str) -> bool:
        against = self._nobodys if kept is None else kept
        right = await self.run(lambda: self._is_right(against, password))
        return right and kept is not None

    def is_outdated(self, kept: str) -> bool:
        return self._hasher.check_needs_rehash(kept)

    async def run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def close(self) -> None:
        """Let the threads end; a hash under way is finished."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _is_right(self, kept: str, password: str) -> bool:
        try:
            return self._hasher.verify(kept, password)
        except (VerificationError, InvalidHashError):
            return False


def _nobodys(memory_kib: int, passes: int) -> str:
    """A hash of no password, that takes as long to check as any other."""
    salt, digest = (base64.b64encode(os.urandom(size)).decode().rstrip("=") for size in (16, 32))
    return f"$argon2id$v=19$m={memory_kib},t={passes},p=1${salt}${digest}"


def _step_back() -> None:
    """Give this thread a lower priority. Linux takes a thread's number here."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), limits.PASSWORD_HASH_NICENESS)
