"""Patients' records on the hospital side: find, make, tie a health card. Questions in, envelopes out.

Every failure becomes a coded envelope. Nothing of a question is logged, remembered or sent back.
"""

import unicodedata
from typing import Any

import msgspec
import structlog

from core.clock import Clock, business_day
from front_machine.contract import Code, Envelope, Reason
from front_machine.contract_patients import (
    AskBindHealthCard,
    AskCreatePatient,
    AskPatient,
    FoundPatient,
    HealthCardBound,
    PatientCreated,
)
from front_machine.his import HisLink, HisTrouble, OutcomeUnknown
from front_machine.mapping import MappingRefused, PatientsMapping
from front_machine.settings import FrontMachineSettings
from front_machine.writes import KEY, SeveralRows, Write, only_row

log = structlog.get_logger()

NOT_OFFERED = Envelope(code=Code.BAD_REQUEST)
_LONGEST = 200


class PatientDesk:
    """What the platform may ask about patients. A hospital that maps none of it offers none of it."""

    def __init__(self, link: HisLink, settings: FrontMachineSettings, *, clock: Clock) -> None:
        self._link = link
        self._mapping = settings.patients or PatientsMapping()
        self._clock = clock
        self._encoding = settings.his.encoding
        self._creates = self._write("create", "settle_patient")
        self._binds = self._write("bind_health_card", "settle_card")

    async def check(self) -> tuple[str, ...]:
        """Ask every question once. Raises ``MappingRefused`` for what an integrator must mend."""
        told = []
        if self._mapping.find is not None:
            await self._record({"id_kind": "", "id_number": ""})
            told.append("patients.find: runs")
        for where, write in (("create", self._creates), ("bind_health_card", self._binds)):
            if write is not None:
                await write.found("check")
                told.append(f"patients.{where}.settle: runs")
        return tuple(told)

    async def find(self, ask: AskPatient) -> Envelope:
        """query_patient."""
        if self._mapping.find is None or not _are_short(ask):
            return NOT_OFFERED
        try:
            found = await self._record(self._paper(ask.id_kind, ask.id_number))
        except SeveralRows:
            return Envelope(code=Code.BUSINESS_ERROR, reason=Reason.SEVERAL_FOUND)
        except (HisTrouble, MappingRefused) as error:
            return _unavailable(error)
        if found is None:
            return Envelope(code=Code.EMPTY)
        if _compared(found["name"]) != _compared(ask.name):
            return Envelope(code=Code.BUSINESS_ERROR, reason=Reason.NAME_DIFFERS)
        return _ok(FoundPatient(patient=found["patient"]))

    async def create(self, ask: AskCreatePatient) -> Envelope:
        """create_patient, at most once for its key."""
        write = self._creates
        if write is None or not KEY.fullmatch(ask.key) or not _are_short(ask):
            return NOT_OFFERED
        guardian = self._paper(ask.guardian_id_kind or "", ask.guardian_id_number)
        values = {
            "name": ask.name,
            **self._paper(ask.id_kind, ask.id_number),
            "sex": self._mapping.sexes.get(ask.sex, ask.sex),
            "born": ask.born.strftime(self._mapping.born_form),
            "phone": ask.phone,
            "guardian_name": ask.guardian_name,
            "guardian_id_kind": guardian["id_kind"],
            "guardian_id_number": guardian["id_number"],
            "guardian_phone": ask.guardian_phone,
        }
        return await self._written(write, ask.key, values, of_paper=ask.id_number)

    async def settle_create(self, key: str) -> Envelope:
        """What became of a create; ``EMPTY`` when no such key ever arrived."""
        return await self._settled(self._creates, key)

    async def bind(self, ask: AskBindHealthCard) -> Envelope:
        """bind_health_card, at most once for its key."""
        if self._binds is None or not KEY.fullmatch(ask.key) or not _are_short(ask):
            return NOT_OFFERED
        values: dict[str, object] = {"patient": ask.patient, "card": ask.card, "main_index": ask.main_index}
        return await self._written(self._binds, ask.key, values)

    async def settle_bind(self, key: str) -> Envelope:
        """What became of a bind; ``EMPTY`` when no such key ever arrived."""
        return await self._settled(self._binds, key)

    async def _record(self, parameters: dict[str, object]) -> dict[str, Any] | None:
        assert self._mapping.find is not None
        return await only_row(
            self._link,
            self._mapping.find,
            where="patients.find",
            name="find_patient",
            parameters=parameters,
            today=business_day(self._clock.now()),
            encoding=self._encoding,
        )

    async def _written(
        self, write: Write, key: str, values: dict[str, object], *, of_paper: str = ""
    ) -> Envelope:
        try:
            found = await write.found(key)
            if found is None:
                await write.tell(key, values)
        except OutcomeUnknown as error:
            return _settlement(key, {"outcome": "pending", "his_code": error.his_code})
        except (HisTrouble, MappingRefused) as error:
            return _unavailable(error)
        if found is not None and found.get("id_number", of_paper) != of_paper:
            return Envelope(code=Code.BUSINESS_ERROR, reason=Reason.KEY_REUSED)
        return _settlement(key, await write.decided(key))

    async def _settled(self, write: Write | None, key: str) -> Envelope:
        if write is None or not KEY.fullmatch(key):
            return NOT_OFFERED
        try:
            found = await write.found(key)
        except (HisTrouble, MappingRefused) as error:
            return _unavailable(error)
        return Envelope(code=Code.EMPTY) if found is None else _settlement(key, found)

    def _paper(self, kind: str, number: str) -> dict[str, object]:
        return {"id_kind": self._mapping.id_kinds.get(kind, kind), "id_number": number}

    def _write(self, part: str, name: str) -> Write | None:
        mapping = getattr(self._mapping, part)
        if mapping is None:
            return None
        return Write(
            self._link,
            mapping,
            where=f"patients.{part}",
            name=name,
            clock=self._clock,
            encoding=self._encoding,
        )


def _are_short(ask: msgspec.Struct) -> bool:
    texts = [value for value in msgspec.structs.astuple(ask) if isinstance(value, str)]
    return all(len(text) <= _LONGEST and not any(ord(each) < 32 for each in text) for text in texts)


def _compared(name: str) -> str:
    """A name without what systems write differently: blanks, forms of the dot, small and wide letters."""
    wide = unicodedata.normalize("NFKC", name).casefold()
    return "".join(each for each in wide if each.isalpha())


def _settlement(key: str, found: dict[str, Any]) -> Envelope:
    outcome, his_code = found["outcome"], found.get("his_code", "")
    if outcome == "refused":
        reason = found.get("reason", "")
        known = reason if reason and reason in set(Reason) else Reason.OTHER
        return Envelope(code=Code.BUSINESS_ERROR, his_code=his_code, reason=Reason(known))
    done = outcome == "done"
    number = found.get("patient") if done else None
    data: msgspec.Struct = PatientCreated(key=key, settled=done, patient=number)
    if "patient" not in found and done:
        data = HealthCardBound(key=key, settled=True)
    return Envelope(
        code=Code.OK if done else Code.UNKNOWN_OUTCOME,
        his_code=his_code,
        data=msgspec.Raw(msgspec.json.encode(data)),
    )


def _ok(data: object) -> Envelope:
    return Envelope(code=Code.OK, data=msgspec.Raw(msgspec.json.encode(data)))


def _unavailable(error: HisTrouble | MappingRefused) -> Envelope:
    code = error.his_code if isinstance(error, HisTrouble) else "mapping"
    log.warning("his.unavailable", his_code=code)
    return Envelope(code=Code.UNAVAILABLE, his_code=code)
