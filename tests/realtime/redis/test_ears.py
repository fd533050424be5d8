"""Hearing over one connection: in order, not all at once, told who is heard and who is not."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from adapters.redis.server import Server
from core import limits
from realtime.broker import BrokerUnavailable
from tests.realtime.redis.fake import OK, FakeRedis, array, bulk, message, server_at


class Listener:
    """Notes what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.turns: list[int] = []
        self.told: list[Sequence[str]] = []

    def hear(self, name: str, body: bytes) -> None:
        self.heard.append((name, body))
        self.turns.append(Listener.turn)

    def interrupted(self, names: Sequence[str]) -> None:
        self.told.append(sorted(names))

    turn = 0

    @classmethod
    def count_turns(cls) -> None:
        cls.turn += 1
        asyncio.get_running_loop().call_soon(cls.count_turns)


def confirm(command: list[bytes]) -> bytes:
    kind = command[0].lower()
    return b"".join(array(bulk(kind), bulk(name), b":1\r\n") for name in command[1:])


@pytest.fixture
async def fake() -> AsyncIterator[FakeRedis]:
    async with FakeRedis().serving() as serving:
        serving.answer = confirm
        yield serving


@pytest.fixture
async def server(fake: FakeRedis) -> AsyncIterator[Server]:
    made = server_at(fake)
    yield made
    await made.close()


async def until(true: object) -> None:
    async with asyncio.timeout(10):
        while not true():  # type: ignore[operator]
            await asyncio.sleep(0.001)


async def test_a_flood_is_heard_in_order_and_leaves_the_loop_its_turns(
    fake: FakeRedis, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "BROKER_MESSAGES_PER_TURN", 50)
    listener = Listener()
    await server.ear.add(["a", "b"], listener)
    Listener.count_turns()
    fake.say(b"".join(message(b"ab"[n % 2 : n % 2 + 1], b"%d" % n) for n in range(5_000)))
    await until(lambda: len(listener.heard) == 5_000)
    assert [body for _, body in listener.heard] == [b"%d" % n for n in range(5_000)]
    most = max(listener.turns.count(turn) for turn in set(listener.turns))
    assert most <= 50


async def test_many_callers_subscribe_in_one_write(fake: FakeRedis, server: Server) -> None:
    listener = Listener()
    await server.ear.start()
    wire = server.ear.current
    assert wire is not None
    writes: list[bytes] = []
    write = wire._transport.write
    wire._transport.write = lambda data: (writes.append(data), write(data))  # type: ignore[method-assign]
    await asyncio.gather(*(server.ear.add([f"n{number}"], listener) for number in range(100)))
    assert len(writes) == 1
    assert len(server.ear.wanted) == 100


async def test_subscribe_and_unsubscribe_take_effect_in_the_order_of_the_calls(
    fake: FakeRedis, server: Server
) -> None:
    listener = Listener()
    await server.ear.add(["a"], listener)
    fake.heard.clear()
    server.ear.remove(["a"])
    adding = asyncio.ensure_future(server.ear.add(["a", "b"], listener))
    await asyncio.sleep(0)
    server.ear.remove(["b"])
    await adding
    await fake.until_heard(3)
    assert fake.heard == [[b"UNSUBSCRIBE", b"a"], [b"SUBSCRIBE", b"a", b"b"], [b"UNSUBSCRIBE", b"b"]]
    assert list(server.ear.wanted) == ["a"]


async def test_everything_is_subscribed_again_in_batches_after_a_cut(
    fake: FakeRedis, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "BROKER_SUBSCRIBE_BATCH", 100)
    one, other = Listener(), Listener()
    names = [f"n{number}" for number in range(1_000)]
    await server.ear.add(names, one)
    await server.ear.add(["other"], other)
    fake.heard.clear()
    fake.cut()
    await until(lambda: one.told)
    assert one.told == [sorted(names)]
    assert other.told == [["other"]]
    again = [name for command in fake.heard if command[0] == b"SUBSCRIBE" for name in command[1:]]
    ours = [name for name in again if not name.startswith(b"houzhen:probe:")]
    assert sorted(ours) == sorted(name.encode() for name in (*names, "other"))
    assert max(len(command) for command in fake.heard) <= 101


async def test_what_is_no_longer_wanted_during_the_return_is_not_subscribed_again(
    fake: FakeRedis, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "BROKER_SUBSCRIBE_BATCH", 10)
    listener = Listener()
    names = [f"n{number}" for number in range(500)]
    await server.ear.add(names, listener)
    fake.heard.clear()
    fake.cut()
    await fake.until_heard(2)
    server.ear.remove(names[100:])
    await until(lambda: listener.told)
    subscribed: set[bytes] = set()
    await asyncio.sleep(0.02)
    for word, *told in fake.heard:
        (subscribed.update if word == b"SUBSCRIBE" else subscribed.difference_update)(told)
    ours = {name for name in subscribed if name.startswith(b"n")}
    assert ours == {name.encode() for name in names[:100]} == {each.encode() for each in server.ear.wanted}


async def test_a_refused_name_is_said_and_not_kept(fake: FakeRedis, server: Server) -> None:
    def refuse(command: list[bytes]) -> bytes:
        return b"-NOPERM no permission\r\n" if b"secret" in command else confirm(command)

    fake.answer = refuse
    listener = Listener()
    refused = await server.ear.add(["secret"], listener)
    assert refused["secret"].word == "NOPERM"
    assert not await server.ear.add(["open"], listener)
    assert list(server.ear.wanted) == ["open"]


async def test_a_cut_before_the_confirmation_leaves_nothing_wanted(fake: FakeRedis, server: Server) -> None:
    await server.ear.start()
    fake.answer = lambda command: None
    fake.heard.clear()
    adding = asyncio.ensure_future(server.ear.add(["a"], Listener()))
    await fake.until_heard(1)
    fake.cut()
    with pytest.raises(BrokerUnavailable):
        await adding
    assert not server.ear.wanted


async def test_a_server_that_never_confirms_is_left(fake: FakeRedis) -> None:
    server = server_at(fake, reply_seconds=0.1)
    await server.ear.start()
    fake.answer = lambda command: None
    with pytest.raises(BrokerUnavailable):
        await server.ear.add(["a"], Listener())
    await server.close()


async def test_a_confirmation_that_nobody_asked_for_ends_the_connection(
    fake: FakeRedis, server: Server
) -> None:
    listener = Listener()
    await server.ear.add(["a"], listener)
    wire = server.ear.current
    assert wire is not None
    fake.say(array(bulk(b"subscribe"), bulk(b"b"), b":2\r\n"))
    await until(lambda: wire.lost and listener.told)


async def test_a_listener_that_raises_is_no_end_of_the_others(fake: FakeRedis, server: Server) -> None:
    class Bad(Listener):
        def hear(self, name: str, body: bytes) -> None:
            raise ValueError("a defect")

    good = Listener()
    await server.ear.add(["bad"], Bad())
    await server.ear.add(["good"], good)
    fake.say(message(b"bad", b"1") + message(b"good", b"2"))
    await until(lambda: good.heard)
    assert server.ear.standing


async def test_nothing_is_sent_to_a_connection_for_a_name_that_is_adopted_twice(
    fake: FakeRedis, server: Server
) -> None:
    listener = Listener()
    server.ear.adopt({"a": listener})
    await until(lambda: listener.told == [["a"]])
    fake.answer = lambda command: OK if command[0] == b"GET" else confirm(command)
    given = server.ear.give_up(["a", "unknown"])
    assert given == {"a": listener}
    assert not server.ear.wanted
