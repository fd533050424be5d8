"""T13: clients that stop reading are closed at the bound, cost no more than the bound, and lose nothing.

The others go on hearing everything meanwhile. When the deaf ones read again they find the close, come back
and recover what they missed.
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core import limits
from handlers.realtime_connection import Connection
from realtime.codes import Closings
from tests.clients.online import Online, until
from tests.clients.phone import Phone
from tests.clients.served import PATIENT, Served, streams, token

pytestmark = pytest.mark.acceptance("T13")

MINE = "user:#u42"
FILLING = "x" * 16_384


def waiting_for(connection: Connection) -> int:
    """Bytes that this process keeps for a client."""
    outbox = connection._outbox.size if connection._outbox is not None else 0
    return outbox + len(connection._rest or b"")


def resident_bytes() -> int:
    """What this process takes of the memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4_096


def rests_at(one: Online, offset: int) -> bool:
    following = one.phone.channels.get(MINE)
    return following is not None and following.position is not None and following.position.offset >= offset


@pytest.mark.sized
async def test_clients_that_stop_reading_are_closed_at_the_bound_and_recover(
    long_run: bool, printed: Callable[[str], None]
) -> None:
    deaf_count, other_count = (120, 60) if long_run else (8, 8)
    mine = token(PATIENT)
    everybody = deaf_count + other_count
    async with Served(streams(), connections_per_user=everybody, most_connections=everybody) as server:
        phones = [Online(Phone(token=mine), lambda: server.port, first_pause=0.05) for _ in range(everybody)]
        deaf, others = phones[:deaf_count], phones[deaf_count:]
        for one in phones:
            one.go()
        await until(lambda: all(MINE in one.phone.channels for one in phones), phones)
        published = 0

        async def publish(size: int) -> float:
            """Publish and wait until the others have it; answers how long that took."""
            nonlocal published
            began = time.perf_counter()
            at = await server.publish(MINE, b'{"x":"%b"}' % FILLING[:size].encode())
            published = at.offset
            await until(lambda: all(rests_at(one, at.offset) for one in others), phones, step=0.001)
            return time.perf_counter() - began

        quiet = [await publish(100) for _ in range(20)]
        for one in deaf:
            one.go_deaf()
        before, most, slow = resident_bytes(), 0, server.metrics.closed.labels(Closings.SLOW.name)._value
        busy = []
        while slow.get() < deaf_count:
            busy.append(await publish(len(FILLING)))
            kept = [waiting_for(connection) for connection in server.sockets._connections]
            assert max(kept) <= limits.REALTIME_OUTBOX_BYTES + limits.REALTIME_WRITE_BYTES + len(FILLING)
            most = max(most, sum(kept))
            assert published < limits.USER_HISTORY_ITEMS, "never closed"
        grown = resident_bytes() - before
        for connection in server.sockets._connections:
            assert waiting_for(connection) <= limits.REALTIME_WRITE_BYTES + len(FILLING), "given back at once"
        for one in deaf:
            one.hear()
        await publish(100)
        await until(lambda: all(rests_at(one, published) for one in phones), phones)
        for one in phones:
            following = one.phone.channels[MINE]
            assert following.reloads == 1, "nobody had to load the state again"
            assert len(following.taken) == published
            await one.leave()
    found = sum(one.phone.told[Closings.SLOW.code] > 0 for one in deaf)
    assert all(not one.phone.told[Closings.SLOW.code] for one in others)
    before_ms, meanwhile_ms = statistics.median(quiet) * 1_000, statistics.median(busy) * 1_000
    printed(
        f"{deaf_count} clients that stop reading beside {other_count} that do: closed with 3008 after"
        f" {published} publications of 16 KiB ({found} of them found the close frame); at most"
        f" {most / 1024 / deaf_count:.0f} KiB kept for each, process grown by {grown / 2**20:.0f} MiB;"
        f" the others had a publication after {before_ms:.1f} ms before and {meanwhile_ms:.1f} ms meanwhile"
    )
