"""Health cards on both databases: applied for once, shown, verified once a scene, tied to the record."""

import asyncio
import os
import re
from datetime import timedelta

import pytest

from accounts.consent import ConsentNeeded
from adapters.health_card.offline import OfflineCards
from adapters.sql.transaction import Database
from clinic.card_tying import CardTying
from clinic.enrolment import Enrolment
from clinic.health_card_service import CardRules, HealthCardService
from clinic.health_card_wire import ShowCode, VerifiedCode, VerifyCode
from clinic.health_cards import (
    CardsAway,
    CardsNotSetUp,
    CodeExpired,
    CodeRefused,
    CodeUsed,
    HealthCards,
    IssuedCard,
    NoCard,
    StaticNotAllowed,
    refresh_after,
)
from clinic.patient import NoSuchPatient
from clinic.patient_holding import ConsentHolding, PatientHolding
from clinic.patients import PatientService
from clinic.real_name import Person
from core.clock import ManualClock
from core.ids import PatientId, UserId
from core.refusals import Refusal, StorageUnavailable
from tests.contract.patient_examples import IN_FORCE, ScriptedRecords, agree, body, owner, take_back, units_of
from tests.contract.sql_examples import NOON


class Desk:
    """The services over one database, an offline issuer and a scripted hospital."""

    def __init__(self, database: Database, *, static: bool = False) -> None:
        self.clock = ManualClock(NOON)
        self.units = units_of(database, self.clock)
        self.records = ScriptedRecords()
        self.issuer = OfflineCards(
            b"k" * 32, issuer="ORG001", code_seconds=60, clock=self.clock, random=os.urandom
        )
        self.patients = PatientService(
            units=self.units,
            enrolment=Enrolment(units=self.units, records=self.records, clock=self.clock, in_force=IN_FORCE),
            clock=self.clock,
            random=os.urandom,
            limit=5,
            in_force=IN_FORCE,
        )
        self.tying = CardTying(units=self.units, records=self.records, clock=self.clock, in_force=IN_FORCE)
        self.cards = self.with_issuer(self.issuer, static=static)

    def with_issuer(self, issuer: HealthCards | None, *, static: bool = False) -> HealthCardService:
        return HealthCardService(
            units=self.units,
            cards=issuer,
            records=self.records,
            clock=self.clock,
            in_force=IN_FORCE,
            rules=CardRules(static_codes=static, once_per_scene=True),
        )

    async def patient(self, order: int = 1, *, user: str = "u1") -> PatientId:
        return PatientId((await self.patients.add(owner(user), body(order))).id)

    async def code(self, patient: PatientId) -> str:
        return (await self.cards.show(owner(), patient, ShowCode())).text


@pytest.fixture
async def desk(database: Database) -> Desk:
    made = Desk(database)
    await agree(made.units, "u1", "u2")
    return made


async def test_a_card_is_applied_for_shown_and_verified(desk: Desk) -> None:
    patient = await desk.patient()
    assert (await desk.cards.standing(owner(), patient)).state == "none"
    with pytest.raises(NoCard):
        await desk.cards.show(owner(), patient, ShowCode())
    first = await desk.cards.apply(owner(), patient)
    assert await desk.cards.apply(owner(), patient) == await desk.cards.standing(owner(), patient) == first
    assert (first.state, first.issuer, first.bound) == ("issued", "ORG001", True)
    assert re.fullmatch(r"\d\*{15}\d\d", first.card_masked or "")
    assert (await desk.patients.one(owner(), patient)).health_card == "issued"
    shown = await desk.cards.show(owner(), patient, ShowCode())
    assert re.fullmatch(r"[0-9a-f]{64}:0:[0-9a-f]{32}:ORG001", shown.text)
    assert shown.kind == "dynamic"
    assert shown.refresh_after_seconds in (47, 48)  # the end of a code is a whole second
    assert shown.svg.startswith("<svg")
    assert shown.text not in shown.svg + repr(shown)
    told = await desk.cards.verify(VerifyCode(code=shown.text, scene="registration"))
    assert told == VerifiedCode(
        issuer="ORG001",
        kind="dynamic",
        card_masked=first.card_masked or "",
        known=True,
        patient=patient,
        name_masked="李*明",
        hospital_number="P1",
    )


async def test_a_code_is_good_once_in_each_scene_also_for_many_readers_at_once(desk: Desk) -> None:
    patient = await desk.patient()
    await desk.cards.apply(owner(), patient)
    code = await desk.code(patient)

    async def read() -> VerifiedCode | Refusal:
        while True:
            try:
                return await desk.cards.verify(VerifyCode(code=code, scene="payment"))
            except StorageUnavailable:
                await asyncio.sleep(0.05)
            except Refusal as refused:
                return refused

    answers = await asyncio.gather(*(read() for _ in range(6)))
    assert sum(isinstance(answer, VerifiedCode) for answer in answers) == 1
    assert {type(answer) for answer in answers} == {VerifiedCode, CodeUsed}
    await desk.cards.verify(VerifyCode(code=code, scene="pharmacy"))
    async with desk.units.begin() as unit:
        unit.health_cards.forget_uses(at=desk.clock.now())
        await unit.commit()
    with pytest.raises(CodeUsed):
        await desk.cards.verify(VerifyCode(code=code, scene="pharmacy"))
    desk.clock.advance(timedelta(seconds=60))
    with pytest.raises(CodeExpired):
        await desk.cards.verify(VerifyCode(code=code, scene="check_in"))


async def test_static_codes_only_where_the_hospital_allows(database: Database, desk: Desk) -> None:
    patient = await desk.patient()
    await desk.cards.apply(owner(), patient)
    allowing = desk.with_issuer(desk.issuer, static=True)
    static = (await allowing.show(owner(), patient, ShowCode(kind="static"))).text
    with pytest.raises(StaticNotAllowed):
        await desk.cards.show(owner(), patient, ShowCode(kind="static"))
    with pytest.raises(StaticNotAllowed):
        await desk.cards.verify(VerifyCode(code=static, scene="payment"))
    for _ in range(2):
        assert (await allowing.verify(VerifyCode(code=static, scene="payment"))).known
    with pytest.raises(CodeRefused):
        await allowing.verify(VerifyCode(code="0" * 64 + ":1", scene="payment"))


@pytest.mark.parametrize("code", ["", "x" * 513, "号", "a\nb", "hello"])
async def test_what_is_no_code_is_refused(desk: Desk, code: str) -> None:
    with pytest.raises(CodeRefused) as refused:
        await desk.cards.verify(VerifyCode(code=code, scene="payment"))
    assert not code or code not in repr(refused.value.facts)


async def test_without_consent_nothing_is_applied_for_or_shown(desk: Desk) -> None:
    patient = await desk.patient()
    await desk.cards.apply(owner(), patient)
    await take_back(desk.units, "u1")
    for refused in (desk.cards.apply(owner(), patient), desk.cards.show(owner(), patient, ShowCode())):
        with pytest.raises(ConsentNeeded):
            await refused
    assert (await desk.cards.standing(owner(), patient)).state == "issued"


async def test_a_consent_taken_back_while_the_issuer_works_counts(desk: Desk) -> None:
    patient = await desk.patient()

    class Slow(OfflineCards):
        async def apply(self, person: Person) -> IssuedCard:
            await take_back(desk.units, "u1")
            return await super().apply(person)

    slow = Slow(b"k" * 32, issuer="ORG001", code_seconds=60, clock=desk.clock, random=os.urandom)
    with pytest.raises(ConsentNeeded):
        await desk.with_issuer(slow).apply(owner(), patient)
    assert (await desk.cards.standing(owner(), patient)).state == "none"


@pytest.mark.parametrize("how", ["unbound", "erased"])
async def test_a_patient_who_goes_while_the_issuer_works_leaves_no_card(desk: Desk, how: str) -> None:
    patient = await desk.patient()

    class Slow(OfflineCards):
        async def apply(self, person: Person) -> IssuedCard:
            if how == "unbound":
                await desk.patients.unbind(owner(), patient)
            else:
                async with desk.units.begin() as unit:
                    await PatientHolding().erase(unit, UserId("u1"), at=NOON)
                    await unit.commit()
            return await super().apply(person)

    slow = Slow(b"k" * 32, issuer="ORG001", code_seconds=60, clock=desk.clock, random=os.urandom)
    with pytest.raises(NoSuchPatient):
        await desk.with_issuer(slow).apply(owner(), patient)
    async with desk.units.read() as unit:
        assert await unit.health_cards.of([patient]) == {}


async def test_somebody_elses_card_is_no_patient(desk: Desk) -> None:
    patient = await desk.patient()
    await desk.cards.apply(owner(), patient)
    other = owner("u2")
    for refused in (
        desk.cards.standing(other, patient),
        desk.cards.apply(other, patient),
        desk.cards.show(other, patient, ShowCode()),
        desk.cards.standing(other, PatientId("none")),
    ):
        with pytest.raises(NoSuchPatient) as none:
            await refused
        assert none.value.facts == {}


async def test_an_issuer_that_is_away_leaves_nothing(desk: Desk) -> None:
    patient = await desk.patient()

    class Away(OfflineCards):
        async def query(self, person: Person) -> IssuedCard | None:
            raise CardsAway(why="timeout")

    away = Away(b"k" * 32, issuer="ORG001", code_seconds=60, clock=desk.clock, random=os.urandom)
    with pytest.raises(CardsAway):
        await desk.with_issuer(away).apply(owner(), patient)
    assert (await desk.cards.standing(owner(), patient)).state == "none"
    with pytest.raises(CardsNotSetUp):
        await desk.with_issuer(None).apply(owner(), patient)


async def test_a_card_is_tied_when_the_hospital_comes_back(desk: Desk) -> None:
    patient = await desk.patient()
    desk.records.is_away = True
    assert (await desk.cards.apply(owner(), patient)).bound is False
    assert await desk.tying.sweep() == 1
    assert desk.records.bound == []
    desk.records.is_away = False
    await take_back(desk.units, "u1")
    assert await desk.tying.sweep() == 1
    assert desk.records.bound == []
    await agree(desk.units, "u1")
    assert await desk.tying.sweep() == 1
    assert (await desk.cards.standing(owner(), patient)).bound is True
    assert await desk.tying.sweep() == 0
    [(number, _, key)] = desk.records.bound
    assert number == "P1"
    assert key.startswith(f"{patient}.")


async def test_accounts_merge_are_copied_and_erased_with_cards_and_consents(desk: Desk) -> None:
    mine, theirs = await desk.patient(1), await desk.patient(1, user="u2")
    alone = await desk.patient(2, user="u2")
    for patient in (theirs, alone):
        await desk.cards.apply(owner("u2"), patient)
    async with desk.units.begin() as unit:
        for _ in range(2):  # again is harmless
            for holding in (PatientHolding(), ConsentHolding()):
                await holding.move(unit, source=UserId("u2"), target=UserId("u1"), at=NOON)
        await unit.commit()
    assert {card.id for card in (await desk.patients.all(owner())).patients} == {mine, alone}
    for patient in (mine, alone):
        assert (await desk.cards.standing(owner(), patient)).state == "issued"
    async with desk.units.read() as unit:
        copied = await PatientHolding().export(unit, UserId("u1"), at=NOON)
        ledger = await ConsentHolding().export(unit, UserId("u1"), at=NOON)
    assert isinstance(copied, list)
    assert {row["patient"].id_number for row in copied} == {body(1).id_number, body(2).id_number}
    assert all(row["health_card"].issuer == "ORG001" for row in copied)
    assert isinstance(ledger, list)
    assert len(ledger) == 3
    async with desk.units.begin() as unit:
        for holding in (PatientHolding(), ConsentHolding()):
            await holding.erase(unit, UserId("u1"), at=NOON)
        await unit.commit()
    assert (await desk.patients.all(owner())).patients == []
    async with desk.units.read() as unit:
        for patient in (mine, theirs, alone):
            assert await unit.patients.find(patient) is None
        assert await unit.health_cards.of([mine, theirs, alone]) == {}
        assert len(await unit.consents.ledger(UserId("u1"))) == 3


async def test_a_card_goes_with_its_patient(desk: Desk) -> None:
    patient = await desk.patient()
    await desk.cards.apply(owner(), patient)
    code = await desk.code(patient)
    await desk.patients.unbind(owner(), patient)
    told = await desk.cards.verify(VerifyCode(code=code, scene="payment"))
    assert (told.known, told.name_masked, told.hospital_number) == (False, None, None)
    assert await desk.patient() == patient
    assert (await desk.cards.standing(owner(), patient)).state == "none"


@pytest.mark.parametrize(("lives", "seconds"), [(60, 48), (20, 16), (3, 5), (-10, 5)])
def test_the_next_code_is_asked_for_before_this_one_ends(lives: int, seconds: int) -> None:
    until = NOON + timedelta(seconds=lives)
    assert refresh_after(until, now=NOON, at_least=5, static=3600) == seconds
    assert refresh_after(None, now=NOON, at_least=5, static=3600) == 3600
