"""Use cases of patients: look, add, reveal, unbind, choose the usual one; and the one door to any of them."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Protocol

from accounts.consent import Kind as Consent
from accounts.consent import require_consent
from accounts.store import hold_account
from clinic import patient as rules
from clinic.enrolment import Enrolment
from clinic.identity_numbers import IdKind, Sex
from clinic.patient import Family, InHospital, NoSuchPatient, Patient
from clinic.patient_store import PatientStore, Unit, Units
from clinic.patient_wire import (
    AddPatient,
    GuardianMasked,
    GuardianPlain,
    PatientCard,
    PatientList,
    PatientPlain,
)
from clinic.real_name import Given, GivenGuardian, Guardian, Relation, read_person
from core import limits
from core.actor import Actor
from core.clock import Clock, business_day
from core.ids import PatientId, RandomBytes, UserId, new_id
from core.masking import mask_id_number, mask_name, mask_phone


class HasPatients(Protocol):
    """A transaction that can read patients."""

    @property
    def patients(self) -> PatientStore:
        """The patients."""


async def patient_for(unit: HasPatients, actor: Actor, patient: PatientId) -> Patient:
    """Fetch a patient of the actor's account; otherwise refuse without telling whether there is one.

    The one door to a patient. Refuses with ``NoSuchPatient``: no such, somebody else's, or unbound.
    """
    found = await unit.patients.find(patient)
    if found is None or found.user != actor.id or not found.is_here:
        raise NoSuchPatient()
    return found


class PatientService:
    """What an account does with its patients. ``in_force`` is the version of each consent's text."""

    def __init__(
        self,
        *,
        units: Units,
        enrolment: Enrolment,
        clock: Clock,
        random: RandomBytes,
        limit: int,
        in_force: Mapping[Consent, str],
    ) -> None:
        self._units = units
        self._enrolment = enrolment
        self._clock = clock
        self._random = random
        self._limit = limit
        self._in_force = in_force

    async def all(self, actor: Actor) -> PatientList:
        """Everybody of the account, masked."""
        async with self._units.read() as unit:
            family = await unit.patients.family(UserId(actor.id))
            cards = await unit.health_cards.of([each.id for each in family.here])
        return PatientList(
            patients=[_card(family, each, has_card=each.id in cards) for each in family.here],
            limit=self._limit,
        )

    async def one(self, actor: Actor, patient: PatientId) -> PatientCard:
        """One of them, masked. Refuses with ``NoSuchPatient``."""
        async with self._units.read() as unit:
            found = await patient_for(unit, actor, patient)
            family = await unit.patients.family(found.user)
            cards = await unit.health_cards.of([found.id])
        return _card(family, found, has_card=found.id in cards)

    async def reveal(self, actor: Actor, patient: PatientId) -> PatientPlain:
        """The plain values of one. Refuses with ``NoSuchPatient`` or ``ConsentNeeded``."""
        async with self._units.read() as unit:
            found = await patient_for(unit, actor, patient)
            await require_consent(unit, found.user, Consent.SENSITIVE_HEALTH, in_force=self._in_force)
        return plain_of(found)

    async def add(self, actor: Actor, body: AddPatient) -> PatientCard:
        """Add a person, then ask the hospital; the person is kept whatever it answers.

        Refuses with ``BadInput``, ``ConsentNeeded`` and what ``clinic.patient.add`` refuses with.
        """
        now = self._clock.now()
        person = read_person(given(body), today=business_day(now))
        async with self._units.begin() as unit:
            await hold_account(unit, UserId(actor.id))
            family = await unit.patients.family_for_change(UserId(actor.id))
            await require_consent(unit, family.user, Consent.SENSITIVE_HEALTH, in_force=self._in_force)
            new = PatientId(new_id(at=now, random=self._random))
            grown, added = rules.add(
                family,
                person,
                Relation(body.relation),
                patient=new,
                limit=self._limit,
                ever=limits.PATIENTS_EVER,
                pause=timedelta(seconds=limits.PATIENT_RENAMED_SECONDS),
                at=now,
            )
            await unit.patients.keep(family, grown)
            await unit.commit()
        await self._enrolment.attend(added.id)
        return await self.one(actor, added.id)

    async def unbind(self, actor: Actor, patient: PatientId) -> PatientList:
        """Let a person go; answers who is left. Refuses with ``NoSuchPatient``."""
        async with self._units.begin() as unit:
            family = await unit.patients.family_for_change(UserId(actor.id))
            await unit.patients.keep(family, rules.unbind(family, patient, at=self._clock.now()))
            unit.health_cards.erase([patient])
            await unit.commit()
        return await self.all(actor)

    async def make_default(self, actor: Actor, patient: PatientId) -> PatientList:
        """Preselect this one from now on. Refuses with ``NoSuchPatient``."""
        async with self._units.begin() as unit:
            family = await unit.patients.family_for_change(UserId(actor.id))
            await unit.patients.keep(family, rules.make_usual(family, patient))
            await unit.commit()
        return await self.all(actor)


async def join_families(unit: Unit, *, kept: UserId, joining: UserId) -> None:
    """Two accounts become one: everybody moves to the kept one, and who was in both is there once.

    In the caller's transaction, which commits. Locks both families by ascending user.
    """
    held = {user: await unit.patients.family_for_change(user) for user in sorted({kept, joining})}
    family, same = rules.merged(held[kept], held[joining])
    await unit.patients.keep(held[joining], Family(joining))
    await unit.patients.join(same)
    await unit.patients.keep(held[kept], family)
    await unit.health_cards.join(same)
    await unit.consents.adopt(kept, joining)


def given(body: AddPatient) -> Given:
    """What was typed, as the rules take it."""
    told = body.guardian
    guardian = None
    if told is not None:
        guardian = GivenGuardian(told.name, IdKind(told.id_kind), told.id_number, told.phone)
    return Given(
        name=body.name,
        id_kind=IdKind(body.id_kind),
        id_number=body.id_number,
        phone=body.phone,
        relation=Relation(body.relation),
        born=body.birth_date,
        sex=None if body.sex is None else Sex(body.sex),
        guardian=guardian,
    )


def _card(family: Family, patient: Patient, *, has_card: bool) -> PatientCard:
    who = patient.person
    return PatientCard(
        id=patient.id,
        name_masked=mask_name(who.name),
        id_kind=who.id_kind.value,
        id_masked=mask_id_number(who.id_number),
        phone_masked=mask_phone(who.phone),
        relation=patient.relation.value,
        sex=who.sex.value,
        birth_year=who.born.year,
        is_default=family.usual == patient.id,
        in_hospital=patient.in_hospital is InHospital.FOUND,
        hospital_state=patient.in_hospital.value,
        health_card="issued" if has_card else "none",
        guardian=None if who.guardian is None else _masked(who.guardian),
    )


def _masked(guardian: Guardian) -> GuardianMasked:
    return GuardianMasked(
        name_masked=mask_name(guardian.name),
        id_kind=guardian.id_kind.value,
        id_masked=mask_id_number(guardian.id_number),
        phone_masked=mask_phone(guardian.phone),
    )


def plain_of(patient: Patient) -> PatientPlain:
    """The plain values of one: for whoever may see them."""
    who, guardian = patient.person, patient.person.guardian
    return PatientPlain(
        id=patient.id,
        name=who.name,
        id_kind=who.id_kind.value,
        id_number=who.id_number,
        birth_date=who.born,
        sex=who.sex.value,
        phone=who.phone,
        relation=patient.relation.value,
        hospital_number=patient.hospital_number or None,
        guardian=(
            None
            if guardian is None
            else GuardianPlain(
                name=guardian.name,
                id_kind=guardian.id_kind.value,
                id_number=guardian.id_number,
                phone=guardian.phone,
            )
        ),
    )
