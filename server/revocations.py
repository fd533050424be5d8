"""What this process must know of revoked tokens, whether it was listening or not.

Normally a revocation is heard within milliseconds (``realtime.control``). A process that has just started,
or was cut off from the broker, reads the live ones from the database: at start, after every interruption, and
every few seconds besides.
"""

import asyncio
import contextlib

import structlog

from core import limits
from core.clock import Clock
from core.refusals import StorageUnavailable
from realtime.revocations import Revoked, Units
from realtime.revoking import TakeBack

log = structlog.get_logger()


class RevocationReader:
    """Keeps ``revoked`` up to date from the database."""

    def __init__(
        self,
        units: Units,
        revoked: Revoked,
        *,
        clock: Clock,
        take_back: TakeBack,
        read_seconds: float = limits.REVOCATION_READ_SECONDS,
    ) -> None:
        self._units = units
        self._revoked = revoked
        self._clock = clock
        self._take_back = take_back
        self._read_seconds = read_seconds
        self._soon = asyncio.Event()

    def read_soon(self) -> None:
        """Something may have been missed."""
        self._soon.set()

    async def read(self) -> None:
        """Read all that are live and carry out what is new. Raises ``StorageUnavailable``."""
        now = self._clock.now()
        after = ("", "")
        async with self._units.read() as unit:
            while True:
                page = await unit.revocations.live(at=now, after=after, limit=limits.REVOCATIONS_AT_ONCE)
                self._take_back(page)
                if len(page) < limits.REVOCATIONS_AT_ONCE:
                    break
                after = (page[-1].of.value, page[-1].name)
        self._revoked.forget(at=now)

    async def run(self) -> None:
        """Read for ever. An outage of the database is said once; what is known stays in force."""
        away = False
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._read_seconds):
                    await self._soon.wait()
            self._soon.clear()
            try:
                await self.read()
            except StorageUnavailable as trouble:
                if not away:
                    log.warning("revocations.storage_away", why=trouble.facts.get("why"))
                away = True
                # Not at once again, however often the broker says that something was missed.
                await asyncio.sleep(limits.WORK_RETRY_SECONDS)
                self._soon.set()
            else:
                away = False
