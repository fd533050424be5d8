"""The front machine's routes about patients: decodes each question and hands it to the desk."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

import msgspec

from front_machine.contract import Code, Envelope
from front_machine.contract_patients import (
    BIND_HEALTH_CARD,
    CREATE_PATIENT,
    FIND_PATIENT,
    AskBindHealthCard,
    AskCreatePatient,
    AskPatient,
)
from front_machine.patient_desk import PatientDesk

Ask = TypeVar("Ask")


class Asked(Protocol):
    """A request, as far as these answers need it."""

    @property
    def body(self) -> bytes:
        """What was sent."""


Answer = Callable[[Asked, str], Awaitable[Envelope]]


def patient_routes(desk: PatientDesk) -> Sequence[tuple[str, str, str, Answer]]:
    """Path, method, name for the access log, answer."""

    def asked(kind: type[Ask], answer: Callable[[Ask], Awaitable[Envelope]]) -> Answer:
        async def decoded(request: Asked, _: str) -> Envelope:
            try:
                ask = msgspec.json.decode(request.body, type=kind)
            except (msgspec.DecodeError, UnicodeDecodeError):
                return Envelope(code=Code.BAD_REQUEST)
            return await answer(ask)

        return decoded

    async def settle_create(_: Asked, key: str) -> Envelope:
        return await desk.settle_create(key)

    async def settle_bind(_: Asked, key: str) -> Envelope:
        return await desk.settle_bind(key)

    return (
        (FIND_PATIENT, "POST", "find_patient", asked(AskPatient, desk.find)),
        (CREATE_PATIENT, "POST", "create_patient", asked(AskCreatePatient, desk.create)),
        (CREATE_PATIENT + r"/by-key/([^/]{1,64})", "GET", "settle_patient", settle_create),
        (BIND_HEALTH_CARD, "POST", "bind_health_card", asked(AskBindHealthCard, desk.bind)),
        (BIND_HEALTH_CARD + r"/by-key/([^/]{1,64})", "GET", "settle_health_card", settle_bind),
    )
