"""How the neighbours are, and which pages are deployed."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from clinic.directory import HospitalContacts
from core import limits
from core.clock import Clock
from core.outbox import OutboxStore
from core.refusals import Refusal
from handlers.wire import Readiness
from realtime.broker import BrokerUnavailable
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


BrokerServers = Callable[[], Awaitable[Mapping[str, Callable[[], Awaitable[None]]]]]
"""How to ask each of the broker's servers, by name; a broker that cannot even tell them raises."""


class Standing:
    """Asks every neighbour for ``/readyz``."""

    def __init__(
        self,
        *,
        units: Units,
        outbox: OutboxStore,
        clock: Clock,
        pages: Path,
        mirrors: bool,
        log: Callable[[], Awaitable[Found]] | None = None,
    ) -> None:
        self._units = units
        self._outbox = outbox
        self._clock = clock
        self._pages = pages
        self._mirrors = mirrors
        self._log = log

    def readiness(
        self,
        *,
        database: Callable[[], Awaitable[None]],
        broker: BrokerServers,
        others: Sequence[Probe] = (),
    ) -> Callable[[], Awaitable[Readiness]]:
        """What answers ``/readyz``. The server is ready while its database is.

        Without the broker nothing moves by itself, but snapshots and commands work: turning everybody away
        would help nobody. Each of its servers is asked by itself.
        """

        async def database_answers() -> Found:
            await database()
            return Found()

        probes = [
            Probe("database", needed=True, ask=database_answers),
            Probe("relay", needed=False, ask=self._relay),
            Probe("pages", needed=False, ask=self._built),
        ]
        if self._log is not None:
            probes.append(Probe("audit", needed=False, ask=self._log))
        if self._mirrors:
            probes.append(Probe("hospital", needed=False, ask=self._hospital))
        probes += others

        async def answer() -> Readiness:
            return await readiness([*probes, *await _broker_probes(broker)])

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


async def _broker_probes(broker: BrokerServers) -> list[Probe]:
    try:
        async with asyncio.timeout(limits.READY_PROBE_SECONDS):
            servers = await broker()
    except (Refusal, TimeoutError):
        servers = {}

    def probe(name: str, asked: Callable[[], Awaitable[None]]) -> Probe:
        async def ask() -> Found:
            await asked()
            return Found()

        return Probe("broker", needed=False, ask=ask, part=name if len(servers) > 1 else None)

    async def away() -> Found:
        raise BrokerUnavailable

    return [probe(*each) for each in servers.items()] or [Probe("broker", needed=False, ask=away)]
