"""Use cases of records: the export of one consultation, and the check of everything that is stored."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import msgspec

from core import limits
from core.actor import Actor, Role
from core.clock import Clock
from core.ids import PatientId
from core.sealing import SealBroken
from im.consultation import Consultation, NoSuchConsultation
from im.consultation_store import Unit
from im.record import Finding, Record, What, record_of, verify
from im.store import Row
from im.thread import Thread


class Units(Protocol):
    """Opens transactions."""

    def read(self) -> AbstractAsyncContextManager[Unit]:
        """One that sees one moment."""


class Recording:
    """Records of conversations."""

    def __init__(self, *, units: Units, clock: Clock) -> None:
        self._units = units
        self._clock = clock

    async def export(self, actor: Actor, consultation: str) -> Record:
        """The record of a consultation, for the patient's account and the doctor.

        What was taken back keeps its place; its words are there for whoever said them. Refuses with
        ``NoSuchConsultation``.
        """
        async with self._units.read() as unit:
            kept = await unit.consultations.find(consultation)
            if kept is None or actor.id not in (kept.it.user, kept.it.doctor):
                raise NoSuchConsultation()
            thread = await unit.conversations.thread(consultation)
            if thread is None:
                raise NoSuchConsultation()
            rows = await _all(unit, thread)
            files = await _files(unit, consultation)
            people = await _people(unit, kept.it)
        it, said = kept.it, kept.said
        facts: dict[str, Any] = {
            "state": it.stage.value,
            "department": it.department,
            "doctor": it.doctor,
            "complaint": said.complaint,
            "earlier_diagnosis": said.earlier_diagnosis,
            "summary": said.summary,
            "created_at": it.created_at,
            "accepted_at": it.accepted_at,
            "ended_at": it.ended_at,
            "fee_fen": it.terms.fee_fen,
            "files": files,
            **people,
        }
        if actor.role is Role.DOCTOR:
            facts["patient"] = it.patient
        return record_of(
            consultation, rows, head=thread.digest, facts=facts, at=self._clock.now(), reader=actor.id
        )

    async def check(self, only: str | None = None) -> AsyncIterator[tuple[str, list[Finding]]]:
        """Every conversation there is, or one, with what is wrong in it."""
        after = ""
        while True:
            async with self._units.read() as unit:
                names = [only] if only else await unit.conversations.names(after=after, limit=100)
            for name in names:
                yield name, await self._checked(name)
            if only or not names:
                return
            after = names[-1]

    async def _checked(self, name: str) -> list[Finding]:
        async with self._units.read() as unit:
            thread = await unit.conversations.thread(name)
            if thread is None:
                return [Finding(0, What.MISSING)]
            try:
                rows = await _all(unit, thread)
                facts = {"files": await _files(unit, name)}
            except SealBroken:
                return [Finding(await _first_broken(unit, thread), What.UNREADABLE)]
        return verify(record_of(name, rows, head=thread.digest, facts=facts, at=self._clock.now()))


async def _all(unit: Unit, thread: Thread) -> list[Row]:
    rows: list[Row] = []
    while True:
        above = rows[-1].seq if rows else 0
        page = await unit.conversations.page(
            thread.id, above=above, upto=2**53, limit=limits.IM_RECORD_MESSAGES
        )
        rows += page
        if len(page) < limits.IM_RECORD_MESSAGES:
            return rows


async def _files(unit: Unit, conversation: str) -> list[dict[str, Any]]:
    """What was sent as files, with the SHA-256 of what was kept, so that a copy can be compared."""
    found: list[dict[str, Any]] = []
    after = ""
    while page := await unit.files.of_conversation(
        conversation, after=after, limit=limits.IM_RECORD_MESSAGES
    ):
        found += [
            {
                "file": each.id,
                "seq": each.seq,
                "media_type": each.content.media_type,
                "bytes": each.content.size,
                "sha256": each.content.digest.hex(),
            }
            for each in page
            if each.content is not None
        ]
        after = page[-1].id
    return found


async def _people(unit: Unit, it: Consultation) -> dict[str, Any]:
    """Whom it is about and who answered, by name: a record without is nobody's."""
    patient = await unit.patients.find(PatientId(it.patient))
    practice = await unit.practices.find(it.doctor) if it.doctor else None
    found: dict[str, Any] = {}
    if patient is not None:
        who = patient.person
        found |= {"patient_name": who.name, "patient_sex": who.sex.value, "patient_born": who.born}
    if practice is not None:
        found |= {"doctor_name": practice.name, "doctor_title": practice.title}
    return found


async def _first_broken(unit: Unit, thread: Thread) -> int:
    for seq in range(1, thread.last_seq + 1):
        try:
            await unit.conversations.message(thread.id, seq)
        except SealBroken:
            return seq
    return 0


def encoded(record: Record) -> bytes:
    """A record as a file."""
    return msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n"
