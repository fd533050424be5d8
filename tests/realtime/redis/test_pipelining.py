"""Commands of many callers on one connection: in one write, each reply to the right one, whatever fails."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.redis.scripts import Script
from adapters.redis.server import Server
from adapters.redis.wire import Refused
from core import limits
from realtime.broker import BrokerUnavailable
from tests.realtime.redis.fake import OK, FakeRedis, bulk, server_at


@pytest.fixture
async def fake() -> AsyncIterator[FakeRedis]:
    async with FakeRedis().serving() as serving:
        yield serving


@pytest.fixture
async def server(fake: FakeRedis) -> AsyncIterator[Server]:
    made = server_at(fake)
    yield made
    await made.close()


def echo(command: list[bytes]) -> bytes:
    return bulk(command[1])


async def gone(awaitable: Any) -> bool:
    try:
        await awaitable
    except BrokerUnavailable:
        return True
    return False


async def test_what_one_turn_asks_for_leaves_in_one_write(fake: FakeRedis, server: Server) -> None:
    fake.answer = echo
    wire = await server.writing.wire()
    writes: list[bytes] = []
    write = wire._transport.write
    wire._transport.write = lambda data: (writes.append(data), write(data))  # type: ignore[method-assign]
    answers = await asyncio.gather(*(wire.ask("ECHO", f"{number}") for number in range(200)))
    assert answers == [b"%d" % number for number in range(200)]
    assert len(writes) == 1


def test_each_reply_reaches_its_caller_however_it_is_cut_and_whoever_gave_up() -> None:
    @settings(deadline=None, max_examples=15)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        asyncio.run(one(data))

    async def one(data: st.DataObject) -> None:
        count = data.draw(st.integers(1, 60))
        cuts = sorted(data.draw(st.sets(st.integers(1, count * 12), max_size=12)))
        leaving = data.draw(st.sets(st.integers(0, count - 1)))
        async with FakeRedis().serving() as fake:
            held = bytearray()

            def hold(command: list[bytes]) -> None:
                held.extend(b"-ERR odd\r\n" if int(command[1]) % 5 == 4 else echo(command))

            fake.answer = hold
            server = server_at(fake)
            wire = await server.writing.wire()
            asked = [wire.ask("ECHO", number) for number in range(count)]
            await fake.until_heard(count)
            for number in leaving:
                asked[number].cancel()
            begin = 0
            for cut in (*cuts, len(held)):
                fake.say(bytes(held[begin:cut]))
                begin = max(begin, cut)
                await asyncio.sleep(0)
            replies = await asyncio.gather(*asked, return_exceptions=True)
            for number, reply in enumerate(replies):
                if number in leaving:
                    assert isinstance(reply, asyncio.CancelledError)
                elif number % 5 == 4:
                    assert isinstance(reply, Refused)
                else:
                    assert reply == b"%d" % number
            await server.close()

    check()


async def test_only_so_many_are_unanswered_and_the_rest_waits_here(
    fake: FakeRedis, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "BROKER_COMMANDS_IN_FLIGHT", 4)
    fake.answer = lambda command: None
    wire = await server.writing.wire()
    asked = [wire.ask("ECHO", number) for number in range(10)]
    await fake.until_heard(4)
    await asyncio.sleep(0.02)
    assert len(fake.heard) == 4
    fake.say(b":0\r\n:1\r\n:2\r\n")
    await fake.until_heard(7)
    assert [await each for each in asked[:3]] == [0, 1, 2]
    fake.answer = echo
    fake.say(b":3\r\n:4\r\n:5\r\n:6\r\n")
    assert await asyncio.gather(*asked) == [0, 1, 2, 3, 4, 5, 6, b"7", b"8", b"9"]


async def test_more_than_may_wait_is_refused_at_once(
    fake: FakeRedis, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "BROKER_COMMANDS_WAITING", 5)
    monkeypatch.setattr(limits, "BROKER_WAITING_BYTES", 1_000)
    fake.answer = echo
    wire = await server.writing.wire()
    asked = [wire.ask("ECHO", number) for number in range(5)]
    with pytest.raises(BrokerUnavailable):
        wire.ask("ECHO", 5)
    await asyncio.gather(*asked)
    with pytest.raises(BrokerUnavailable):
        wire.ask("ECHO", b"x" * 1_001)
    assert await wire.ask("ECHO", 6) == b"6"


async def test_a_cut_connection_fails_all_in_flight_and_its_late_replies_reach_nobody(
    fake: FakeRedis, server: Server
) -> None:
    fake.answer = lambda command: None
    wire = await server.writing.wire()
    asked = [wire.ask("ECHO", f"old {number}") for number in range(20)]
    await fake.until_heard(20)
    old = fake.writers[0]
    old.write(bulk(b"old 0"))
    old.write(b"$5\r\nol")
    await asked[0]
    fake.cut()
    assert all([await gone(each) for each in asked[1:]])
    with pytest.raises(BrokerUnavailable):
        wire.ask("ECHO", "older")
    fake.answer = echo
    again = await server.writing.wire()
    assert again is not wire
    assert await again.ask("ECHO", "new") == b"new"


async def test_a_silent_server_is_away_until_it_answers_again(fake: FakeRedis) -> None:
    server = server_at(fake, reply_seconds=0.1)
    fake.answer = echo
    wire = await server.writing.wire()
    assert await wire.ask("ECHO", "1") == b"1"
    fake.silent = True
    assert all(await asyncio.gather(*(gone(wire.ask("ECHO", number)) for number in range(5))))
    assert server.away
    for _ in range(3):
        # Nobody waits for a server that is known to be away.
        with pytest.raises(BrokerUnavailable):
            server.writing.wire().send(None)
    fake.silent = False
    async with asyncio.timeout(10):
        while await gone(server.writing.wire()):
            await asyncio.sleep(0.005)
    assert not server.away
    wire = await server.writing.wire()
    assert await wire.ask("ECHO", "2") == b"2"
    await server.close()


async def test_callers_wait_together_for_one_connection(fake: FakeRedis, server: Server) -> None:
    fake.answer = echo

    async def call(number: int) -> bytes:
        return await (await server.writing.wire()).ask("ECHO", number)

    assert await asyncio.gather(*map(call, range(50))) == [b"%d" % number for number in range(50)]
    assert len(fake.writers) == 1
    fake.cut()
    await asyncio.sleep(0.01)
    assert await asyncio.gather(*map(call, range(50))) == [b"%d" % number for number in range(50)]
    assert len(fake.writers) == 1


async def test_a_script_that_the_server_lost_is_sent_again_and_the_order_stays(
    fake: FakeRedis, server: Server
) -> None:
    script = Script("return ARGV[2]", told_run=True)
    known = False
    ran: list[bytes] = []

    def answer(command: list[bytes]) -> bytes:
        nonlocal known
        if command[0] == b"EVAL":
            known = True
        elif not known:
            return b"-NOSCRIPT no matching script\r\n"
        ran.append(command[-1])
        assert command[-2] == b"aaaaaaaa"
        return bulk(command[-1])

    fake.answer = answer
    wire = await server.writing.wire()
    first = [asyncio.ensure_future(wire.run_script(script, ("k",), number)) for number in range(30)]
    await asyncio.gather(*first)
    known = False
    calls = [wire.run_script(script, ("k",), number) for number in range(30, 60)]
    assert await asyncio.gather(*calls) == [b"%d" % number for number in range(30, 60)]
    assert ran == [b"%d" % number for number in range(60)]


@pytest.mark.parametrize(
    "garbage", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"$notanumber\r\n", b":1\r\n:2\r\n:3\r\n"]
)
async def test_a_server_that_says_what_nobody_asked_is_left(
    fake: FakeRedis, server: Server, garbage: bytes
) -> None:
    fake.answer = lambda command: None
    wire = await server.writing.wire()
    asked = [wire.ask("ECHO", number) for number in range(2)]
    await fake.until_heard(2)
    fake.say(garbage)
    await asyncio.gather(*asked, return_exceptions=True)
    async with asyncio.timeout(10):
        while not wire.lost:
            await asyncio.sleep(0.001)
    fake.answer = echo
    assert await (await server.writing.wire()).ask("ECHO", "new") == b"new"


async def test_a_refusal_ends_no_connection_but_that_of_a_master_no_more(
    fake: FakeRedis, server: Server
) -> None:
    fake.answer = lambda command: b"-OOM command not allowed\r\n"
    wire = await server.writing.wire()
    with pytest.raises(Refused) as refused:
        await wire.ask("SET", "a", 1)
    server.unavailable(refused.value)
    assert server.writing.current is wire
    fake.answer = lambda command: b"-READONLY You can't write against a read only replica.\r\n"
    with pytest.raises(Refused) as refused:
        await wire.ask("SET", "a", 1)
    server.unavailable(refused.value)
    assert server.writing.current is None


@pytest.mark.parametrize(("role", "mode"), [(b"slave", b"standalone"), (b"master", b"cluster")])
async def test_a_server_of_another_kind_is_not_used(
    fake: FakeRedis, server: Server, role: bytes, mode: bytes
) -> None:
    fake.role, fake.mode = role, mode
    with pytest.raises(BrokerUnavailable):
        await server.ping()
    assert server.away
    fake.role, fake.mode = b"master", b"standalone"
    async with asyncio.timeout(10):
        while await gone(server.ping()):
            await asyncio.sleep(0.005)


async def test_a_new_connection_to_another_server_ends_those_to_the_old_one(
    fake: FakeRedis, server: Server
) -> None:
    fake.answer = lambda command: OK
    before = await server.writing.wire()
    assert before.run == "a" * 8
    fake.run = "b" * 40
    after = await server.reading.wire()
    assert after.run == "b" * 8
    assert before.lost
    assert (await server.writing.wire()).run == "b" * 8
