"""Consultations on both databases: one doctor has it, one place is the last, fees go back once."""

import asyncio
import random as chance
from datetime import time, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from clinic.enrolment import Enrolment
from clinic.patients import PatientService
from core.actor import Actor, Role
from core.clock import ManualClock
from im import consultation as rules
from im import consultation_wire as wire
from im.consulted import Consulted
from im.consulting import Consulting, House
from im.fees import NoFees, NoSandbox, SandboxFees
from im.practice import Practice
from im.practising import Practising
from im.record import Finding, What, verify
from im.recording import Recording
from im.refusals import ConversationIsClosed, NoTurnsLeft
from notices.adding import Telling
from notices.notice import Night
from tests.contract.im_examples import Talk
from tests.contract.patient_examples import IN_FORCE, ScriptedRecords, agree, body, owner, units_of
from tests.contract.sql_examples import NOON

LI = Actor(id="doctor.li", role=Role.DOCTOR)
WANG = Actor(id="doctor.wang", role=Role.DOCTOR)
OWNER = owner()


class Clinic:
    """The services of one process over a database."""

    def __init__(self, database: Database, clock: ManualClock | None = None, *, seed: int = 1) -> None:
        self.clock = clock or ManualClock(NOON)
        self.units: SqlUnits = units_of(database, self.clock)
        random = chance.Random(seed).randbytes
        house = House(pay_within=timedelta(minutes=30), accept_within=timedelta(hours=2), pool_turns=3)
        self.consulting = Consulting(
            telling=Telling(random=chance.Random(7).randbytes, night=Night(time(22), time(7))),
            units=self.units,
            clock=self.clock,
            random=random,
            house=house,
            fees=SandboxFees(),
            in_force=IN_FORCE,
        )
        self.consulted = Consulted(units=self.units, clock=self.clock)
        self.practising = Practising(units=self.units, clock=self.clock, house=house)
        self.talk = Talk(database, self.clock, seed=seed)
        self.talk.units = self.units
        self.patients = PatientService(
            units=self.units,
            enrolment=Enrolment(
                units=self.units, records=ScriptedRecords(), clock=self.clock, in_force=IN_FORCE
            ),
            clock=self.clock,
            random=random,
            limit=5,
            in_force=IN_FORCE,
        )
        self.patient = ""

    async def opens(self) -> None:
        """A patient with consent, two doctors with practices."""
        await agree(self.units, OWNER.id)
        self.patient = (await self.patients.add(OWNER, body(851, relation="self"))).id
        async with self.units.begin() as unit:
            for who, fee in ((LI, 0), (WANG, 2_000)):
                unit.practices.keep(
                    Practice(
                        user=who.id,
                        name=f"{who.id[-2:]}医生",
                        title="主治医师",
                        department="d1",
                        fee_fen=fee,
                        turns=2,
                        daily_limit=3,
                        confirmed=True,
                    )
                )
            await unit.commit()

    async def asks(self, cid: str = "ask-00001", **more: Any) -> str:
        asked = {"doctor": LI.id} | more if "department" not in more else more
        return await self.consulting.open(
            OWNER,
            wire.OpenConsultation(
                cid=cid,
                patient=self.patient,
                complaint="三天前开始头疼，吃药没有好转",
                earlier_diagnosis="偏头痛",
                **asked,
            ),
        )

    async def seen(self, consultation: str, actor: Actor = OWNER) -> wire.Consultation:
        return await self.consulted.one(actor, consultation)


@pytest.fixture
async def clinic(database: Database) -> Clinic:
    made = Clinic(database)
    await made.opens()
    return made


async def test_a_whole_consultation(clinic: Clinic) -> None:
    name = await clinic.asks()
    assert await clinic.asks() == name
    waiting = await clinic.seen(name)
    assert (waiting.state, waiting.turns_left, waiting.unread) == ("awaiting_acceptance", 2, 0)
    assert waiting.patient.name_masked != ""
    with pytest.raises(ConversationIsClosed):
        await clinic.talk.says(OWNER, "在吗", "cid-0001", name)
    await clinic.consulting.accept(LI, name)
    await clinic.consulting.accept(LI, name)
    theirs = await clinic.seen(name, LI)
    assert (theirs.state, theirs.waiting_since, theirs.unread) == ("active", NOON, 1)
    await clinic.talk.says(LI, "请说", "cid-0001", name)
    assert (await clinic.seen(name, LI)).waiting_since is None
    await clinic.talk.says(OWNER, "还是疼", "cid-0002", name)
    await clinic.talk.says(OWNER, "怎么办", "cid-0003", name)
    with pytest.raises(NoTurnsLeft):
        await clinic.talk.says(OWNER, "还有", "cid-0004", name)
    for _ in range(2):
        await clinic.consulting.extend(LI, name, wire.Extend(cid="more-0001", hours=12, turns=1))
    longer = await clinic.seen(name)
    assert longer.turns_left == 1
    assert longer.expires_at == NOON + timedelta(hours=36)
    with pytest.raises(rules.SummaryNeeded):
        await clinic.consulting.end(LI, name, " ")
    await clinic.consulting.end(LI, name, "注意休息，三天后复诊")
    over = await clinic.seen(name)
    assert (over.state, over.summary, over.ended_because) == ("ended", "注意休息，三天后复诊", "doctor")
    with pytest.raises(ConversationIsClosed):
        await clinic.talk.says(LI, "还有一句", "cid-0002", name)
    await clinic.consulting.rate(OWNER, name, wire.Rate(stars=5))
    assert (await clinic.seen(name)).state == "rated"
    log = await clinic.talk.log(OWNER, name)
    codes = [each.body.code for each in log if hasattr(each.body, "code")]
    assert codes == ["consultation.accepted", "consultation.extended", "consultation.ended"]
    assert log[0].sender == OWNER.id


@pytest.mark.acceptance("T15")
async def test_of_many_doctors_who_take_one_from_the_pool_one_has_it(database: Database) -> None:
    clinics = [Clinic(database, seed=seed) for seed in range(4)]
    await clinics[0].opens()
    doctors = [Actor(id=f"doctor.d{number:02}", role=Role.DOCTOR) for number in range(20)]
    async with clinics[0].units.begin() as unit:
        for who in doctors:
            unit.practices.keep(Practice(user=who.id, name=who.id, title="", department="d1", confirmed=True))
        await unit.commit()
    name = await clinics[0].asks(department="d1")
    [waiting] = (await clinics[0].consulted.page(doctors[3], wire.ListQuery(scope="pool"))).items
    assert waiting.id == name
    took = await asyncio.gather(
        *(clinics[at % 4].consulting.accept(who, name) for at, who in enumerate(doctors)),
        return_exceptions=True,
    )
    assert took.count(None) == 1
    assert {type(one) for one in took} <= {type(None), rules.TakenByAnother}
    winner = doctors[took.index(None)]
    assert (await clinics[0].seen(name)).doctor == wire.ConsultingDoctor(
        user=winner.id, name=winner.id, title=""
    )
    for who in doctors:
        if who != winner:
            with pytest.raises(rules.NoSuchConsultation):
                await clinics[0].seen(name, who)


@pytest.mark.acceptance("T15")
async def test_the_last_place_of_a_day_is_taken_once(database: Database) -> None:
    clinics = [Clinic(database, seed=seed) for seed in range(4)]
    await clinics[0].opens()
    for each in clinics:
        each.patient = clinics[0].patient
    asked = await asyncio.gather(
        *(clinics[at % 4].asks(f"ask-{at:05}") for at in range(8)), return_exceptions=True
    )
    assert sum(isinstance(one, str) for one in asked) == 3
    assert {type(one) for one in asked} == {str, rules.DoctorNotTaking}
    [public] = [one for one in (await clinics[0].practising.doctors(None)).doctors if one.user == LI.id]
    assert (public.open_now, public.why_not) == (False, "full_today")
    clinics[0].clock.advance(timedelta(days=1))
    assert await clinics[0].asks("ask-next-day")


async def test_a_fee_that_nobody_earned_goes_back_once(database: Database) -> None:
    clock = ManualClock(NOON)
    clinic = Clinic(database, clock)
    await clinic.opens()
    name = await clinic.asks(doctor=WANG.id)
    assert (await clinic.seen(name)).state == "awaiting_payment"
    with pytest.raises(rules.NotNow):
        await clinic.consulting.accept(WANG, name)
    await clinic.consulting.pay(OWNER, name)
    await clinic.consulting.told_paid(name, f"sandbox-{name}")
    clock.advance(timedelta(hours=2))
    other = Clinic(database, clock, seed=2)
    await asyncio.gather(clinic.consulting.sweep(), other.consulting.sweep())
    late = await clinic.seen(name)
    assert late.state == "timed_out"
    assert late.refund in {"asked", "done"}
    await asyncio.gather(clinic.consulting.sweep(), other.consulting.sweep())
    assert (await clinic.seen(name)).refund == "done"
    assert await clinic.consulting.sweep() == 0
    with pytest.raises(rules.NotNow):
        await clinic.consulting.accept(WANG, name)


@pytest.mark.acceptance("T15")
async def test_the_window_closes_the_conversation(database: Database) -> None:
    clock = ManualClock(NOON)
    clinic = Clinic(database, clock)
    await clinic.opens()
    name = await clinic.asks()
    await clinic.consulting.accept(LI, name)
    clock.advance(timedelta(hours=24))
    assert await clinic.consulting.sweep() == 1
    over = await clinic.seen(name)
    assert (over.state, over.ended_because) == ("ended", "window")
    assert (await clinic.talk.view(OWNER, name)).state == "closed"


async def test_somebody_elses_is_nobodys(clinic: Clinic) -> None:
    name = await clinic.asks()
    stranger = owner("u2")
    calls: list[Any] = [
        clinic.seen(name, stranger),
        clinic.seen(name, WANG),
        clinic.consulting.cancel(stranger, name),
        clinic.consulting.end(stranger, name, ""),
        clinic.consulting.end(WANG, name, "x"),
        clinic.consulting.rate(stranger, name, wire.Rate(stars=1)),
        clinic.consulting.extend(WANG, name, wire.Extend(cid="more-0001", hours=1)),
        clinic.consulting.refer(WANG, name, wire.Refer(department="d1", reason="去门诊")),
        clinic.consulting.reject(WANG, name, "不接"),
        clinic.consulted.patient(WANG, name),
        clinic.consulted.patient(OWNER, name),
        clinic.seen("01NOTHING"),
    ]
    for call in calls:
        with pytest.raises(rules.NoSuchConsultation):
            await call


async def test_a_doctor_whom_the_hospital_does_not_know_answers_nobody(clinic: Clinic) -> None:
    name = await clinic.asks(department="d1")
    for who in (Actor(id="doctor.new", role=Role.DOCTOR), Actor(id="doctor.quack", role=Role.DOCTOR)):
        with pytest.raises(rules.DoctorNotConfirmed):
            await clinic.consulting.accept(who, name)
    async with clinic.units.begin() as unit:
        unit.practices.keep(Practice(user="doctor.quack", name="", title="", department="d1"))
        await unit.commit()
    with pytest.raises(rules.DoctorNotConfirmed):
        await clinic.consulting.accept(Actor(id="doctor.quack", role=Role.DOCTOR), name)
    with pytest.raises(rules.NoSuchConsultation):
        await clinic.asks("ask-00002", doctor="doctor.quack")


async def test_the_doctor_sees_whom_they_talk_to_and_the_earlier_ones(clinic: Clinic) -> None:
    first = await clinic.asks()
    await clinic.consulting.accept(LI, first)
    await clinic.consulting.end(LI, first, "多喝水")
    second = await clinic.asks("ask-00002")
    await clinic.consulting.accept(LI, second)
    told = await clinic.consulted.patient(LI, second)
    assert told.name
    assert "*" not in told.name
    assert [one.id for one in told.earlier] == [first]
    page = await clinic.consulted.page(LI, wire.ListQuery(state="all", limit=1))
    assert (page.items[0].id, page.next) == (second, second)
    rest = await clinic.consulted.page(LI, wire.ListQuery(state="all", limit=1, cursor=page.next))
    assert (rest.items[0].id, rest.next) == (first, None)
    mine = await clinic.consulted.page(OWNER, wire.ListQuery())
    assert [one.id for one in mine.items] == [second]


async def test_a_referral_ends_it_with_a_card(clinic: Clinic) -> None:
    name = await clinic.asks()
    await clinic.consulting.accept(LI, name)
    await clinic.consulting.refer(LI, name, wire.Refer(department="d2", reason="需要面诊"))
    assert (await clinic.seen(name)).state == "referred_offline"
    kinds = [type(each.body).__name__ for each in await clinic.talk.log(OWNER, name)]
    assert kinds == ["TextBody", "EventBody", "CardBody", "EventBody"]


async def test_without_a_sandbox_nobody_pays_by_a_word(clinic: Clinic) -> None:
    name = await clinic.asks(doctor=WANG.id)
    clinic.consulting._fees = NoFees()
    with pytest.raises(NoSandbox):
        await clinic.consulting.pay(OWNER, name)
    assert (await clinic.seen(name)).state == "awaiting_payment"


async def test_the_record_is_of_what_was_said_and_its_tampering_is_named(
    clinic: Clinic, database: Database
) -> None:
    name = await clinic.asks()
    await clinic.consulting.accept(LI, name)
    for turn in range(2):
        await clinic.talk.says(OWNER, f"问{turn}", f"cid-{turn:05}", name)
    recording = Recording(units=clinic.units, clock=clinic.clock)
    told = await recording.export(OWNER, name)
    assert verify(told) == []
    assert [each.type for each in told.entries] == ["text", "event", "text", "text"]
    with pytest.raises(rules.NoSuchConsultation):
        await recording.export(WANG, name)
    assert [findings async for _, findings in recording.check()] == [[]]

    async def harmed(*statements: str) -> list[Finding]:
        async with database.write() as transaction:
            for each in statements:
                await transaction.run(text(each))
            await transaction.commit()
        [(_, findings)] = [found async for found in recording.check(name)]
        return findings

    assert await harmed("UPDATE im_message SET sender = 'doctor.wang' WHERE seq = 3") == [
        Finding(3, What.REPLACED)
    ]
    assert Finding(3, What.MISSING) in await harmed("DELETE FROM im_message WHERE seq = 3")
    # A seal is bound to its place: moved to another number it does not open.
    moved = await harmed("UPDATE im_message SET seq = 3 WHERE seq = 4")
    assert moved == [Finding(3, What.UNREADABLE)]
