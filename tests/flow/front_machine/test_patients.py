"""Patients' records through the front machine: found by paper and name, made once, tied to a card."""

import asyncio
import dataclasses
from datetime import date

import pytest

from clinic.hospital_records import Outcome, Recorded, RecordsAway
from clinic.real_name import Person, read_person
from front_machine.contract_patients import CREATE_PATIENT, FIND_PATIENT, AskCreatePatient, AskPatient
from front_machine.link import HospitalLink, NotOffered
from front_machine.patient_link import PatientLink
from tests.flow.front_machine.machines import FrontMachine
from tests.unit.clinic.papers import TODAY, a_guardian, given, resident_number, years_ago

NUMBER = resident_number(date(1990, 1, 1))


def person(name: str = "李大明") -> Person:
    return read_person(given(NUMBER, name=name), today=TODAY)


@pytest.fixture
def records(link: HospitalLink) -> PatientLink:
    return PatientLink(link)


def known(front: FrontMachine, name: str = "李大明", number: str = "P7") -> None:
    front.stranger.run("INSERT INTO BR VALUES (?, ?, '01', ?, NULL)", number, name.encode("gb18030"), NUMBER)


async def test_a_record_is_found_by_paper_and_name(front: FrontMachine, records: PatientLink) -> None:
    assert await records.find(person()) == Recorded(Outcome.NONE)
    known(front, "李 大明")
    assert await records.find(person()) == Recorded(Outcome.DONE, "P7")
    assert (await records.find(person("李小明"))).reason == "name_differs"
    known(front, number="P8")
    assert (await records.find(person())).reason == "several_found"


async def test_a_record_is_made_once_for_its_key(front: FrontMachine, records: PatientLink) -> None:
    assert (await records.create(person(), key="k-1")).outcome is Outcome.UNKNOWN  # not decided yet
    assert (await records.settled("k-1")).outcome is Outcome.UNKNOWN
    front.stranger.run("UPDATE JD SET ZT = 1, ID = 'P9' WHERE K = 'k-1'")
    assert (
        await records.settled("k-1")
        == await records.create(person(), key="k-1")
        == Recorded(Outcome.DONE, "P9")
    )
    assert front.stranger.cells("SELECT XM, ZL, ZH, XB, SR, DH, JX FROM JD") == [
        ("李大明", "01", NUMBER, "2", "19900101", "+8613800138000", "")
    ]
    other = dataclasses.replace(person(), id_number=resident_number(date(1991, 1, 1)))
    assert (await records.create(other, key="k-1")).reason == "key_reused"
    assert await records.settled("k-2") == Recorded(Outcome.NONE)


async def test_a_childs_guardian_goes_along(front: FrontMachine, records: PatientLink) -> None:
    child = read_person(given(resident_number(years_ago(3)), guardian=a_guardian()), today=TODAY)
    await records.create(child, key="k-3")
    assert front.stranger.cells("SELECT JX FROM JD") == [("陈监护",)]


async def test_a_card_is_tied_to_a_record(front: FrontMachine, records: PatientLink) -> None:
    front.stranger.run("INSERT INTO BK (K, ID, KH, ZT) VALUES ('b-1', 'P7', 'C1', 1)")
    done = await records.bind_card("P7", card="C1", main_index="0" * 64, key="b-1")
    assert done == Recorded(Outcome.DONE, "P7")
    front.stranger.run("INSERT INTO BK (K, ID, KH, ZT, JG) VALUES ('b-2', 'P0', 'C1', 2, '12')")
    refused = await records.bind_card("P0", card="C1", main_index="0" * 64, key="b-2")
    assert (refused.outcome, refused.reason) == (Outcome.REFUSED, "no_such_patient")


async def test_a_create_whose_answer_is_lost_is_unknown_then_settled(front: FrontMachine) -> None:
    hasty = front.link(reply_seconds=1.5)
    assert front.his is not None
    front.his.hanging.clear()
    assert (await PatientLink(hasty).create(person(), key="k-4")).outcome is Outcome.UNKNOWN
    front.his.hanging.set()
    await hasty.close()
    calm = front.link()
    async with asyncio.timeout(30):
        while (await PatientLink(calm).settled("k-4")).outcome is Outcome.NONE:
            await asyncio.sleep(0.05)
    await PatientLink(calm).create(person(), key="k-4")
    assert front.stranger.count("JD") == 1
    await calm.close()


async def test_a_hospital_that_is_away_does_nothing(front: FrontMachine, records: PatientLink) -> None:
    await front.stop()
    with pytest.raises(RecordsAway):
        await records.find(person())
    with pytest.raises(RecordsAway):
        await records.create(person(), key="k-5")
    assert front.stranger.count("JD") == 0


async def test_a_question_that_makes_no_sense_keeps_nobody_else_waiting(
    front: FrontMachine, link: HospitalLink
) -> None:
    wrong = AskPatient(id_kind="cn_id", id_number="\x00", name="x" * 300)
    with pytest.raises(NotOffered):
        await link.question("POST", FIND_PATIENT, wrong)
    ask = AskCreatePatient(
        key="no key!",
        name="a",
        id_kind="cn_id",
        id_number="1",
        sex="male",
        born=date(1990, 1, 1),
        phone="1",
    )
    with pytest.raises(NotOffered):
        await link.question("POST", CREATE_PATIENT, ask)
    assert (await PatientLink(link).find(person())).outcome is Outcome.NONE
    assert "大明" not in repr(ask) + repr(wrong)


async def test_a_hospital_without_an_index_offers_none(tmp_path: object, front: FrontMachine) -> None:
    await front.stop()
    front.changes = {"patients": None}
    await front.start()
    link = front.link()
    with pytest.raises(RecordsAway) as away:
        await PatientLink(link).find(person())
    assert away.value.cause == "bad_request"
    await link.close()
