"""Consultations as people see them: the patient's own, a doctor's, what waits in a department."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from clinic.patient import Patient
from core.actor import Actor, Role
from core.clock import Clock
from core.ids import PatientId
from core.masking import mask_name
from im import consultation_wire as wire
from im.consultation import NoSuchConsultation, Stage
from im.consultation_store import Kept, Unit, Units
from im.consulting import age_on
from im.practice import Practice
from im.store import Pending

_POOL_SHOWN = 100


class Consulted:
    """What is looked at."""

    def __init__(self, *, units: Units, clock: Clock) -> None:
        self._units = units
        self._clock = clock

    async def one(self, actor: Actor, consultation: str) -> wire.Consultation:
        """The patient's own, the doctor's, or one that waits in the doctor's department."""
        async with self._units.read() as unit:
            kept = await self._visible(unit, actor, consultation)
            return (await self._shown(unit, actor, [kept]))[0]

    async def page(self, actor: Actor, query: wire.ListQuery) -> wire.ConsultationList:
        """A page of them."""
        open_ = {"open": True, "over": False, "all": None}[query.state]
        async with self._units.read() as unit:
            if actor.role is Role.PATIENT:
                found = await unit.consultations.of_user(
                    actor.id, open_=open_, after=query.cursor, limit=query.limit + 1
                )
            elif query.scope == "pool":
                practice = await unit.practices.find(actor.id)
                pooled = practice is not None and practice.confirmed and practice.in_pool
                found = (
                    await unit.consultations.of_pool(practice.department, limit=_POOL_SHOWN)
                    if practice is not None and pooled
                    else []
                )
            else:
                found = await unit.consultations.of_doctor(
                    actor.id, open_=open_, after=query.cursor, limit=query.limit + 1
                )
            shown = await self._shown(unit, actor, found[: query.limit])
        more = len(found) > query.limit
        items = sorted(shown, key=_urgency) if actor.role is Role.DOCTOR else shown
        return wire.ConsultationList(items=items, next=found[query.limit - 1].it.id if more else None)

    async def patient(self, actor: Actor, consultation: str) -> wire.PatientSummary:
        """Whom a doctor talks to, plain, with the consultations that the doctor had with them before."""
        async with self._units.read() as unit:
            kept = await self._visible(unit, actor, consultation)
            if kept.it.doctor != actor.id:
                raise NoSuchConsultation()
            patient = await unit.patients.find(PatientId(kept.it.patient))
            if patient is None:
                raise NoSuchConsultation()
            before = await unit.consultations.of_doctor(actor.id, open_=False, after=None, limit=100)
            same = [one for one in before if one.it.patient == kept.it.patient][:20]
            earlier = await self._shown(unit, actor, same)
        who = patient.person
        return wire.PatientSummary(
            id=patient.id,
            name=who.name,
            sex=who.sex.value,
            age=age_on(who.born, self._clock.now()),
            birth_date=who.born.isoformat(),
            relation=patient.relation.value,
            guardian="" if who.guardian is None else who.guardian.name,
            earlier=earlier,
        )

    async def _visible(self, unit: Unit, actor: Actor, consultation: str) -> Kept:
        kept = await unit.consultations.find(consultation)
        if kept is None:
            raise NoSuchConsultation()
        it = kept.it
        if actor.id in (it.user, it.doctor):
            return kept
        practice = await unit.practices.find(actor.id) if actor.role is Role.DOCTOR else None
        waits = it.stage is Stage.AWAITING_ACCEPTANCE and it.doctor is None
        if practice is None or not (waits and practice.in_pool and practice.department == it.department):
            raise NoSuchConsultation()
        return kept

    async def _shown(self, unit: Unit, actor: Actor, found: Sequence[Kept]) -> list[wire.Consultation]:
        """As they travel; what hangs on them is read in batches."""
        if not found:
            return []
        names = [one.it.id for one in found]
        pending = await unit.conversations.pending(names, user=actor.id)
        practices = {each.user: each for each in await unit.practices.all()}
        departments = await _departments(unit)
        patients = {
            name: await unit.patients.find(PatientId(name)) for name in {one.it.patient for one in found}
        }
        now = self._clock.now()
        return [
            _wire(one, practices, departments, patients[one.it.patient], pending.get(one.it.id), now)
            for one in found
        ]


async def _departments(unit: Unit) -> Mapping[str, str]:
    directory = await unit.directory.departments(after=None, limit=200)
    return {each.code: each.name for each in directory}


def _urgency(one: wire.Consultation) -> tuple[bool, datetime]:
    """Who waits longest for an answer first, then the others by their last word."""
    waits = one.waiting_since
    return waits is None, waits if waits is not None else one.last_at


def _wire(
    kept: Kept,
    practices: Mapping[str, Practice],
    departments: Mapping[str, str],
    patient: Patient | None,
    pending: Pending | None,
    now: datetime,
) -> wire.Consultation:
    it, said = kept.it, kept.said
    practice = practices.get(it.doctor or "")
    doctor = None
    if it.doctor is not None:
        name, title = (practice.name, practice.title) if practice is not None else ("", "")
        doctor = wire.ConsultingDoctor(user=it.doctor, name=name, title=title)
    awaiting = it.stage is Stage.AWAITING_ACCEPTANCE
    return wire.Consultation(
        id=it.id,
        state=it.stage.value,
        patient=wire.ConsultedPatient(
            id=it.patient,
            name_masked="" if patient is None else mask_name(patient.person.name),
            sex="" if patient is None else patient.person.sex.value,
            age=0 if patient is None else age_on(patient.person.born, now),
        ),
        doctor=doctor,
        department=it.department,
        department_name=departments.get(it.department, it.department),
        complaint=said.complaint,
        earlier_diagnosis=said.earlier_diagnosis,
        fee_fen=it.terms.fee_fen,
        turns=it.terms.turns,
        turns_left=it.terms.turns if pending is None or pending.turns_left is None else pending.turns_left,
        created_at=it.created_at,
        accept_by=it.due_at if awaiting else None,
        accepted_at=it.accepted_at,
        expires_at=it.expires_at,
        ended_at=it.ended_at,
        ended_because=it.ended_because,  # type: ignore[arg-type]
        summary=said.summary,
        rating=it.rating,
        refund=it.refund.value,
        unread=0 if pending is None else pending.unread,
        last_at=it.changed_at if pending is None else pending.last_at,
        waiting_since=pending.waiting_since if pending is not None and it.stage.is_open else None,
    )
