"""A check-in happens once for its key, and what became of it is asked, never guessed."""

import asyncio

import pytest

from front_machine.contract import (
    AskCheckIn,
    Code,
    Reason,
)
from front_machine.link import HospitalLink, NotOffered
from tests.flow.front_machine.machines import FrontMachine


async def test_a_check_in_happens_once_for_its_key(front: FrontMachine, link: HospitalLink) -> None:
    ask = AskCheckIn(key="k-1", visit="MZ1", line="L1")
    assert (await link.check_in(ask)).code is Code.UNKNOWN_OUTCOME  # the hospital has not decided yet
    front.stranger.run("UPDATE SQ SET ZT = 1, HM = 'A017    ' WHERE K = 'k-1'")
    assert (await link.settle("k-1")).number == "A017"
    again = await link.check_in(ask)
    assert (again.code, again.number) == (Code.OK, "A017")


async def test_a_refused_check_in_says_why(front: FrontMachine, link: HospitalLink) -> None:
    front.stranger.run("INSERT INTO SQ VALUES ('k-2', 'MZ2', 'L1', 2, '01', NULL)")
    outcome = await link.settle("k-2")
    assert (outcome.code, outcome.reason, outcome.his_code) == (
        Code.BUSINESS_ERROR,
        Reason.NO_SUCH_VISIT,
        "01",
    )


async def test_a_key_that_comes_again_with_another_visit_is_refused(
    front: FrontMachine, link: HospitalLink
) -> None:
    await link.check_in(AskCheckIn(key="k-3", visit="MZ1", line="L1"))
    other = await link.check_in(AskCheckIn(key="k-3", visit="MZ2", line="L1"))
    assert (other.code, other.reason) == (Code.BUSINESS_ERROR, Reason.KEY_REUSED)


async def test_a_check_in_that_makes_no_sense_keeps_nobody_else_waiting(
    front: FrontMachine, link: HospitalLink
) -> None:
    with pytest.raises(NotOffered):
        await link.check_in(AskCheckIn(key="k-8", visit="\0", line="L1"))
    other = await link.check_in(AskCheckIn(key="k-7", visit="MZ1", line="L1"))
    assert other.code is Code.UNKNOWN_OUTCOME  # the hospital has not decided yet


async def test_a_key_that_never_arrived_is_empty(link: HospitalLink) -> None:
    assert (await link.settle("k-9")).code is Code.EMPTY


async def test_a_check_in_whose_answer_is_lost_is_unknown_then_settled(front: FrontMachine) -> None:
    hasty = front.link(reply_seconds=1.5)
    assert front.his is not None
    front.his.hanging.clear()
    outcome = await hasty.check_in(AskCheckIn(key="k-4", visit="MZ1", line="L1"))
    assert outcome.code is Code.UNKNOWN_OUTCOME
    front.his.hanging.set()
    await hasty.close()
    calm = front.link()
    async with asyncio.timeout(30):
        while (await calm.settle("k-4")).code is Code.EMPTY:
            await asyncio.sleep(0.05)
    await calm.close()
