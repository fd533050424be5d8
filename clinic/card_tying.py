"""Tying a health card to the hospital's own record of the patient, at once or later."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import structlog

from accounts.consent import Kind as Consent
from accounts.consent import holds
from clinic.health_card_store import KeptCard
from clinic.hospital_records import HospitalRecords, Outcome, RecordsAway
from clinic.patient import InHospital, Patient
from clinic.patient_store import Unit, Units
from core import limits
from core.clock import Clock
from core.ids import PatientId

log = structlog.get_logger()

NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""``bound_at`` of a card that the hospital's record will not take."""


class CardTying:
    """Tells the hospital's records about cards, once for each card."""

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
        self._after = PatientId("")

    async def sweep(self) -> int:
        """Tie cards to records that the hospital made meanwhile; answers how many were waiting."""
        if self._records is None:
            return 0
        async with self._units.read() as unit:
            waiting = await unit.health_cards.untied(after=self._after, limit=limits.PATIENTS_AT_ONCE)
            kept = await unit.health_cards.of(waiting)
            found = [await self._agreed(unit, name) for name in waiting]
        # One after the other and round again: whoever cannot be helped keeps nobody waiting.
        self._after = waiting[-1] if len(waiting) == limits.PATIENTS_AT_ONCE else PatientId("")
        for patient in found:
            if patient is not None and patient.id in kept:
                await self.tie(patient, kept[patient.id])
        return len(waiting)

    async def _agreed(self, unit: Unit, name: PatientId) -> Patient | None:
        """The patient, if the account still agrees that the hospital is told."""
        patient = await unit.patients.find(name)
        if patient is None:
            return None
        latest, kind = await unit.consents.latest(patient.user), Consent.SENSITIVE_HEALTH
        return patient if holds(latest, kind, in_force=self._in_force[kind]) else None

    async def tie(self, patient: Patient, kept: KeptCard) -> KeptCard:
        """Tell the record now if that is possible; answers the card as it stands afterwards."""
        if self._records is None or patient.in_hospital is not InHospital.FOUND:
            return kept
        key = f"{patient.id}.{hashlib.sha256(kept.card.encode()).hexdigest()[:16]}"
        try:
            told = await self._records.bind_card(
                patient.hospital_number, card=kept.card, main_index=kept.main_index, key=key
            )
        except RecordsAway as away:
            log.info("health_card.hospital_away", cause=away.cause)
            return kept
        if told.outcome not in {Outcome.DONE, Outcome.REFUSED}:
            return kept
        tied = replace(kept, bound_at=self._clock.now() if told.outcome is Outcome.DONE else NEVER)
        async with self._units.begin() as unit:
            await unit.patients.family_for_change(patient.user)
            if kept.patient in await unit.health_cards.of([kept.patient]):
                await unit.health_cards.keep(tied)
                await unit.commit()
        return tied
