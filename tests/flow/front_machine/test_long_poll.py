"""The directory and the long-poll over real TLS sockets."""

import asyncio

import msgspec
import pytest

from core import limits
from core.clock import SystemClock
from front_machine.contract import (
    AskLineStates,
    HisState,
    LineState,
)
from front_machine.link import HospitalLink
from tests.flow.front_machine.machines import FrontMachine, tags_of
from tests.services.stranger import POLL_SECONDS


async def test_the_directory_is_answered_once_until_it_changes(
    front: FrontMachine, link: HospitalLink
) -> None:
    answer = await link.directory()
    assert answer is not None
    directory, tag = answer
    assert [line.code for line in directory.lines] == ["L1", "L2"]
    assert await link.directory(tag) is None
    front.stranger.open_line("L3")
    again = await link.directory(tag)
    assert again is not None
    assert len(again[0].lines) == 3


async def test_tags_stay_the_same_after_a_restart(front: FrontMachine, link: HospitalLink) -> None:
    before = await link.line_states(AskLineStates())
    await front.stop()
    await front.start()
    again = front.link()
    after = await again.line_states(AskLineStates())
    assert sorted(before.changed, key=bytes) == sorted(after.changed, key=bytes)
    await again.close()


@pytest.fixture
def long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long poll may last a minute: whatever ends sooner was ended by something."""
    monkeypatch.setattr(limits, "HOSPITAL_WAIT_SECONDS", 60.0)


async def looks_again(front: FrontMachine) -> None:
    """Wait until the hospital was asked twice more: whoever waits has seen an answer of it."""
    before = front.asked
    async with asyncio.timeout(30):
        while front.asked < before + 2:
            await asyncio.sleep(0.01)


@pytest.mark.usefixtures("long_waits")
async def test_a_long_poll_wakes_on_a_change(front: FrontMachine, link: HospitalLink) -> None:
    known = tags_of(await link.line_states(AskLineStates()))
    waiting = asyncio.create_task(link.line_states(AskLineStates(known=known, wait_seconds=60)))
    await looks_again(front)
    assert not waiting.done()
    front.stranger.move("L2", "A002", "2 ")
    async with asyncio.timeout(30):
        changed = (await waiting).changed
    state = msgspec.json.decode(changed[0], type=LineState)
    assert (len(changed), state.line, state.tickets[1].state) == (1, "L2", HisState.CALLED)


async def test_a_long_poll_ends_at_its_bound_with_a_confirmation(link: HospitalLink) -> None:
    first = await link.line_states(AskLineStates())
    known = tags_of(first)
    asked = SystemClock().now()
    answer = await link.line_states(AskLineStates(known=known, wait_seconds=1.0))
    assert (answer.changed, answer.gone, answer.troubles) == ((), (), ())
    assert answer.as_of > asked, "it is of the last look, not of the question"
    assert 0 <= answer.age_seconds <= (SystemClock().now() - asked).total_seconds()


async def test_many_who_wait_share_the_questions_to_the_hospital(front: FrontMachine) -> None:
    links = [front.link() for _ in range(8)]
    for link in links:  # everybody is connected before the waiting begins
        first = await link.line_states(AskLineStates())
    known = tags_of(first)
    before, begun = front.asked, asyncio.get_running_loop().time()
    await asyncio.gather(*(link.line_states(AskLineStates(known=known, wait_seconds=0.5)) for link in links))
    looks = (asyncio.get_running_loop().time() - begun) / POLL_SECONDS
    assert front.asked - before <= looks + 2, "as one alone would have asked"
    for link in links:
        await link.close()


@pytest.mark.usefixtures("long_waits")
async def test_draining_answers_who_waits(front: FrontMachine, link: HospitalLink) -> None:
    known = tags_of(await link.line_states(AskLineStates()))
    waiting = asyncio.create_task(link.line_states(AskLineStates(known=known, wait_seconds=60)))
    await looks_again(front)
    async with asyncio.timeout(30):
        await front.stop()
        assert (await waiting).changed == ()
