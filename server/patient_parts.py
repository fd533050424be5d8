"""Patients put together: the people of an account, their consents, the hospital behind them."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from accounts.consent_texts import ConsentTexts
from accounts.consents import ConsentService
from adapters.sql.unit import SqlUnits
from clinic.card_tying import CardTying
from clinic.enrolment import Enrolment
from clinic.health_card_service import CardRules, HealthCardService
from clinic.health_cards import HealthCards
from clinic.hospital_records import HospitalRecords
from clinic.patients import PatientService
from conf.consent_texts import read_consent_texts
from conf.settings import Settings
from core import limits
from core.clock import Clock
from front_machine.link import HospitalLink
from front_machine.patient_link import PatientLink
from server.outcomes import CannotStart


@dataclass(frozen=True, slots=True)
class PatientParts:
    """``handlers.deps.Patients``."""

    service: PatientService
    health_cards: HealthCardService
    consents: ConsentService


def records_of(link: HospitalLink | None) -> HospitalRecords | None:
    """The hospital's index of patients, where there is a hospital."""
    return None if link is None else PatientLink(link)


def patient_work(*, units: SqlUnits, clock: Clock, records: HospitalRecords) -> Callable[[], Awaitable[None]]:
    """The worker's loop: patients whom the hospital does not know yet, and their cards, are asked about."""
    in_force = consent_texts().in_force
    enrolment = Enrolment(units=units, records=records, clock=clock, in_force=in_force)
    tying = CardTying(units=units, records=records, clock=clock, in_force=in_force)

    async def run() -> None:
        while True:
            await enrolment.sweep()
            await tying.sweep()
            await asyncio.sleep(limits.PATIENT_SWEEP_SECONDS)

    return run


def patient_forgetting(units: SqlUnits, clock: Clock) -> Callable[[], Awaitable[None]]:
    """What the worker forgets: codes of health cards that were used and have ended by themselves."""

    async def forget() -> None:
        async with units.begin() as unit:
            unit.health_cards.forget_uses(at=clock.now())
            await unit.commit()

    return forget


def patient_parts(
    *,
    settings: Settings,
    units: SqlUnits,
    clock: Clock,
    records: HospitalRecords | None,
    cards: HealthCards | None,
) -> PatientParts:
    """What a web process needs of patients. Reads the texts of consents; raises ``CannotStart``."""
    texts = consent_texts()
    return PatientParts(
        service=PatientService(
            units=units,
            enrolment=Enrolment(units=units, records=records, clock=clock, in_force=texts.in_force),
            clock=clock,
            random=os.urandom,
            limit=settings.patients.per_account,
            in_force=texts.in_force,
        ),
        health_cards=HealthCardService(
            units=units,
            cards=cards,
            records=records,
            clock=clock,
            in_force=texts.in_force,
            rules=CardRules(settings.health_card.static_codes, settings.health_card.once_per_scene),
        ),
        consents=ConsentService(units=units, texts=texts, clock=clock),
    )


def consent_texts() -> ConsentTexts:
    """The texts that are in force. Raises ``CannotStart``."""
    try:
        return read_consent_texts()
    except (OSError, ValueError) as error:
        raise CannotStart(f"conf/consents: {error}") from error
