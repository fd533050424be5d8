"""A hold from the back office: placed on a conversation, seen, lifted; what is announced can be held there."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from adapters.memory.nudge import MemoryNudge
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from core.actor import Role
from core.clock import SystemClock
from im.retention import Class, Ending, Subject
from tests.flow.employees import Hospital, a_hospital
from tests.http.callers import SETTINGS
from tests.web.fake_platform import DESKTOP, LANDSCAPE, PHONE, missing
from tests.web.test_admin import PICTURES, Open, enters, is_well_made, office

pytestmark = [pytest.mark.browser]
__all__ = ["office"]


@pytest.fixture
async def hospital(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hospital]:
    if reason := missing():
        pytest.skip(reason)
    async with a_hospital(tmp_path, monkeypatch, **SETTINGS) as running:
        await running.everybody()
        yield running


async def looked_at(page: Any, name: str) -> None:
    for size in (PHONE, LANDSCAPE, DESKTOP):
        await page.set_viewport_size({"width": size[0], "height": size[1]})
        await is_well_made(page)
        if os.environ.get("HOUZHEN_PICTURES"):
            await page.screenshot(path=PICTURES / f"records-{name}-{size[0]}.png")


async def announced(hospital: Hospital, name: str) -> None:
    """As the worker does it, after years."""
    clock = SystemClock()
    database = Database.open(hospital.settings.storage.url, connections=1)
    try:
        async with SqlUnits(database, clock=clock, nudge=MemoryNudge()).begin() as unit:
            subject = Subject(
                id=name,
                kind="direct",
                class_=Class.PROCESS,
                ended_at=clock.now(),
                messages=12,
                digest=b"d" * 32,
            )
            unit.keepsakes.announce(Ending(subject=subject, announced_at=clock.now()))
            await unit.commit()
    finally:
        await database.close()


async def test_what_will_go_is_held_and_let_go_again(hospital: Hospital, office: Open) -> None:
    doctor, nurse = hospital.people[Role.DOCTOR], hospital.people[Role.NURSE]
    asked = {"kind": "direct", "users": [f"nurse.{nurse.number}"], "cid": "talk-0001"}
    name = (await hospital.done(hospital.posts("/v1/im/start", doctor.token, **asked)))["id"]
    await announced(hospital, name)
    page = await office("#/records")
    await enters(page, hospital.people[Role.SECURITY_ADMIN])
    await page.click("nav >> text=记录保存")
    await page.wait_for_selector("text=没有符合的内容")
    await page.click("[data-test=announced]")
    await page.wait_for_selector("[data-test=ending]")
    await looked_at(page, "announced")
    await page.click("[data-test=ending] button")
    await page.fill("[name=conversation]", "nobody")
    await page.fill("[name=reason]", "法院函 2026-118 号")
    await page.click(".el-dialog [type=submit] >> visible=true")
    await page.wait_for_selector(".el-dialog .alert")
    await page.fill("[name=conversation]", name)
    await looked_at(page, "placing")
    await page.click(".el-dialog [type=submit] >> visible=true")
    await page.wait_for_selector("[data-test=hold] >> text=法院函")
    await looked_at(page, "standing")
    await page.click("[data-test=announced]")
    await page.wait_for_selector("text=没有符合的内容")
    await page.click("[data-test=standing]")
    await page.click("[data-test=lift]")
    await page.fill("[name=why]", "案件已结")
    await page.click(".el-dialog [type=submit] >> visible=true")
    await page.click("[data-test=lifted]")
    await page.wait_for_selector("[data-test=hold] >> text=案件已结")
    await looked_at(page, "lifted")
