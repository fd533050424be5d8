"""Making a patient known to the hospital: look, else make a record, and never two.

A patient is kept whatever the hospital does. The key of a request is the patient's own id, and before it is
sent the patient is marked: whatever happens then, what became of it is asked, and it is sent again only when
the hospital never had it.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from accounts.consent import Kind as Consent
from accounts.consent import holds
from clinic.hospital_records import HospitalRecords, Outcome, Recorded, RecordsAway
from clinic.patient import Family, InHospital, Patient
from clinic.patient_store import Unit, Units
from core import limits
from core.clock import Clock
from core.ids import PatientId

log = structlog.get_logger()

_STATES = {
    Outcome.DONE: InHospital.FOUND,
    Outcome.REFUSED: InHospital.REFUSED,
    Outcome.UNKNOWN: InHospital.UNKNOWN,
}


class Enrolment:
    """Asks the hospital about patients: at once when one is added, and later about whoever is left."""

    def __init__(
        self,
        *,
        units: Units,
        records: HospitalRecords | None,
        clock: Clock,
        in_force: Mapping[Consent, str],
    ) -> None:
        self._units = units
        self._records = records
        self._clock = clock
        self._in_force = in_force

    async def attend(self, patient: PatientId) -> None:
        """Ask about one patient, within ``PATIENT_HOSPITAL_SECONDS``. What stays open is for ``sweep``."""
        if self._records is None:
            return
        try:
            async with asyncio.timeout(limits.PATIENT_HOSPITAL_SECONDS):
                await self._ask(self._records, patient)
        except (RecordsAway, TimeoutError) as error:
            await self._keep(patient, None)
            log.info("patient.hospital_away", cause=getattr(error, "cause", "timeout"))

    async def sweep(self) -> int:
        """Ask about those who are waiting, the longest first; answers how many were asked about."""
        if self._records is None:
            return 0
        async with self._units.read() as unit:
            due = await unit.patients.due(asked_before=self._asked_before(), limit=limits.PATIENTS_AT_ONCE)
        for patient in due:
            await self.attend(patient.id)
        return len(due)

    async def _ask(self, records: HospitalRecords, name: PatientId) -> None:
        async with self._units.read() as unit:
            patient = await unit.patients.find(name)
            agreed = patient is not None and await self._agrees(unit, patient)
        if patient is None or not patient.is_here or patient.in_hospital is InHospital.FOUND:
            return
        if patient.asked_at is not None and patient.asked_at > self._asked_before():
            return
        if not agreed:
            # Taken back meanwhile: nothing more is told to the hospital. Given again, it is asked again.
            await self._keep(patient.id, None)
            return
        found = await records.find(patient.person)
        if found.outcome is Outcome.NONE and patient.in_hospital is InHospital.UNKNOWN:
            found = await records.settled(patient.id)
        if found.outcome is Outcome.NONE:
            # Marked first: a process that dies now leaves a question, not a second record.
            await self._keep(patient.id, Recorded(Outcome.UNKNOWN))
            found = await records.create(patient.person, key=patient.id)
        await self._keep(patient.id, found)

    def _asked_before(self) -> datetime:
        """Whoever was asked about since then is left alone for now."""
        return self._clock.now() - timedelta(seconds=limits.PATIENT_AGAIN_SECONDS)

    async def _agrees(self, unit: Unit, patient: Patient) -> bool:
        latest = await unit.consents.latest(patient.user)
        kind = Consent.SENSITIVE_HEALTH
        return holds(latest, kind, in_force=self._in_force[kind])

    async def _keep(self, name: PatientId, found: Recorded | None) -> None:
        async with self._units.begin() as unit:
            patient = await unit.patients.find(name)
            if patient is None:
                return
            family = await unit.patients.family_for_change(patient.user)
            now = next((each for each in family.patients if each.id == patient.id), None)
            if now is None or now.in_hospital is InHospital.FOUND:
                return
            await unit.patients.keep(family, self._told(family, now, found))
            await unit.commit()

    def _told(self, family: Family, patient: Patient, found: Recorded | None) -> Family:
        told = replace(patient, asked_at=self._clock.now())
        if found is not None:
            told = replace(told, in_hospital=_STATES[found.outcome], hospital_number=found.number)
        return family.with_(told)
