"""``clinic.hospital_records.HospitalRecords`` through the front machine."""

from collections.abc import Awaitable, Callable

from clinic.hospital_records import Outcome, Recorded, RecordsAway
from clinic.real_name import Person
from front_machine.contract import Code, Envelope
from front_machine.contract_patients import (
    BIND_HEALTH_CARD,
    CREATE_PATIENT,
    FIND_PATIENT,
    AskBindHealthCard,
    AskCreatePatient,
    AskPatient,
    FoundPatient,
    PatientCreated,
)
from front_machine.link import HospitalLink, HospitalUnavailable, OutcomeUnknown

_OUTCOMES = {
    Code.OK: Outcome.DONE,
    Code.EMPTY: Outcome.NONE,
    Code.BUSINESS_ERROR: Outcome.REFUSED,
    Code.UNKNOWN_OUTCOME: Outcome.UNKNOWN,
}


class PatientLink:
    """One hospital's index of patients, asked through its front machine."""

    def __init__(self, link: HospitalLink) -> None:
        self._link = link

    async def find(self, person: Person) -> Recorded:
        ask = AskPatient(id_kind=person.id_kind.value, id_number=person.id_number, name=person.name)
        return await self._recorded(
            lambda: self._link.question("POST", FIND_PATIENT, ask),
            lambda envelope: self._link.data_of(envelope, FoundPatient).patient,
        )

    async def create(self, person: Person, *, key: str) -> Recorded:
        ask = _asked(person, key)
        return await self._recorded(lambda: self._link.question("POST", CREATE_PATIENT, ask), self._number_of)

    async def settled(self, key: str) -> Recorded:
        return await self._recorded(
            lambda: self._link.question("GET", f"{CREATE_PATIENT}/by-key/{key}"), self._number_of
        )

    async def bind_card(self, number: str, *, card: str, main_index: str, key: str) -> Recorded:
        ask = AskBindHealthCard(key=key, patient=number, card=card, main_index=main_index)
        return await self._recorded(
            lambda: self._link.question("POST", BIND_HEALTH_CARD, ask), lambda _: number
        )

    def _number_of(self, envelope: Envelope) -> str:
        return self._link.data_of(envelope, PatientCreated).patient or ""

    async def _recorded(
        self, ask: Callable[[], Awaitable[Envelope]], number_of: Callable[[Envelope], str]
    ) -> Recorded:
        try:
            envelope = await ask()
            outcome = _OUTCOMES.get(envelope.code)
            if outcome is None:
                raise RecordsAway(f"code_{envelope.code.value.lower()}")
            number = number_of(envelope) if outcome is Outcome.DONE else ""
        except OutcomeUnknown:
            return Recorded(Outcome.UNKNOWN)
        except HospitalUnavailable as error:
            raise RecordsAway(error.cause) from None
        if outcome is Outcome.DONE and not number:
            raise RecordsAway("no_number")
        return Recorded(outcome, number, envelope.reason.value)


def _asked(person: Person, key: str) -> AskCreatePatient:
    guardian = person.guardian
    return AskCreatePatient(
        key=key,
        name=person.name,
        id_kind=person.id_kind.value,
        id_number=person.id_number,
        sex=person.sex.value,
        born=person.born,
        phone=person.phone,
        guardian_name=guardian.name if guardian else "",
        guardian_id_kind=guardian.id_kind.value if guardian else None,
        guardian_id_number=guardian.id_number if guardian else "",
        guardian_phone=guardian.phone if guardian else "",
    )
