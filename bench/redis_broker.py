"""What the Redis broker costs: a publication, and 10,000 channels heard by one process.

    python -m bench.redis_broker [--publications 20000] [--channels 10000] [--rounds 3]

A private redis-server on this machine. *Ours* is ``RedisBroker.publish`` as the relay calls it: numbered,
kept, told, and safe to repeat. Beside it in the same rounds: redis-py's own ``publish`` (which only tells),
redis-py running our very script, and redis-py's explicit pipeline of either. "CPU" is of this process,
"Redis" of the server, both in microseconds a publication. Tables and ratios, no asserts.
"""

import argparse
import asyncio
import gc
import os
import resource
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from itertools import count
from pathlib import Path

from redis.asyncio import Redis
from rich.console import Console
from rich.table import Table

from adapters.redis import scripts
from adapters.redis.broker import RedisBroker
from core import limits
from realtime.broker import BrokerUnavailable, Keep
from realtime.stream import Publication
from tests.services.redis import RedisServer

KEEP = Keep(items=limits.QUEUE_HISTORY_ITEMS, ttl_seconds=limits.QUEUE_HISTORY_TTL_SECONDS)
BODY = b'{"line":"L0301","version":412,"waiting":[' + b'"A018",' * 20 + b'"A099"]}'
CHANNELS = 200
Publish = Callable[[int], Awaitable[object]]


@dataclass(frozen=True)
class Cost:
    """Microseconds a publication."""

    cpu: float
    redis: float
    wall: float


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--publications", type=int, default=20_000)
    parser.add_argument("--channels", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    server = RedisServer.start_private()
    try:
        asyncio.run(publishing(server, asked.publications, asked.rounds))
        asyncio.run(hearing(server, asked.channels))
    finally:
        server.stop()


# Publishing.


async def publishing(server: RedisServer, publications: int, rounds: int) -> None:
    broker = RedisBroker(server.url)
    keys = count()
    refused: list[int] = []
    async with Redis.from_url(server.url, max_connections=64) as client:

        async def ours(at: int) -> None:
            key = f"{next(keys)}.1795420000123456"
            while True:
                try:
                    await broker.publish(f"queue:{at % CHANNELS}", BODY, keep=KEEP, idempotency_key=key)
                except BrokerUnavailable:
                    refused.append(at)
                else:
                    return

        async def plain(at: int) -> None:
            await client.publish(f"queue:{at % CHANNELS}", BODY)

        async def scripted(at: int) -> None:
            await client.evalsha(scripts.PUBLISH.digest, 4, *script_values(at, next(keys)))

        await client.script_load(scripts.PUBLISH.text)
        kinds: dict[str, Callable[[], Awaitable[None]]] = {
            "ours, one after the other": lambda: at_once(1, publications // 4, ours),
            "ours, 32 callers": lambda: at_once(32, publications, ours),
            "ours, 256 callers": lambda: at_once(256, publications, ours),
            "redis-py publish, one after the other": lambda: at_once(1, publications // 4, plain),
            "redis-py publish, 32 callers": lambda: at_once(32, publications, plain),
            "redis-py our script, 32 callers": lambda: at_once(32, publications, scripted),
            "redis-py pipeline of 32 publish": lambda: piped(client, publications, script=False),
            "redis-py pipeline of 32 our script": lambda: piped(client, publications, script=True),
        }
        counted = {name: publications // 4 if "one after" in name else publications for name in kinds}
        found: dict[str, list[Cost]] = {name: [] for name in kinds}
        for _ in range(rounds):
            for name, work in kinds.items():
                found[name].append(await measured(server, counted[name], work))
    await broker.close()
    show_publishing(found)
    print(f"refused and repeated: {len(refused)}")


def script_values(at: int, key: int) -> tuple[str | bytes | int, ...]:
    name = f"bench:{{queue:{at % CHANNELS}}}"
    return (
        f"{name}:stream", f"{name}:meta", f"{name}:answer:{key}", name, "12345678", "bench", BODY,
        KEEP.items, KEEP.ttl_seconds, limits.BROKER_HISTORY_META_TTL_SECONDS,
        limits.BROKER_IDEMPOTENCY_SECONDS,
    )  # fmt: skip


async def at_once(callers: int, total: int, publish: Publish) -> None:
    async def caller(first: int) -> None:
        for at in range(first, total, callers):
            await publish(at)

    await asyncio.gather(*(caller(first) for first in range(callers)))


async def piped(client: Redis, total: int, *, script: bool) -> None:
    for start in range(0, total, 32):
        pipe = client.pipeline(transaction=False)
        for at in range(start, start + 32):
            if script:
                pipe.evalsha(scripts.PUBLISH.digest, 4, *script_values(at, at + total * 10))
            else:
                pipe.publish(f"queue:{at % CHANNELS}", BODY)
        await pipe.execute()


async def measured(server: RedisServer, publications: int, work: Callable[[], Awaitable[None]]) -> Cost:
    server.empty()
    # FLUSHALL keeps scripts; what it forgets is made anew in the first 200 publications.
    cpu, redis, wall = own_cpu(), cpu_of(server.pid), time.perf_counter()
    await work()
    ended = own_cpu() - cpu, cpu_of(server.pid) - redis, time.perf_counter() - wall
    return Cost(*(seconds / publications * 1e6 for seconds in ended))


def own_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def show_publishing(found: dict[str, list[Cost]]) -> None:
    table = Table("publication", "CPU µs", "Redis µs", "wall µs", "a second", "CPU against ours", box=None)
    medians = {
        name: Cost(*(statistics.median(each) for each in zip(*map(astuple, costs), strict=True)))
        for name, costs in found.items()
    }
    base = medians["ours, 32 callers"].cpu
    for name, cost in medians.items():
        table.add_row(
            name, f"{cost.cpu:.1f}", f"{cost.redis:.1f}", f"{cost.wall:.1f}", f"{1e6 / cost.wall:,.0f}",
            f"{cost.cpu / base:.2f}",
        )  # fmt: skip
    Console(width=120).print(table)


# Hearing.


class Ear:
    """Counts what is heard, and notices a channel whose order is broken."""

    def __init__(self) -> None:
        self.count = 0
        self.last: dict[str, int] = {}
        self.disorder = 0
        self.interrupted = asyncio.Event()

    def hear(self, channel: str, publication: Publication) -> None:
        self.count += 1
        if publication.offset != self.last.get(channel, 0) + 1:
            self.disorder += 1
        self.last[channel] = publication.offset

    def was_interrupted(self, *_: object) -> None:
        self.interrupted.set()


class Pause:
    """The longest time in which the loop did nothing else."""

    def __init__(self) -> None:
        self.longest = 0.0


@contextmanager
def watched() -> Iterator[Pause]:
    pause = Pause()

    async def watch() -> None:
        before = time.perf_counter()
        while True:
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            pause.longest, before = max(pause.longest, now - before - 0.001), now

    task = asyncio.ensure_future(watch())
    try:
        yield pause
    finally:
        task.cancel()


async def hearing(server: RedisServer, channels: int) -> None:
    server.empty()
    names = [f"queue:{number:05d}" for number in range(channels)]
    reader, writer = RedisBroker(server.url), RedisBroker(server.url)
    ear = Ear()
    await reader.start(ear.hear, ear.was_interrupted)
    await writer.ping()
    table = Table(f"{channels:,} channels", "ms", "CPU ms", "longest pause ms", box=None)

    async def step(name: str, work: Callable[[], Awaitable[object]]) -> None:
        gc.collect()
        cpu, wall = own_cpu(), time.perf_counter()
        with watched() as pause:
            await asyncio.sleep(0.01)
            cpu, wall = own_cpu(), time.perf_counter()
            try:
                await work()
            except BrokerUnavailable:
                name += ": refused"
            took, used = time.perf_counter() - wall, own_cpu() - cpu
            await asyncio.sleep(0.005)
        table.add_row(name, f"{took * 1e3:.0f}", f"{used * 1e3:.0f}", f"{pause.longest * 1e3:.1f}")

    async def subscribe_each() -> None:
        await asyncio.gather(*(reader.subscribe([name]) for name in names))

    async def publish_to_all(times: int = 3) -> None:
        expected = ear.count + times * channels
        for _ in range(times):
            await at_once(256, channels, lambda at: writer.publish(names[at], BODY, keep=KEEP))
        while ear.count < expected:
            await asyncio.sleep(0.001)

    async def cut() -> None:
        ear.interrupted.clear()
        async with Redis.from_url(server.url) as admin:
            await admin.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        await ear.interrupted.wait()

    async def unsubscribe_each() -> None:
        await asyncio.gather(*(reader.unsubscribe([name]) for name in names))

    gc.collect()
    before = memory_of_this_process()
    await step("subscribe, one call", lambda: reader.subscribe(names))
    gc.collect()
    kept = memory_of_this_process() - before
    await step("publish to all, three times, and hear it", publish_to_all)
    await step("resubscribe after CLIENT KILL", cut)
    await step("unsubscribe, one call a channel", unsubscribe_each)
    await step("subscribe, one call a channel", subscribe_each)
    Console(width=120).print("", table)
    print(f"memory: {kept / channels:.0f} bytes a channel; out of order: {ear.disorder}")
    await reader.close()
    await writer.close()


def memory_of_this_process() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


if __name__ == "__main__":
    main()
