"""How the neighbours are, and which pages are deployed."""

import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from clinic.directory import HospitalContacts
from core import limits
from core.clock import Clock
from core.outbox import OutboxStore
from handlers.wire import Readiness
from server.health import Found, Probe, readiness


class Unit(Protocol):
    """One moment of the database."""

    @property
    def hospital(self) -> HospitalContacts:
        """What the process that talks to the hospital noted."""


class Units(Protocol):
    """Opens them."""

    def read(self) -> AbstractAsyncContextManager[Unit]:
        """A transaction that only reads."""


class Standing:
    """Asks every neighbour for ``/readyz``."""

    def __init__(
        self, *, units: Units, outbox: OutboxStore, clock: Clock, pages: Path, mirrors: bool
    ) -> None:
        self._units = units
        self._outbox = outbox
        self._clock = clock
        self._pages = pages
        self._mirrors = mirrors

    def readiness(
        self, *, database: Callable[[], Awaitable[None]], broker: Callable[[], Awaitable[None]]
    ) -> Callable[[], Awaitable[Readiness]]:
        """What answers ``/readyz``. The server is ready while its database is.

        Without the broker nothing moves by itself, but snapshots and commands work: turning everybody away
        would help nobody.
        """

        async def database_answers() -> Found:
            await database()
            return Found()

        async def broker_answers() -> Found:
            await broker()
            return Found()

        probes = [
            Probe("database", needed=True, ask=database_answers),
            Probe("broker", needed=False, ask=broker_answers),
            Probe("relay", needed=False, ask=self._relay),
            Probe("pages", needed=False, ask=self._built),
        ]
        if self._mirrors:
            probes.append(Probe("hospital", needed=False, ask=self._hospital))

        async def answer() -> Readiness:
            return await readiness(probes)

        return answer

    def build(self) -> str:
        """The id of the deployed pages; screens reload when it changes."""
        try:
            return str(json.loads((self._pages / "build.json").read_text("utf-8"))["build"])
        except (OSError, ValueError, KeyError):
            return "none"

    async def _hospital(self) -> Found:
        async with self._units.read() as unit:
            contact = await unit.hospital.last()
        if contact.heard_at is None:
            return Found(ok=False, code="never_heard")
        age = (self._clock.now() - contact.heard_at).total_seconds()
        stale = contact.silent_since is not None or age > limits.HOSPITAL_STALE_SECONDS
        return Found(ok=not stale, age_seconds=age, code="silent" if stale else None)

    async def _relay(self) -> Found:
        backlog = await self._outbox.backlog()
        lag = 0.0 if backlog.oldest is None else (self._clock.now() - backlog.oldest).total_seconds()
        behind = lag > limits.RELAY_BEHIND_SECONDS
        return Found(ok=not behind, age_seconds=lag, code="behind" if behind else None)

    async def _built(self) -> Found:
        return Found() if self.build() != "none" else Found(ok=False, code="not_built")
