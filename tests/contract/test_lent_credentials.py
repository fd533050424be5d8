"""Tokens of a provider: one request for many callers, whoever asks, wherever they share the answer."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest

from accounts.lent_credentials import Credential, CredentialsAway, CredentialStore, SharedCredential
from accounts.providers import ProviderAway
from adapters.memory.lent_credentials import MemoryCredentials
from adapters.memory.seen import MemorySeen
from adapters.redis.shared import RedisCredentials, RedisSeen
from adapters.redis.topology import Topology, topology_at
from core import limits
from core.clock import ManualClock, SystemClock
from core.seen import Seen
from tests.services.redis import RedisServer

Process = Callable[[], CredentialStore]


class Provider:
    """Issues tokens; says how often it was asked. A new one ends the one before, as WeChat's do."""

    def __init__(self, clock: ManualClock, *, life: timedelta = timedelta(hours=2)) -> None:
        self.clock = clock
        self.life = life
        self.asked: list[bool] = []
        self.trouble: Exception | None = None
        self.good = ""

    async def fetch(self, *, forced: bool) -> Credential:
        self.asked.append(forced)
        await asyncio.sleep(0.05)
        if self.trouble is not None:
            raise self.trouble
        at = self.clock.now()
        self.good = f"token-{len(self.asked)}"
        return Credential(self.good, at, at + self.life)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(SystemClock().now())


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
async def process(request: pytest.FixtureRequest, clock: ManualClock) -> AsyncIterator[Process]:
    """How a process of the platform meets the others."""
    if request.param == "memory":
        shared = MemoryCredentials(clock)
        yield lambda: shared
        return
    url: str = request.getfixturevalue("redis_url")
    prefix, opened = f"t{secrets.token_hex(4)}", []

    def join() -> CredentialStore:
        opened.append(topology_at((url,)))
        return RedisCredentials(opened[-1], clock=clock, prefix=prefix)

    yield join
    for each in opened:
        await each.close()


def users(process: Process, provider: Provider, clock: ManualClock, count: int) -> list[SharedCredential]:
    return [
        SharedCredential("wechat:token:wx1", fetch=provider.fetch, store=process(), clock=clock)
        for _ in range(count)
    ]


async def test_many_callers_of_many_processes_make_one_request(process: Process, clock: ManualClock) -> None:
    provider = Provider(clock)
    several = users(process, provider, clock, 4)
    got = await asyncio.gather(*(each.get() for each in several for _ in range(50)))
    assert set(got) == {"token-1"}
    assert provider.asked == [False]


async def test_a_token_that_died_is_replaced_once_for_all(process: Process, clock: ManualClock) -> None:
    provider = Provider(clock)
    several = users(process, provider, clock, 4)
    old = await several[0].get()
    assert {await each.get() for each in several} == {old}
    clock.advance(timedelta(minutes=5))
    got = await asyncio.gather(*(each.replace(old) for each in several for _ in range(50)))
    assert set(got) == {"token-2"}
    assert provider.asked == [False, True]
    assert await several[0].replace(old) == "token-2", "whoever comes late with the old one gets the new one"
    assert len(provider.asked) == 2


async def test_a_token_that_dies_at_once_is_asked_for_gently(process: Process, clock: ManualClock) -> None:
    provider = Provider(clock)
    (only,) = users(process, provider, clock, 1)
    assert await only.replace(await only.get()) == "token-2"
    assert provider.asked == [False, False]


async def test_it_is_renewed_before_it_ends_and_nobody_waits(process: Process, clock: ManualClock) -> None:
    provider = Provider(clock)
    several = users(process, provider, clock, 3)
    assert {await each.get() for each in several} == {"token-1"}
    clock.advance(timedelta(hours=2, seconds=-100))
    assert await several[0].get() == "token-1"
    async with asyncio.timeout(20):
        while {await each.get() for each in several} != {"token-2"}:
            await asyncio.sleep(0.02)
    assert len(provider.asked) == 2
    for each in several:
        await each.close()


async def test_an_ended_one_is_never_given(process: Process, clock: ManualClock) -> None:
    provider = Provider(clock, life=timedelta(seconds=60))
    several = users(process, provider, clock, 2)
    await several[0].get()
    clock.advance(timedelta(seconds=61))
    assert await several[1].get() == "token-2"
    assert await several[0].get() == "token-2"


async def test_a_failure_is_told_to_all_and_not_repeated_by_each(
    process: Process, clock: ManualClock
) -> None:
    provider = Provider(clock)
    provider.trouble = ProviderAway(provider="WeChat", why="timeout")
    (only,) = users(process, provider, clock, 1)
    told = await asyncio.gather(*(only.get() for _ in range(50)), return_exceptions=True)
    assert {type(each) for each in told} == {ProviderAway}
    with pytest.raises(ProviderAway):
        await only.get()
    assert len(provider.asked) == 1
    provider.trouble = None
    clock.advance(timedelta(seconds=limits.CREDENTIAL_FAILED_SECONDS))
    assert await only.get() == "token-2"


async def test_a_caller_that_leaves_takes_nobody_along(process: Process, clock: ManualClock) -> None:
    provider = Provider(clock)
    (only,) = users(process, provider, clock, 1)
    leaving = asyncio.create_task(only.get())
    staying = asyncio.create_task(only.get())
    await asyncio.sleep(0)
    leaving.cancel()
    assert await staying == "token-1"
    assert len(provider.asked) == 1


async def test_a_claim_that_has_passed_on_keeps_nothing(process: Process, clock: ManualClock) -> None:
    one, other = process(), process()
    first = await one.claim("x", seconds=0.05)
    assert first is not None
    assert await other.claim("x", seconds=5) is None
    clock.advance(timedelta(seconds=1))
    await asyncio.sleep(0.1)
    second = await other.claim("x", seconds=5)
    assert second is not None
    assert second > first
    late = Credential("late", clock.now(), clock.now() + timedelta(hours=1))
    assert not await one.keep("x", late, claim=first)
    await one.release("x", claim=first)
    assert await one.claim("x", seconds=5) is None, "whose claim has passed on gives nothing back"
    assert await other.keep("x", late, claim=second)
    await other.release("x", claim=second)
    kept = await one.read("x")
    assert kept is not None
    assert (kept.text, kept.good_until) == ("late", late.good_until)
    assert "late" not in repr(kept)
    assert await one.claim("x", seconds=5) is not None


@pytest.mark.redis
async def test_without_redis_every_process_helps_itself(
    redis_server: RedisServer, clock: ManualClock
) -> None:
    redis_server.ensure_running()
    redis = topology_at((redis_server.url,))
    try:
        provider = Provider(clock)
        store = RedisCredentials(redis, clock=clock, prefix=f"t{secrets.token_hex(4)}")
        only = SharedCredential("wechat:token:wx1", fetch=provider.fetch, store=store, clock=clock)
        assert await only.get() == "token-1"
        redis_server.kill()
        assert await only.get() == "token-1"
        got = await asyncio.gather(*(only.replace("token-1") for _ in range(20)))
        assert set(got) == {"token-2"}
        with pytest.raises(CredentialsAway):
            await store.read("x")
        redis_server.ensure_running()
        await only.close()
    finally:
        redis_server.ensure_running()
        await redis.close()


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
async def marks(request: pytest.FixtureRequest, clock: ManualClock) -> AsyncIterator[Callable[[], Seen]]:
    if request.param == "memory":
        shared = MemorySeen(clock)
        yield lambda: shared
        return
    url: str = request.getfixturevalue("redis_url")
    redis: Topology = topology_at((url,))
    prefix = f"t{secrets.token_hex(4)}"
    yield lambda: RedisSeen(redis, alone=MemorySeen(clock), prefix=prefix)
    await redis.close()


async def test_of_many_exactly_one_is_first(marks: Callable[[], Seen]) -> None:
    several = [marks() for _ in range(4)]
    waiting: list[Awaitable[str | None]] = [
        each.first("n", mark=f"m{n}", seconds=60) for n, each in enumerate(several) for _ in range(10)
    ]
    got = await asyncio.gather(*waiting)
    assert got.count(None) == 1
    assert len(set(got)) == 2
    assert await several[0].first("other", mark="m", seconds=60) is None


async def test_memory_forgets_the_oldest_first(clock: ManualClock) -> None:
    seen = MemorySeen(clock, most=2)
    for name in ("a", "b", "c"):
        assert await seen.first(name, mark="1", seconds=60) is None
    assert await seen.first("c", mark="2", seconds=60) == "1"
    assert await seen.first("a", mark="2", seconds=60) is None
    clock.advance(timedelta(seconds=61))
    assert await seen.first("c", mark="3", seconds=60) is None


@pytest.mark.redis
async def test_what_was_seen_is_known_while_redis_is_away(
    redis_server: RedisServer, clock: ManualClock
) -> None:
    redis_server.ensure_running()
    redis = topology_at((redis_server.url,))
    try:
        seen = RedisSeen(redis, alone=MemorySeen(clock), prefix=f"t{secrets.token_hex(4)}")
        assert await seen.first("n", mark="1", seconds=60) is None
        redis_server.kill()
        assert await seen.first("n", mark="2", seconds=60) == "1"
        assert await seen.first("new", mark="2", seconds=60) is None
    finally:
        redis_server.ensure_running()
        await redis.close()
