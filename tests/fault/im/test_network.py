"""T10 of the fault tests: a ward talks over networks that are slow, narrow, lossy, torn, stalled, half dead.

All three ways go bad: from phones to web processes, and from those to Redis and to MariaDB. What must hold is
what T7 to T9 say, and that nobody waits longer than a bound of ``core/limits.py`` says.

The short form waits neither for a ping to fail nor for the silence of Redis to be noticed: it looks whether
phones were promised a ping that asks for an answer, ends these dead ways itself, and judges what comes after.
How soon an end finds out by itself only the long form shows, and with it ways that lose another direction
than those tried here and a stall of MariaDB beyond its bound.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from core import limits
from tests.fault.im.probe import Probe
from tests.fault.im.scene import Roads, Ward, a_ward
from tests.fault.im.test_ward import PAUSE, ends_well
from tests.services.mariadb import MariadbServer
from tests.services.proxy import FAIR, Half, Weather
from tests.services.proxy import Path as Road
from tests.services.redis import RedisServer

pytestmark = [
    pytest.mark.acceptance("T10"),
    pytest.mark.process,
    pytest.mark.redis,
    pytest.mark.mariadb,
    pytest.mark.sized,
    pytest.mark.asyncio(loop_scope="module"),
]

BAD = Weather(latency=0.2, jitter=0.1, loss=0.05)
"""As T10 says."""
NEAR = Weather(latency=0.03, jitter=0.015, loss=0.05)
"""A bad network within a hospital: a message takes several trips to the database."""
NARROW = Weather(latency=0.02, bytes_per_second=20_000)
TORN = Weather(latency=0.02, tears=0.03)
TORN_SECONDS = 60.0
"""Chance tears: within this every way was torn, with a probability beyond doubt."""
UPGRADE = b"GET /connection/websocket"
PROMISED = b'"ping":%d,"pong":true' % limits.REALTIME_PING_SECONDS
"""In the answer to ``connect``: how often the platform pings, and that it wants to be answered."""
SLACK_SECONDS = 5.0
"""Two cores, all processes of the test, and whatever else runs on the machine."""
CLIENT_SLACK_SECONDS = 10.0
"""How late a ping may be for the stock SDKs."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ward(
    tmp_path_factory: pytest.TempPathFactory,
    redis_server: RedisServer,
    mariadb_server: MariadbServer,
    request: pytest.FixtureRequest,
) -> AsyncIterator[Ward]:
    redis_server.ensure_running()
    redis_server.empty()
    mariadb_server.ensure_running()
    people, conversations = (20, 10) if request.config.getoption("--long") else (8, 4)
    async with a_ward(
        tmp_path_factory.mktemp("network"),
        redis_server,
        mariadb_server,
        people=people,
        conversations=conversations,
        roads=True,
    ) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def roads(ward: Ward) -> AsyncIterator[Roads]:
    assert ward.roads is not None
    yield ward.roads
    ward.roads.clear()


@pytest_asyncio.fixture(loop_scope="module")
async def probe(ward: Ward) -> AsyncIterator[Probe]:
    phone = ward.phones[0]
    made = Probe(
        port=ward.serve.port, token=ward.token(phone.user), conversation=next(iter(phone.conversations))
    )
    await made.start()
    yield made
    await made.stop()


def nobody_waited(probe: Probe, name: str, printed: Callable[[str], None]) -> None:
    """Every answer came within its bound."""
    printed(
        f"{name}: of {probe.answers} answers the longest took {probe.longest['HTTP']:.1f} s over HTTP,"
        f" {probe.longest['rpc']:.1f} s as rpc"
    )
    assert probe.longest["HTTP"] < limits.HTTP_ANSWER_SECONDS + SLACK_SECONDS
    assert probe.longest["rpc"] < limits.REALTIME_RPC_SECONDS + SLACK_SECONDS


async def test_t10_slow_lossy_narrow_and_torn(
    ward: Ward, roads: Roads, probe: Probe, long_run: bool, printed: Callable[[str], None]
) -> None:
    ward.talk(pause=PAUSE, prefix="t10")
    await ward.goes_on(20)
    for _ in range(3 if long_run else 1):
        for phones, redis, mariadb in (
            (BAD, FAIR, FAIR),
            (FAIR, BAD, FAIR),
            (FAIR, FAIR, NEAR),
            (NARROW, NARROW, NARROW),
            (TORN, TORN, TORN),
        ):
            roads.phones.weather, roads.redis.weather, roads.mariadb.weather = phones, redis, mariadb
            await ward.goes_on(60 if long_run else 10)
            await asyncio.sleep(8.0 if long_run else 0.2)
    async with asyncio.timeout(TORN_SECONDS):
        while not all(road.torn for road in roads.all):
            await ward.goes_on(5)
    roads.clear()
    torn = [road.torn for road in roads.all]
    printed("T10 torn in the middle: phones {}, Redis {}, MariaDB {} connections".format(*torn))
    await ends_well(ward, "T10 slow, lossy, narrow, torn", printed, within=30)
    nobody_waited(probe, "T10 slow, lossy, narrow, torn", printed)


async def test_t10_stalls_and_half_dead_ways_to_what_the_platform_stands_on(
    ward: Ward, roads: Roads, probe: Probe, long_run: bool, printed: Callable[[str], None]
) -> None:
    ward.talk(pause=PAUSE, prefix="t10s")
    await ward.goes_on(20)
    told = []

    async def catches_up(trouble: str) -> None:
        await ward.goes_on(10)
        told.append(f"{trouble} {await ward.caught_up():.1f} s")

    for _ in range(2 if long_run else 1):
        roads.redis.stall()
        await ward.goes_on(10)
        roads.redis.go_on()
        await catches_up("Redis stalled")
        roads.mariadb.stall()
        await asyncio.sleep(limits.SQL_REPLY_SECONDS + 2 if long_run else 2)
        roads.mariadb.go_on()
        await catches_up("MariaDB stalled")
        # Answers vanish: what was asked arrives and is done, and nobody learns that it was.
        # Then both ways, then questions.
        for up, down in ((False, True), (True, True), (True, False)) if long_run else ((False, True),):
            for name, road in (("MariaDB", roads.mariadb), ("Redis", roads.redis)):
                road.forget_open(up=up, down=down)
                if road is roads.redis and not long_run:
                    await ward.goes_on(10)
                    road.end_forgotten()
                await catches_up(f"{name} {_name(up=up, down=down)}")
                road.end_forgotten()
    printed(f"T10 everybody has everything after: {'; '.join(told)}")
    await ends_well(ward, "T10 stalled and half dead", printed, within=30)
    nobody_waited(probe, "T10 stalled and half dead", printed)


async def test_t10_half_open_phones_find_out_within_the_ping(
    ward: Ward, roads: Roads, probe: Probe, long_run: bool, printed: Callable[[str], None]
) -> None:
    ward.talk(pause=PAUSE, prefix="t10h")
    await ward.goes_on(20)
    for up, down in ((True, True), (False, True), (True, False)) if long_run else ((True, True),):
        find_out = _find_out if long_run else _are_ended
        noticed = await find_out(roads.phones, ward, up=up, down=down)
        printed(f"T10 {_name(up=up, down=down)}: {noticed}")
        await ward.goes_on(20)
    await ends_well(ward, "T10 half open", printed, within=30)
    nobody_waited(probe, "T10 half open", printed)


def _name(*, up: bool, down: bool) -> str:
    return "hears and says nothing" if up and down else "hears nothing" if up else "says nothing"


def _forget_sockets(road: Road, ward: Ward, *, up: bool, down: bool) -> list[tuple[Half, Half]]:
    """Forget every connection of the phones; answers their sockets."""
    # Small requests go the same way; their bounds are others.
    forgotten = [pair for pair in road.forget_open(up=up, down=down) if UPGRADE in pair[0].carried]
    assert len(forgotten) >= len(ward.phones)
    return forgotten


async def _are_ended(road: Road, ward: Ward, *, up: bool, down: bool) -> str:
    """Every phone was promised the ping that would tell it; what was said on dead ways comes on new ones."""
    forgotten = _forget_sockets(road, ward, up=up, down=down)
    promised = sum(PROMISED in pair[1].carried for pair in forgotten)
    assert promised == len(forgotten)
    # Half of the ward asks over HTTP: it goes on being heard, and the dead sockets miss it.
    await ward.goes_on(5)
    early = sum(half.ended_at is not None for pair in forgotten for half in pair)
    assert early == 0, "nobody can know yet"
    road.end_forgotten()
    return f"{len(forgotten)} connections, all promised a ping that asks for a pong; ended by the test"


async def _find_out(road: Road, ward: Ward, *, up: bool, down: bool) -> str:
    """Both ends of dead ways must find out in their time."""
    began = asyncio.get_running_loop().time()
    forgotten = _forget_sockets(road, ward, up=up, down=down)
    client = limits.REALTIME_PING_SECONDS + CLIENT_SLACK_SECONDS
    server = limits.REALTIME_PING_SECONDS + limits.REALTIME_PONG_SECONDS + limits.REALTIME_CLOSE_SECONDS
    async with asyncio.timeout(max(client, server) + SLACK_SECONDS):
        while any(half.ended_at is None for pair in forgotten for half in pair):
            await asyncio.sleep(0.1)
    last_client = max((pair[0].ended_at or 0) - began for pair in forgotten)
    last_server = max((pair[1].ended_at or 0) - began for pair in forgotten)
    assert last_client < client + SLACK_SECONDS
    assert last_server < server + SLACK_SECONDS
    return (
        f"{len(forgotten)} connections; the last phone ended its own after {last_client:.1f} s,"
        f" the platform after {last_server:.1f} s"
    )
