"""A platform that has just been connected: the hospital's past days give phones an estimate in seconds."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.clock import SystemClock, business_day
from tests.flow.town import Town, a_town
from tests.services.stranger import PAST_TICKETS, Stranger

SECONDS = 60.0
PAST = {"tables__past_tickets": PAST_TICKETS}


def remember_some_days(his: Stranger, *, days: int = 5) -> None:
    """The hospital's table of past days, as a nightly job would have filled it."""
    today = business_day(SystemClock().now())
    for ago in range(1, days + 1):
        for line in ("L1", "L2"):
            his.past_day(today - timedelta(days=ago), line, people=25, cycle=5 + ago % 2)


async def has_an_estimate(town: Town, line: str) -> dict[str, Any]:
    async with asyncio.timeout(SECONDS):
        while True:
            estimate: dict[str, Any] | None = (await town.board(line))["estimate"]
            if estimate is not None:
                return estimate
            await asyncio.sleep(0.1)


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def storage(request: pytest.FixtureRequest) -> dict[str, object]:
    """Settings of either database."""
    if request.param == "sqlite":
        return {}
    return {"storage__url": request.getfixturevalue("mariadb_database_url")}


async def test_a_fresh_platform_has_an_estimate_soon(storage: dict[str, object], tmp_path: Path) -> None:
    async with a_town(tmp_path, mapping=PAST, fill=remember_some_days, **storage) as town:
        await town.knows("L1")
        async with town.phone("L1") as phone:
            estimate = await has_an_estimate(town, "L1")
            told = await phone.until(lambda board: board["estimate"] is not None)
        assert told["estimate"]["samples"] == estimate["samples"]
        assert len(estimate["low"]) == len(told["waiting"]) == 3
        _, page = await town.get("/v1/lines/L1/staff", town.nurse())
        assert page["version"] == told["version"]
        _, history = await town.get("/v1/lines/L1/history", town.nurse())
        assert {item["version"] > 0 for item in history["items"]} == {True}
        async with asyncio.timeout(SECONDS):
            while (await town.board("L2"))["estimate"] is None:
                await asyncio.sleep(0.1)
