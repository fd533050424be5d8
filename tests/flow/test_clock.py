"""The clock is compared with time servers: who lies is outvoted, a wrong clock is said where people look."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from adapters.ntp.servers import NtpServers
from conf.loader import SettingsRefused, load
from core import limits
from core.clock import ManualClock
from core.clock_offset import judged
from server.bootstrap import Roles, compose
from server.checks import CHECKS
from server.clock_watch import ClockWatch
from tests.services.time_server import TimeServer, a_time_server

NOW = datetime(2026, 11, 26, tzinfo=UTC)
CLOSE = 0.5
"""Seconds that a busy machine may add to an offset; the bounds under test are far from it."""


@contextlib.asynccontextmanager
async def several(*servers: TimeServer) -> AsyncIterator[list[str]]:
    async with contextlib.AsyncExitStack() as stack:
        for server in servers:
            await stack.enter_async_context(a_time_server(server))
        yield [server.address for server in servers]


async def test_a_server_is_asked_and_believed() -> None:
    async with several(TimeServer(ahead=120), TimeServer(ahead=-7.5)) as addresses:
        offsets = await NtpServers(addresses).offsets()
    assert offsets == [pytest.approx(120, abs=CLOSE), pytest.approx(-7.5, abs=CLOSE)]


@pytest.mark.parametrize(
    "server",
    [
        TimeServer(silent=True),
        TimeServer(stratum=0),
        TimeServer(stratum=16),
        TimeServer(leap=3),
        TimeServer(mode=3),
        TimeServer(garbage=b"no"),
        TimeServer(garbage=bytes(48)),
    ],
    ids=["silent", "kiss of death", "unsynchronised", "alarm", "not a server", "short", "zeros"],
)
async def test_what_is_no_answer_is_none(server: TimeServer) -> None:
    async with several(server) as addresses:
        assert await NtpServers(addresses, reply_seconds=0.3).offsets() == []
    assert server.asked


async def test_nobody_there_is_no_answer() -> None:
    assert await NtpServers(["127.0.0.1:1", "no.such.host.invalid"], reply_seconds=0.3).offsets() == []


@given(
    st.lists(st.floats(-0.1, 0.1), min_size=2, max_size=5), st.floats(allow_nan=False, allow_infinity=False)
)
def test_a_single_liar_is_outvoted(honest: list[float], lie: float) -> None:
    found = judged([*honest, lie], at=NOW)
    assert found is not None
    assert not found.is_beyond(0.1)


async def test_a_wrong_clock_is_said_once_it_is_known_and_when_it_is_right_again() -> None:
    server, clock = TimeServer(ahead=90), ManualClock(NOW)
    registry = CollectorRegistry()
    async with several(server) as addresses:
        watch = ClockWatch(NtpServers(addresses), clock=clock, registry=registry)
        assert (await watch.standing()).code == "never_heard"
        with capture_logs() as events:
            await watch.ask()
            wrong = await watch.standing()
            server.ahead = 0
            await watch.ask()
            right = await watch.standing()
            server.silent = True
            clock.advance(timedelta(seconds=limits.CLOCK_STALE_SECONDS + 1))
            assert (await watch.standing()).code == "silent"
    assert (wrong.ok, wrong.code) == (False, "clock_wrong")
    assert wrong.offset_seconds == pytest.approx(90, abs=CLOSE)
    assert (right.ok, right.code) == (True, None)
    assert [event["event"] for event in events] == ["clock.wrong", "clock.right_again"]
    assert registry.get_sample_value("houzhen_clock_offset_seconds") == pytest.approx(0, abs=CLOSE)
    assert registry.get_sample_value("houzhen_clock_servers") == 1


async def test_readiness_and_check_tell_the_offset(tmp_path: Path) -> None:
    async with several(*[TimeServer(ahead=30) for _ in range(3)]) as addresses:
        settings = load(
            overrides={"data": str(tmp_path), "web.port": 0, "clock.servers": addresses}, environment={}
        )
        async with (
            compose(settings, Roles.WEB) as platform,
            aiohttp.ClientSession(f"http://127.0.0.1:{platform.port}") as http,
            asyncio.timeout(30),
        ):
            clock: dict[str, object] = {}
            while "offset_seconds" not in clock:
                async with http.get("/readyz") as response:
                    told = await response.json()
                [clock] = [each for each in told["dependencies"] if each["name"] == "clock"]
            assert (response.status, told["ready"]) == (200, True)
        assert (clock["ok"], clock["needed"], clock["code"]) == (False, False, "clock_wrong")
        assert clock["offset_seconds"] == pytest.approx(30, abs=CLOSE)
        found = await CHECKS["clock"](settings)
        assert (found.ok, found.what[:3]) == (False, "+30")
        assert "3 of 3" in found.what


async def test_without_servers_nobody_is_asked(tmp_path: Path) -> None:
    settings = load(overrides={"data": str(tmp_path)}, environment={})
    assert (await CHECKS["clock"](settings)).ok
    with pytest.raises(SettingsRefused, match=r"clock\.servers"):
        load(overrides={"clock.servers": ["a b"]}, environment={})
    with pytest.raises(SettingsRefused, match=r"clock\.servers"):
        load(overrides={"clock.servers": ["x"] * 9}, environment={})
