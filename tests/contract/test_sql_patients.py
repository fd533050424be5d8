"""Patients of accounts on both databases: each once, at most so many, sealed, and known to the hospital."""

import asyncio
import itertools
from datetime import timedelta

import pytest

from accounts.consent import ConsentNeeded, Kind
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from clinic.enrolment import Enrolment
from clinic.patient import InHospital, NoSuchPatient, SamePersonTwice, TooManyPatients
from clinic.patient_wire import PatientCard
from clinic.patients import PatientService, join_families
from core.clock import ManualClock
from core.ids import PatientId, UserId
from core.refusals import Refusal, StorageUnavailable
from tests.contract.patient_examples import IN_FORCE, ScriptedRecords, agree, body, owner, take_back, units_of
from tests.contract.sql_examples import NOON


class Desk:
    """The services over one database, beside a scripted hospital."""

    def __init__(self, database: Database, *, limit: int = 5) -> None:
        self.clock = ManualClock(NOON)
        self.units: SqlUnits = units_of(database, self.clock)
        self.records = ScriptedRecords()
        self.enrolment = Enrolment(
            units=self.units, records=self.records, clock=self.clock, in_force=IN_FORCE
        )
        count = itertools.count(1)
        self.patients = PatientService(
            units=self.units,
            enrolment=self.enrolment,
            clock=self.clock,
            random=lambda length: next(count).to_bytes(length, "big"),
            limit=limit,
            in_force=IN_FORCE,
        )

    async def state(self, card: PatientCard) -> tuple[InHospital, str]:
        async with self.units.read() as unit:
            found = await unit.patients.find(PatientId(card.id))
        assert found is not None
        return found.in_hospital, found.hospital_number


@pytest.fixture
async def desk(database: Database) -> Desk:
    made = Desk(database)
    await agree(made.units, "u1", "u2")
    return made


async def test_lists_show_masked_values_and_reveal_the_plain_ones(desk: Desk) -> None:
    card = await desk.patients.add(owner(), body(851, relation="self"))
    [listed] = (await desk.patients.all(owner())).patients
    assert listed == card == await desk.patients.one(owner(), PatientId(card.id))
    assert (card.name_masked, card.id_masked, card.phone_masked) == (
        "李*明",
        "1" + "*" * 15 + body(851).id_number[-2:],
        "138****8000",
    )
    assert (card.is_default, card.in_hospital, card.birth_year, card.sex) == (True, True, 1990, "male")
    plain = await desk.patients.reveal(owner(), PatientId(card.id))
    assert (plain.name, plain.id_number, plain.hospital_number) == ("李大明", body(851).id_number, "P1")


async def test_somebody_elses_is_none(desk: Desk) -> None:
    card = await desk.patients.add(owner(), body())
    calls = [desk.patients.one, desk.patients.reveal, desk.patients.unbind, desk.patients.make_default]
    for call in calls:
        for name in (card.id, "none", "x" * 200, "号"):
            with pytest.raises(NoSuchPatient) as refused:
                await call(owner("u2"), PatientId(name))
            assert refused.value.facts == {}
    assert (await desk.patients.all(owner("u2"))).patients == []


async def test_two_accounts_may_have_the_same_person(desk: Desk) -> None:
    mine = await desk.patients.add(owner(), body())
    theirs = await desk.patients.add(owner("u2"), body())
    assert mine.id != theirs.id
    assert await desk.state(mine) == await desk.state(theirs) == (InHospital.FOUND, "P1")
    assert desk.records.sent == [mine.id]


async def added_at_once(desk: Desk, *orders: int) -> list[PatientCard | Refusal]:
    """Add several at once; a database that is busy for too long is asked again."""

    async def one(order: int) -> PatientCard | Refusal:
        while True:
            try:
                return await desk.patients.add(owner(), body(order))
            except StorageUnavailable:
                await asyncio.sleep(0.05)
            except Refusal as refused:
                return refused

    return await asyncio.gather(*map(one, orders))


async def test_the_same_person_added_at_once_is_there_once(desk: Desk) -> None:
    answers = await added_at_once(desk, *[7] * 6)
    assert sum(isinstance(answer, PatientCard) for answer in answers) == 1
    assert {type(answer) for answer in answers} == {PatientCard, SamePersonTwice}
    assert len((await desk.patients.all(owner())).patients) == 1
    assert len(desk.records.sent) == 1


async def test_the_bound_holds_when_many_are_added_at_once(desk: Desk) -> None:
    answers = await added_at_once(desk, *range(1, 11))
    assert sum(isinstance(answer, PatientCard) for answer in answers) == 5
    assert sum(isinstance(answer, TooManyPatients) for answer in answers) == 5
    cards = (await desk.patients.all(owner())).patients
    assert len(cards) == 5
    assert sum(card.is_default for card in cards) == 1


async def test_who_is_unbound_is_gone_and_comes_back_as_the_same_entry(desk: Desk) -> None:
    first = await desk.patients.add(owner(), body(1))
    second = await desk.patients.add(owner(), body(2))
    left = await desk.patients.unbind(owner(), PatientId(first.id))
    assert [(card.id, card.is_default) for card in left.patients] == [(second.id, True)]
    with pytest.raises(NoSuchPatient):
        await desk.patients.reveal(owner(), PatientId(first.id))
    assert await desk.state(first) == (InHospital.FOUND, "P1")
    again = await desk.patients.add(owner(), body(1))
    assert again.id == first.id
    chosen = await desk.patients.make_default(owner(), PatientId(first.id))
    assert [card.is_default for card in chosen.patients] == [True, False]


async def test_nothing_is_added_or_revealed_without_consent(desk: Desk) -> None:
    with pytest.raises(ConsentNeeded) as refused:
        await desk.patients.add(owner("u3"), body())
    assert refused.value.facts == {"kind": "sensitive_health", "version": IN_FORCE[Kind.SENSITIVE_HEALTH]}
    assert (await desk.patients.all(owner("u3"))).patients == []


async def test_no_row_holds_a_plain_value(desk: Desk, database: Database) -> None:
    card = await desk.patients.add(owner(), body())
    async with database.read() as transaction:
        from sqlalchemy import select

        from adapters.sql.patient_tables import patient

        [row] = await transaction.rows(select(*patient.columns))
    plain = await desk.patients.reveal(owner(), PatientId(card.id))
    for secret in (plain.name, plain.id_number, "13800138000", "1990-01-01", "P1"):
        for cell in row:
            stored = cell if isinstance(cell, bytes) else str(cell).encode()
            assert secret.encode() not in stored


async def test_a_hospital_that_is_away_is_asked_later(desk: Desk) -> None:
    desk.records.is_away = True
    card = await desk.patients.add(owner(), body())
    assert (card.in_hospital, card.hospital_state) == (False, "pending")
    assert await desk.enrolment.sweep() == 0
    desk.clock.advance(timedelta(minutes=2))
    assert await desk.enrolment.sweep() == 1
    desk.records.is_away = False
    desk.clock.advance(timedelta(minutes=2))
    assert await desk.enrolment.sweep() == 1
    assert await desk.state(card) == (InHospital.FOUND, "P1")
    desk.clock.advance(timedelta(minutes=2))
    assert await desk.enrolment.sweep() == 0


async def test_the_hospital_is_told_nothing_more_after_a_consent_was_taken_back(desk: Desk) -> None:
    desk.records.is_away = True
    card = await desk.patients.add(owner(), body())
    desk.records.is_away = False
    await take_back(desk.units, "u1")
    desk.clock.advance(timedelta(minutes=2))
    assert await desk.enrolment.sweep() == 1
    assert (await desk.state(card), desk.records.asked) == ((InHospital.PENDING, ""), 1)
    await agree(desk.units, "u1")
    desk.clock.advance(timedelta(minutes=2))
    await desk.enrolment.sweep()
    assert await desk.state(card) == (InHospital.FOUND, "P1")


@pytest.mark.parametrize("lost", ["before", "after"])
async def test_a_record_whose_making_is_unknown_is_asked_for_and_never_made_twice(
    desk: Desk, lost: str
) -> None:
    desk.records.loses = lost
    card = await desk.patients.add(owner(), body())
    assert (card.in_hospital, card.hospital_state) == (False, "unknown")
    desk.records.loses = ""
    desk.clock.advance(timedelta(minutes=2))
    await desk.enrolment.sweep()
    assert await desk.state(card) == (InHospital.FOUND, "P1")
    assert set(desk.records.sent) == {card.id}
    assert len(desk.records.sent) == (2 if lost == "before" else 1)
    assert len(desk.records.by_key) == 1


async def test_a_record_of_another_name_is_for_the_hospitals_desk(desk: Desk) -> None:
    await desk.patients.add(owner(), body())
    card = await desk.patients.add(owner("u2"), body(name="王大明"))
    assert (card.in_hospital, card.hospital_state) == (False, "refused")
    assert len(desk.records.by_key) == 1


async def test_a_paper_under_another_name_is_no_way_to_guess(desk: Desk) -> None:
    first = await desk.patients.add(owner(), body())
    await desk.patients.unbind(owner(), PatientId(first.id))
    asked = desk.records.asked
    again = await desk.patients.add(owner(), body(name="王大明"))
    assert (again.id, again.in_hospital, again.hospital_state) == (first.id, False, "pending")
    desk.clock.advance(timedelta(minutes=30))
    assert await desk.enrolment.sweep() == 0
    assert desk.records.asked == asked
    desk.clock.advance(timedelta(minutes=40))
    assert await desk.enrolment.sweep() == 1
    assert await desk.state(again) == (InHospital.REFUSED, "")
    await desk.patients.unbind(owner(), PatientId(first.id))
    right = await desk.patients.add(owner(), body())
    desk.clock.advance(timedelta(hours=2))
    await desk.enrolment.sweep()
    assert await desk.state(right) == (InHospital.FOUND, "P1")
    assert len(desk.records.by_key) == 1


async def test_families_of_two_accounts_become_one(desk: Desk) -> None:
    mine = [await desk.patients.add(owner(), body(order)) for order in (1, 2)]
    theirs = [await desk.patients.add(owner("u2"), body(order)) for order in (2, 3)]
    async with desk.units.begin() as unit:
        await join_families(unit, kept=UserId("u1"), joining=UserId("u2"))
        await unit.commit()
    cards = (await desk.patients.all(owner())).patients
    assert [card.id for card in cards] == [mine[0].id, mine[1].id, theirs[1].id]
    assert [card.is_default for card in cards] == [True, False, False]
    assert (await desk.patients.all(owner("u2"))).patients == []
    # What refers to the entry that is no more finds the one it became.
    assert (await desk.patients.one(owner(), PatientId(theirs[0].id))).id == mine[1].id
