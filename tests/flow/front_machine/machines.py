"""A whole front machine on a free port, a platform before it, and a mirror that remembers all."""

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapters.his.registry import open_his
from core.clock import SystemClock
from front_machine.contract import Directory, LineState, LineStates, PastDay
from front_machine.gateway import Gateway, build_gateway
from front_machine.his import HisLink, Question, Rows
from front_machine.link import HospitalLink, HospitalUnavailable, client_context
from front_machine.mirror import Observation
from front_machine.settings import Tls
from front_machine.sync import HospitalSync
from server.pki import Pki, make_pki
from tests.services.stranger import Stranger, settings

PATIENT_SECONDS = 60.0
"""How long an answer may take that is sure to come, on a busy machine too."""


class CountingLink:
    """The hospital's system, counted, and made to hang when told so."""

    def __init__(self, inner: HisLink) -> None:
        self.inner = inner
        self.asked = 0
        self.questions = Counter[str]()
        """How often each question of the mapping was asked."""
        self.hanging = asyncio.Event()
        self.hanging.set()

    async def ask(self, questions: Sequence[Question]) -> list[Rows]:
        self.asked += 1
        self.questions.update(question.key for question in questions)
        await self.hanging.wait()
        return await self.inner.ask(questions)

    async def tell(self, statement: Question) -> None:
        self.asked += 1
        await self.hanging.wait()
        await self.inner.tell(statement)

    async def close(self) -> None:
        self.hanging.set()
        await self.inner.close()


@dataclass
class RememberingMirror:
    """Keeps the last state of each line and wakes who waits for something."""

    states: dict[str, LineState] = field(default_factory=dict)
    confirmed: dict[str, datetime] = field(default_factory=dict)
    observations: list[Observation] = field(default_factory=list)
    directories: list[Directory] = field(default_factory=list)
    silences: list[datetime] = field(default_factory=list)
    wanted: list[date] = field(default_factory=list)
    past_days: dict[date, Sequence[PastDay]] = field(default_factory=dict)
    past_ends: int = 0
    refuse: set[str] = field(default_factory=set)
    broken: bool = False
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def apply(self, observation: Observation) -> Collection[str]:
        if self.broken:
            raise OSError("the disk is full")
        self.observations.append(observation)
        for state in observation.changed:
            if state.line not in self.refuse:
                self.states[state.line] = state
                self.confirmed[state.line] = observation.as_of
        for line in observation.unchanged:
            self.confirmed[line] = observation.as_of
        for line in observation.gone:
            self.states.pop(line, None)
        self.came.set()
        return self.refuse

    async def directory(self, directory: Directory) -> None:
        self.directories.append(directory)
        self.came.set()

    async def past_wanted(self) -> Sequence[date]:
        return self.wanted

    async def past(self, day: date, told: Sequence[PastDay]) -> None:
        self.past_days[day] = told

    async def past_ended(self) -> None:
        self.past_ends += 1
        self.came.set()

    async def unreachable(self, since: datetime) -> None:
        self.silences.append(since)
        self.came.set()

    async def until(self, holds: Any, *, seconds: float = 30.0) -> None:
        """Wait until the condition holds after some hand-over."""
        async with asyncio.timeout(seconds):
            while not holds():
                self.came.clear()
                await self.came.wait()


class FrontMachine:
    """One running front machine in this process, over a stranger's file."""

    def __init__(self, folder: Path, stranger: Stranger, **changes: Any) -> None:
        self.folder = folder
        self.stranger = stranger
        self.changes = changes
        self.pki: Pki = make_pki(folder / "pki")
        self.his: CountingLink | None = None
        self.gateway: Gateway | None = None
        self.port = 0

    @property
    def asked(self) -> int:
        """How often the hospital's system was asked."""
        assert self.his is not None
        return self.his.asked

    async def start(self) -> None:
        built = msgspec.structs.replace(
            settings(self.stranger.file, **{"listen__port": self.port, **self.changes}),
            tls=Tls(
                ca=str(self.pki.ca),
                certificate=str(self.pki.front_machine),
                key=str(self.pki.front_machine_key),
            ),
        )
        self.his = CountingLink(open_his(built.his))
        self.gateway = build_gateway(built, self.his, clock=SystemClock())
        await self.gateway.start()
        self.port = self.gateway.port

    async def stop(self) -> None:
        if self.gateway is not None:
            await self.gateway.drain()
            self.gateway = None

    def context(self, pki: Pki | None = None) -> ssl.SSLContext:
        """The platform's TLS, or that of somebody with other files who trusts our authority."""
        shown = pki or self.pki
        return client_context(ca=self.pki.ca, certificate=shown.platform, key=shown.platform_key)

    def link(
        self, *, context: ssl.SSLContext | None = None, reply_seconds: float = PATIENT_SECONDS
    ) -> HospitalLink:
        return HospitalLink(
            url=f"https://localhost:{self.port}",
            context=context or self.context(),
            clock=SystemClock(),
            chance=lambda: 0.5,
            reply_seconds=reply_seconds,
        )


@asynccontextmanager
async def syncing(
    front: FrontMachine,
    mirror: RememberingMirror,
    *,
    reply_seconds: float = PATIENT_SECONDS,
    stale_seconds: float = 10.0,
    directory_seconds: float = 0.2,
) -> AsyncIterator[HospitalSync]:
    """The platform's pull, running."""
    link = front.link(reply_seconds=reply_seconds)
    sync = HospitalSync(
        link,
        mirror,
        clock=SystemClock(),
        wait_seconds=min(1.0, reply_seconds / 2),
        stale_seconds=stale_seconds,
        directory_seconds=directory_seconds,
    )
    running = asyncio.create_task(sync.run())
    try:
        yield sync
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await link.close()


async def refused(front: FrontMachine, context: ssl.SSLContext) -> str:
    """The cause for which a ping is refused."""
    link = front.link(context=context)
    try:
        with pytest.raises(HospitalUnavailable) as error:
            await link.ping()
        return error.value.cause
    finally:
        await link.close()


def tags_of(answer: LineStates) -> dict[str, str]:
    """What a platform that got this answer holds now."""
    states = [msgspec.json.decode(raw, type=LineState) for raw in answer.changed]
    return {state.line: state.etag for state in states}
