"""Past days from one end of the hospital link to the other: asked seldom, bounded, never in the way."""

from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
import structlog

from core import limits
from core.clock import SystemClock, business_day
from front_machine.contract import PAST_DAYS, AskPastDays, HisState
from front_machine.link import HospitalLink, HospitalUnavailable, NotOffered
from tests.flow.front_machine.machines import FrontMachine, RememberingMirror, syncing
from tests.services.stranger import PAST_TICKETS, a_hospital

TODAY = business_day(SystemClock().now())
DAYS = [TODAY - timedelta(days=n) for n in range(1, 6)]
LAST = AskPastDays(since=DAYS[0], until=TODAY)


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HOSPITAL_PAST_PAUSE_SECONDS", 0.01)


def a_front(folder: Path, **changes: object) -> FrontMachine:
    given = {"tables__past_tickets": PAST_TICKETS} | changes
    return FrontMachine(folder, a_hospital(folder / "his.db"), **given)


async def test_wanted_days_are_handed_over_and_then_learned(tmp_path: Path) -> None:
    front = a_front(tmp_path)
    for day in DAYS[:2]:
        front.stranger.past_day(day, "L1", people=4)
    await front.start()
    mirror = RememberingMirror(wanted=DAYS[:3])
    async with syncing(front, mirror):
        await mirror.until(lambda: mirror.past_ends == 1)
        assert len(mirror.states) == 2, "the live lines came first"
        assert list(mirror.past_days) == DAYS[:2], "newest first; a day without rows is not handed over"
        [day] = mirror.past_days[DAYS[0]]
        assert (day.line, day.day, len(day.tickets)) == ("L1", DAYS[0], 4)
        assert {ticket.state for ticket in day.tickets} == {HisState.DONE}
        mirror.wanted = DAYS[4:]
        front.stranger.past_day(DAYS[4], "L1", people=2)
        front.stranger.open_line("L3")
        await mirror.until(lambda: mirror.past_ends == 2)
        assert DAYS[4] in mirror.past_days, "a new line asks for its past"
    await front.stop()


async def test_a_hospital_that_keeps_fewer_days_is_not_asked_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HOSPITAL_PAST_EMPTY_DAYS", 2)
    front = a_front(tmp_path)
    front.stranger.past_day(DAYS[0], "L1", people=2)
    front.stranger.past_day(DAYS[3], "L1", people=2)
    await front.start()
    mirror = RememberingMirror(wanted=DAYS)
    async with syncing(front, mirror):
        await mirror.until(lambda: mirror.past_ends == 1)
    assert list(mirror.past_days) == DAYS[:1]
    await front.stop()


async def test_a_hospital_without_past_days_says_so_and_all_goes_on(front: FrontMachine) -> None:
    mirror = RememberingMirror(wanted=DAYS)
    with structlog.testing.capture_logs() as logs:
        async with syncing(front, mirror) as sync:
            await mirror.until(lambda: mirror.past_ends == 1)
            front.stranger.move("L1", "A001", "2 ")
            await mirror.until(lambda: mirror.states["L1"].tickets[0].state is HisState.CALLED)
            assert sync.health.error == ""
    assert mirror.past_days == {}
    assert [entry["event"] for entry in logs if "past" in entry["event"]] == ["hospital.past_not_offered"]


async def test_a_front_machine_of_before_does_not_know_the_question(
    front: FrontMachine, link: HospitalLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("front_machine.link.PAST_DAYS", "/v1/nobody-knows")
    with pytest.raises(NotOffered):
        await link.past_days(LAST)
    assert link.retry_in() == 0.0
    assert (await link.ping()).his


async def test_a_failing_past_makes_no_other_question_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HOSPITAL_PAST_RETRY_SECONDS", 0.05)
    front = a_front(tmp_path)
    front.stranger.past_day(DAYS[0], "L1", people=2)
    await front.start()
    front.stranger.run("ALTER TABLE LS RENAME TO AWAY")
    mirror = RememberingMirror(wanted=DAYS[:1])
    link = front.link()
    with pytest.raises(HospitalUnavailable):
        await link.past_days(LAST)
    assert link.retry_in() == 0.0
    await link.close()
    async with syncing(front, mirror) as sync:
        await mirror.until(lambda: mirror.past_ends >= 2)
        assert (sync.health.failures, sync.health.error) == (0, "")
        front.stranger.run("ALTER TABLE AWAY RENAME TO LS")
        await mirror.until(lambda: DAYS[0] in mirror.past_days)
    await front.stop()


async def test_a_malformed_question_gets_a_coded_envelope(front: FrontMachine) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=front.context())) as session:
        for body in (b"{", b'{"since": "2026-11-01"}', b'{"since": "x", "until": "y"}', b"\xff"):
            async with session.post(f"https://localhost:{front.port}{PAST_DAYS}", data=body) as response:
                assert (response.status, await response.json()) == (400, {"code": "BAD_REQUEST"})
