"""Nothing of a patient is kept: not in a file, not in a log line, not in memory."""

import asyncio
import gc
import logging
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest
import structlog

from clinic.identity_numbers import IdKind, Sex
from clinic.real_name import Person
from front_machine.contract import (
    AskCheckIn,
    AskLineStates,
    HisTicket,
)
from front_machine.his import Rows
from front_machine.link import HospitalLink, HospitalUnavailable
from front_machine.page import LinePage, Page
from front_machine.patient_link import PatientLink
from tests.flow.front_machine.machines import FrontMachine, tags_of
from tests.services.stranger import a_hospital


async def test_after_the_answer_nothing_of_it_is_left_in_memory(
    front: FrontMachine, link: HospitalLink
) -> None:
    first = await link.line_states(AskLineStates())
    known = tags_of(first)
    waiting = asyncio.create_task(link.line_states(AskLineStates(known=known, wait_seconds=1)))
    before = front.asked
    while front.asked < before + 3 and not waiting.done():
        await asyncio.sleep(0.01)
    gc.collect()
    assert sum(isinstance(thing, Page) for thing in gc.get_objects()) <= 1  # the look under way just now
    await waiting
    async with asyncio.timeout(30):
        while held():  # a last look may still be under way
            await asyncio.sleep(0.05)


def held() -> list[object]:
    gc.collect()
    return [thing for thing in gc.get_objects() if isinstance(thing, HELD)]


HELD = (Page, LinePage, Rows, HisTicket)
CANARY_NAME = "司徒金丝雀"
CANARY_VISIT = "MZCANARY7777"
CANARY_PHONE = "+8610012345678"
CANARY_ID = "990101199003071234"


class Listener(logging.Handler):
    """Every line of the standard library's loggers, Tornado's and asyncio's among them."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def every_log() -> Iterator[list[object]]:
    listener = Listener()
    root = logging.getLogger()
    level = root.level
    root.addHandler(listener)
    root.setLevel(logging.DEBUG)
    with structlog.testing.capture_logs() as structured:
        yield [structured, listener.lines]
    root.removeHandler(listener)
    root.setLevel(level)


async def test_after_many_calls_no_file_and_no_log_line_knows_a_patient(
    tmp_path: Path, every_log: list[object]
) -> None:
    (tmp_path / "his").mkdir()
    stranger = a_hospital(tmp_path / "his" / "his.db")
    front = FrontMachine(
        tmp_path, stranger, check_in__settle_seconds=0.0, patients__create__settle_seconds=0.0
    )
    canary = {"XM": CANARY_NAME.encode("gb18030"), "LS": CANARY_VISIT}
    await front.start()
    link = front.link()
    records = PatientLink(link)
    canary_person = Person(CANARY_NAME, IdKind.CN_ID, CANARY_ID, date(1990, 3, 7), Sex.MALE, CANARY_PHONE)
    for turn in range(50):
        stranger.ticket("L1", f"C{turn:03}", **{**canary, "LS": f"{CANARY_VISIT}{turn}"})
        if turn % 10 == 5:  # rows that go wrong, with data where no data belongs
            stranger.ticket(
                "L2", "A001", **canary, ZT=CANARY_ID, JH=CANARY_NAME, CS=CANARY_ID, XH=CANARY_NAME
            )
        await link.line_states(AskLineStates())
        await link.check_in(AskCheckIn(key=f"k{turn}", visit=CANARY_VISIT, line="L1"))
        await link.settle(f"k{turn}")
        await link.directory()
        await records.find(canary_person)
        await records.create(canary_person, key=f"p{turn}")
    stranger.run("DROP TABLE SQ")
    with suppress(HospitalUnavailable):
        await link.check_in(AskCheckIn(key="k-late", visit=CANARY_VISIT, line="L1"))
    await link.close()
    await front.stop()
    secrets = [CANARY_NAME, "金丝雀", CANARY_VISIT, CANARY_ID, CANARY_PHONE]
    told = repr(every_log)
    assert "row.unusable" in told
    for secret in secrets:
        assert secret not in told
        for file in tmp_path.rglob("*"):
            if file.is_file() and file.parent.name != "his":
                content = file.read_bytes()
                assert secret.encode() not in content
                assert secret.encode("gb18030") not in content
