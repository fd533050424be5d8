"""Consultations put together."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from accounts.holdings import Holding
from adapters.sql.unit import SqlUnit, SqlUnits
from conf.settings import Settings
from core import limits
from core.clock import Clock
from core.form import Form
from im.consulted import Consulted
from im.consulting import Consulting, House
from im.conversation_holding import ConversationHolding
from im.fees import Fees, NoFees, SandboxFees
from im.messaging import Reviews
from im.practising import Practising
from im.record import Record
from im.record_form import form_of
from im.recording import Recording
from im.replying import Replying
from im.wording import Wording
from notices.holding import NoticeHolding
from server.notice_parts import telling
from server.patient_parts import consent_texts


@dataclass(frozen=True, slots=True)
class ConsultationParts:
    """``handlers.deps.Consultations``."""

    consulting: Consulting
    consulted: Consulted
    practising: Practising
    replying: Replying
    recording: Recording
    hospital: str

    async def document(self, record: Record) -> bytes:
        """A record as PDF, made beside the loop."""
        return await asyncio.to_thread(_written, form_of(record, hospital=self.hospital))


def consultation_parts(
    *,
    settings: Settings,
    units: SqlUnits,
    clock: Clock,
    wording: Wording | None = None,
    reviews: Reviews | None = None,
) -> ConsultationParts:
    """What a process needs of consultations. Raises ``CannotStart`` without the texts of consents."""
    said = settings.consultations
    house = House(
        pay_within=timedelta(minutes=said.pay_minutes),
        accept_within=timedelta(minutes=said.accept_minutes),
        pool_fee_fen=said.pool_fee_fen,
        pool_turns=said.pool_turns,
        pool_window=timedelta(hours=said.pool_hours),
    )
    fees: Fees = SandboxFees() if said.sandbox_payment else NoFees()
    return ConsultationParts(
        consulting=Consulting(
            units=units,
            clock=clock,
            random=os.urandom,
            house=house,
            fees=fees,
            in_force=consent_texts().in_force,
            telling=telling(settings),
            wording=wording,
            reviews=reviews,
        ),
        consulted=Consulted(units=units, clock=clock),
        practising=Practising(units=units, clock=clock, house=house),
        replying=Replying(units=units, clock=clock, random=os.urandom, wording=wording),
        recording=Recording(units=units, clock=clock),
        hospital=f"{settings.hospital.name.zh} {settings.hospital.name.en}",
    )


def _written(form: Form) -> bytes:
    # Imported when somebody asks: every process would carry the package for a document now and then.
    from adapters.documents.form_pdf import form_pdf

    return form_pdf(form)


def talk_holdings(parts: ConsultationParts) -> tuple[Holding[SqlUnit], ...]:
    """What is kept by account of what is said, and of what is told, in the order in which they end."""
    return ConversationHolding(parts.consulting.let_go), NoticeHolding()


def consultation_work(*, settings: Settings, units: SqlUnits, clock: Clock) -> Callable[[], Awaitable[None]]:
    """The worker's loop: what the clock decides, and fees that go back."""
    consulting = consultation_parts(settings=settings, units=units, clock=clock).consulting

    async def run() -> None:
        while True:
            if await consulting.sweep() < limits.CONSULTATIONS_AT_ONCE:
                await asyncio.sleep(limits.CONSULTATION_SWEEP_SECONDS)

    return run
