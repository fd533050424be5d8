"""Watch, breaker, seldom: the small parts that keep a hospital from being pestered."""

import asyncio

import pytest

from front_machine.breaker import Breaker
from front_machine.seldom import Seldom
from front_machine.watch import Watch


class Hands:
    """A monotonic clock turned by hand."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


async def test_many_who_wait_share_one_question() -> None:
    asked = 0

    async def observe() -> int:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.01)
        return asked

    watch = Watch(observe, poll_seconds=0.05, monotonic=asyncio.get_running_loop().time)
    assert await asyncio.gather(*(watch.look() for _ in range(50))) == [1] * 50
    begun = asyncio.get_running_loop().time()
    assert await asyncio.gather(*(watch.look() for _ in range(50))) == [2] * 50
    assert asyncio.get_running_loop().time() - begun > 0.02
    assert asked == 2


async def test_who_leaves_does_not_take_the_answer_from_the_others() -> None:
    async def observe() -> str:
        await asyncio.sleep(0.02)
        return "seen"

    watch = Watch(observe, poll_seconds=0.05, monotonic=asyncio.get_running_loop().time)
    leaver = asyncio.create_task(watch.look())
    stayer = asyncio.create_task(watch.look())
    await asyncio.sleep(0)
    leaver.cancel()
    assert await stayer == "seen"


async def test_a_failure_reaches_everybody_and_is_not_remembered() -> None:
    answers = iter([RuntimeError("x"), "seen"])

    async def observe() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    watch = Watch(observe, poll_seconds=0.01, monotonic=asyncio.get_running_loop().time)
    failures = await asyncio.gather(watch.look(), watch.look(), return_exceptions=True)
    assert [type(failure) for failure in failures] == [RuntimeError, RuntimeError]
    assert await watch.look() == "seen"


def test_the_breaker_waits_longer_with_every_failure_up_to_a_bound() -> None:
    hands = Hands()
    breaker = Breaker(monotonic=hands, chance=lambda: 0.0, first=0.25, longest=2.0)
    waits = []
    for _ in range(5):
        breaker.failed()
        waits.append(breaker.wait_seconds())
    assert waits == [0.25, 0.5, 1.0, 2.0, 2.0]
    hands.at += 2.0
    assert breaker.wait_seconds() == 0
    breaker.succeeded()
    breaker.failed()
    assert breaker.wait_seconds() == 0.25


def test_chance_only_shortens() -> None:
    breaker = Breaker(monotonic=Hands(), chance=lambda: 0.999, first=0.3, longest=2.0)
    breaker.failed()
    assert breaker.wait_seconds() == pytest.approx(0.2, abs=0.01)


def test_the_same_thing_is_said_once_a_day() -> None:
    hands = Hands()
    seldom = Seldom(monotonic=hands)
    assert seldom.is_due("code", "K7")
    assert not seldom.is_due("code", "K7")
    assert seldom.is_due("code", "K8")
    hands.at += 24 * 3600
    assert seldom.is_due("code", "K7")


def test_what_was_said_is_bounded() -> None:
    seldom = Seldom(monotonic=Hands(), keys=3)
    for key in range(5):
        assert seldom.is_due(key)
    assert not seldom.is_due(4)
    assert seldom.is_due(0)
