"""The pull by itself, against a link of our own: what it asks, what it hands over, what it says once."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import msgspec

from core.clock import ManualClock
from front_machine.contract import AskLineStates, Directory, HisState, HisTicket, LineStates
from front_machine.link import HospitalLink, HospitalUnavailable
from front_machine.page import TWICE
from front_machine.sync import HospitalSync
from tests.flow.front_machine.machines import RememberingMirror
from tests.unit.queue.clinic import MORNING

STATE = b'{"line":"L1","etag":"e1","day":"2026-11-23","open":"open","tickets":[]}'


class ToldLink:
    """Answers what it is told to; a question beyond that waits for ever, as a long poll does."""

    def __init__(self, *answers: LineStates | HospitalUnavailable) -> None:
        self.answers = list(answers)
        self.asked: list[AskLineStates] = []
        self.directories: list[str] = []
        self.idle = asyncio.Event()
        self.before_an_answer: Callable[[], object] = lambda: None

    def retry_in(self) -> float:
        return 0.0

    async def line_states(self, ask: AskLineStates) -> LineStates:
        self.asked.append(ask)
        if not self.answers:
            self.idle.set()
            await asyncio.Event().wait()
        self.before_an_answer()
        answer = self.answers.pop(0)
        if isinstance(answer, HospitalUnavailable):
            raise answer
        return answer

    async def directory(self, etag: str = "") -> tuple[Directory, str]:
        self.directories.append(etag)
        return Directory(), "d1"


def everything(**more: Any) -> LineStates:
    return msgspec.structs.replace(LineStates(as_of=MORNING, changed=(msgspec.Raw(STATE),)), **more)


def a_sync(link: ToldLink, mirror: RememberingMirror, *, stale_seconds: float = 10.0) -> HospitalSync:
    clock = ManualClock(MORNING)
    return HospitalSync(cast(HospitalLink, link), mirror, clock=clock, stale_seconds=stale_seconds)


async def until_idle(sync: HospitalSync, link: ToldLink) -> None:
    """Run it until it waits for news, then take the lease away."""
    link.idle.clear()
    running = asyncio.create_task(sync.run())
    await asyncio.wait_for(link.idle.wait(), 5)
    running.cancel()
    await asyncio.wait([running])


async def test_an_observation_is_as_old_as_the_front_machine_says() -> None:
    mirror = RememberingMirror()
    await a_sync(ToldLink(everything(age_seconds=3.0)), mirror).pull_once()
    assert mirror.observations[0].as_of == MORNING - timedelta(seconds=3)


async def test_a_pull_that_begins_again_takes_nothing_as_known() -> None:
    link, mirror = ToldLink(everything()), RememberingMirror()
    sync = a_sync(link, mirror)
    await until_idle(sync, link)
    assert [dict(ask.known) for ask in link.asked] == [{}, {"L1": "e1"}]
    link.answers.append(everything())
    await until_idle(sync, link)
    assert [dict(ask.known) for ask in link.asked[2:]] == [{}, {"L1": "e1"}]
    assert link.directories == ["", ""]
    assert link.asked[2].wait_seconds == 0, "and does not wait for news before it has anything"


async def test_an_outage_is_said_once_and_the_next_one_again() -> None:
    away = HospitalUnavailable("timeout")
    link, mirror = ToldLink(away, away, everything(), away, away), RememberingMirror()
    await until_idle(a_sync(link, mirror, stale_seconds=0.0), link)
    assert len(mirror.silences) == 2


async def test_silence_is_counted_from_the_last_answer_not_from_the_beginning() -> None:
    link, mirror = ToldLink(everything(), HospitalUnavailable("timeout")), RememberingMirror()
    clock = ManualClock(MORNING)
    sync = HospitalSync(cast(HospitalLink, link), mirror, clock=clock, stale_seconds=10.0)
    link.before_an_answer = lambda: clock.advance(timedelta(seconds=8))
    await until_idle(sync, link)
    assert mirror.silences == [], "eight seconds after an answer are no outage, sixteen after the start"


async def test_a_ticket_told_twice_holds_its_line_back_and_no_other() -> None:
    row = msgspec.json.encode(HisTicket(number="A1", visit="v1", state=HisState.WAITING, his_code="1"))
    twice = STATE.replace(b"[]", b"[" + row + b"," + row + b"]")
    other = STATE.replace(b"L1", b"L2")
    mirror = RememberingMirror()
    seen = await a_sync(
        ToldLink(everything(changed=(msgspec.Raw(twice), msgspec.Raw(other)))), mirror
    ).pull_once()
    assert [(trouble.line, trouble.row, trouble.why) for trouble in seen.troubled] == [("L1", 2, TWICE)]
    assert list(mirror.states) == ["L2"]


async def test_a_directory_that_is_known_is_asked_for_by_its_tag() -> None:
    link, mirror = ToldLink(everything()), RememberingMirror()
    sync = HospitalSync(cast(HospitalLink, link), mirror, clock=ManualClock(MORNING), directory_seconds=0.01)
    running = asyncio.create_task(sync.run())
    async with asyncio.timeout(60):
        while len(link.directories) < 3:
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.wait([running])
    assert link.directories[:3] == ["", "d1", "d1"]
