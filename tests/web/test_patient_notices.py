"""The patient's app: what one is told, quiet at night, and a ticket that is followed."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from core.actor import Actor, Role
from core.ids import LineId
from tests.fault.im.people import practise
from tests.flow.employees import Hospital, a_hospital
from tests.http.callers import MINE, SETTINGS
from tests.services.open_platforms import an_agreement
from tests.services.process import free_port
from tests.web.fake_platform import LOW_CONTRAST, missing
from tests.web.test_patient_chat import ZHANG, a_phone, at, browser, is_well_made, opened

pytestmark = [pytest.mark.browser]
__all__ = ["browser"]

NURSE = Actor(id="nurse.n1", role=Role.NURSE, lines=frozenset({LineId(MINE)}))
FORM = {"template": "tmpl", "fields": {"first": "{title}"}}


@pytest.fixture
async def hospital(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hospital]:
    if reason := missing():
        pytest.skip(reason)
    told = {"notices.wechat_page": {"new_message": FORM, "called": FORM | {"template": "tmpl-2"}}}
    platforms = an_agreement(tmp_path / "agreed.json").settings(tmp_path / "secrets", free_port())
    async with a_hospital(tmp_path, monkeypatch, **(SETTINGS | platforms | told)) as running:
        await practise(running.settings, "doctor.2001")
        yield running


async def test_what_one_is_told_and_a_ticket_that_is_followed(hospital: Hospital, browser: Any) -> None:
    session = await opened(hospital.settings, ZHANG)
    page = await a_phone(browser, hospital.base, session, size=(320, 640))
    await page.goto(f"{hospital.base}/h5/#/pages/notices/index")
    await page.wait_for_selector("text=医生有新回复")
    assert await page.locator(at("notice")).count() == 2
    assert "关注医院公众号后会收到" in await page.inner_text("body")
    await is_well_made(page)
    await page.click(at("quiet"))
    await page.wait_for_selector("[data-test=quiet][aria-checked=true]:visible")
    told = await hospital.done(hospital.gets("/v1/me/notices?channel=wechat_page", session.access_token))
    assert told["quiet"]

    nurse = (await opened(hospital.settings, NURSE)).access_token
    line = await hospital.done(hospital.gets(f"/v1/lines/{MINE}/staff", nurse))
    line = await hospital.done(
        hospital.posts(f"/v1/lines/{MINE}/rooms/{MINE}-1/open", nurse, expected_version=line["version"])
    )
    done = await hospital.done(
        hospital.posts(
            f"/v1/lines/{MINE}/check-in", nurse, visit="V1", name="张小明", expected_version=line["version"]
        )
    )
    number = done["ticket"]["number"]
    await page.goto(f"{hospital.base}/h5/#/pages/queue/index?line={MINE}&ticket={number}")
    await page.click(at("follow"))
    await page.wait_for_selector("text=会各提醒一次")
    assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert await page.evaluate(LOW_CONTRAST) == []
    # Another phone of the same person knows it too, and stops it.
    other = await a_phone(browser, hospital.base, await opened(hospital.settings, ZHANG))
    await other.goto(f"{hospital.base}/h5/#/pages/queue/index?line={MINE}&ticket={number}")
    await other.wait_for_selector("text=不再提醒")
    await other.goto(f"{hospital.base}/h5/#/pages/notices/index")
    await other.wait_for_selector(f"{at('followed')} >> text={number}")
    await is_well_made(other)
    await other.click(at("followed-stop"))
    await other.wait_for_selector(at("followed"), state="detached")
    await page.reload()
    await page.wait_for_selector("text=快到号时提醒我")
