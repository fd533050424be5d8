"""The directory and the long-poll over real TLS sockets."""

import asyncio

import msgspec

from front_machine.contract import (
    AskLineStates,
    HisState,
    LineState,
)
from front_machine.link import HospitalLink
from tests.flow.front_machine.machines import FrontMachine, tags_of


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


async def test_a_long_poll_wakes_on_a_change(front: FrontMachine, link: HospitalLink) -> None:
    first = await link.line_states(AskLineStates())
    known = tags_of(first)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    waiting = asyncio.create_task(link.line_states(AskLineStates(known=known, wait_seconds=4)))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    front.stranger.move("L2", "A002", "2 ")
    changed = (await waiting).changed
    assert loop.time() - begun < 3.0
    state = msgspec.json.decode(changed[0], type=LineState)
    assert (len(changed), state.line, state.tickets[1].state) == (1, "L2", HisState.CALLED)


async def test_a_long_poll_ends_at_its_bound_with_a_confirmation(link: HospitalLink) -> None:
    first = await link.line_states(AskLineStates())
    known = tags_of(first)
    answer = await link.line_states(AskLineStates(known=known, wait_seconds=2.0))
    assert (answer.changed, answer.gone, answer.troubles) == ((), (), ())
    assert answer.as_of > first.as_of
    assert answer.age_seconds < 1.5, "the age is that of the last look, not of the question"


async def test_many_who_wait_share_the_questions_to_the_hospital(front: FrontMachine) -> None:
    links = [front.link() for _ in range(8)]
    first = await links[0].line_states(AskLineStates())
    known = tags_of(first)
    before = front.asked
    await asyncio.gather(*(link.line_states(AskLineStates(known=known, wait_seconds=0.5)) for link in links))
    assert front.asked - before <= 12
    for link in links:
        await link.close()


async def test_draining_answers_who_waits(front: FrontMachine, link: HospitalLink) -> None:
    first = await link.line_states(AskLineStates())
    known = tags_of(first)
    waiting = asyncio.create_task(link.line_states(AskLineStates(known=known, wait_seconds=4)))
    await asyncio.sleep(0.1)
    begun = asyncio.get_running_loop().time()
    await front.stop()
    assert (await waiting).changed == ()
    assert asyncio.get_running_loop().time() - begun < 1.0
