"""Consultations: asked, paid, taken, answered, ended, rated; and the practices that answer."""

from accounts.consent import ConsentNeeded
from clinic.patient import NoSuchPatient
from core.actor import Actor
from handlers.deps import Deps
from handlers.routes import Plain, Routes
from im import consultation as rules
from im import consultation_wire as wire
from im.archive import ArchiveAway
from im.fees import NoSandbox
from im.practising import NoSuchPractice
from im.record import Record
from im.refusals import WordsNotAllowed

routes = Routes(tag="consultations")

_STEP = (rules.NoSuchConsultation, rules.NotNow)
_PATH = "/v1/consultations/{consultation}"


@routes.get("/v1/consultations/doctors", action="consultation.doctors", summary="Who can be asked")
async def consultation_doctors(deps: Deps, actor: Actor, query: wire.DoctorsQuery) -> wire.PublicDoctors:
    """Also who cannot be asked now, and why."""
    return await deps.consultations.practising.doctors(query.department)


@routes.post(
    "/v1/consultations",
    action="consultation.open",
    summary="Ask a doctor or a department",
    status=201,
    refuses=(
        NoSuchPatient,
        ConsentNeeded,
        rules.GuardianNeeded,
        rules.NoSuchConsultation,
        rules.DoctorNotTaking,
        WordsNotAllowed,
    ),
)
async def open_consultation(deps: Deps, actor: Actor, body: wire.OpenConsultation) -> wire.Consultation:
    """The same ``cid`` again is the same consultation."""
    found = await deps.consultations.consulting.open(actor, body)
    return await deps.consultations.consulted.one(actor, found)


@routes.get("/v1/consultations", action="consultation.look", summary="My consultations")
async def list_consultations(deps: Deps, actor: Actor, query: wire.ListQuery) -> wire.ConsultationList:
    """Of a doctor those that wait longest for an answer first."""
    return await deps.consultations.consulted.page(actor, query)


@routes.get(
    _PATH, action="consultation.look", summary="One consultation", refuses=(rules.NoSuchConsultation,)
)
async def consultation(deps: Deps, actor: Actor, consultation: str) -> wire.Consultation:
    """The patient's own, the doctor's, or one that waits in the doctor's department."""
    return await deps.consultations.consulted.one(actor, consultation)


@routes.get(
    f"{_PATH}/patient",
    action="consultation.patient",
    summary="Whom a consultation is about, plain",
    refuses=(rules.NoSuchConsultation,),
)
async def consultation_patient(deps: Deps, actor: Actor, consultation: str) -> wire.PatientSummary:
    """For the doctor who answers."""
    return await deps.consultations.consulted.patient(actor, consultation)


@routes.get(
    f"{_PATH}/record",
    action="consultation.record",
    summary="The record of a consultation, with what proves it",
    refuses=(rules.NoSuchConsultation, ArchiveAway),
)
async def consultation_record(deps: Deps, actor: Actor, consultation: str) -> Record:
    """Every message, also what was taken back, with salts, commitments and the chain of digests.

    `run.py im verify FILE` checks it; so can anybody (docs/records.md).
    """
    return await deps.consultations.recording.export(actor, consultation)


@routes.get(
    f"{_PATH}/record/document",
    action="consultation.record",
    summary="The record of a consultation 图文问诊记录 as PDF",
    answer=Plain,
    refuses=(rules.NoSuchConsultation, ArchiveAway),
)
async def consultation_document(deps: Deps, actor: Actor, consultation: str) -> Plain:
    """To read and to file: what the record has, with its digests, the last one at the foot of each page."""
    record = await deps.consultations.recording.export(actor, consultation)
    return Plain(await deps.consultations.document(record), "application/pdf")


@routes.post(
    f"{_PATH}/pay", action="consultation.pay", summary="Pay in the sandbox", refuses=(*_STEP, NoSandbox)
)
async def pay_consultation(deps: Deps, actor: Actor, consultation: str) -> wire.Consultation:
    """Only where ``consultations.sandbox_payment`` is set."""
    await deps.consultations.consulting.pay(actor, consultation)
    return await deps.consultations.consulted.one(actor, consultation)


@routes.post(f"{_PATH}/cancel", action="consultation.cancel", summary="Not want it any more", refuses=_STEP)
async def cancel_consultation(deps: Deps, actor: Actor, consultation: str) -> wire.Consultation:
    """What was paid goes back."""
    await deps.consultations.consulting.cancel(actor, consultation)
    return await deps.consultations.consulted.one(actor, consultation)


@routes.post(f"{_PATH}/rate", action="consultation.rate", summary="Say how it was", refuses=_STEP)
async def rate_consultation(
    deps: Deps, actor: Actor, consultation: str, body: wire.Rate
) -> wire.Consultation:
    """Once."""
    await deps.consultations.consulting.rate(actor, consultation, body)
    return await deps.consultations.consulted.one(actor, consultation)


@routes.post(
    f"{_PATH}/accept",
    action="consultation.answer",
    live="im.accept",
    summary="Take a consultation",
    refuses=(*_STEP, rules.TakenByAnother, rules.DoctorNotConfirmed),
)
async def accept_consultation(deps: Deps, actor: Actor, consultation: str) -> wire.Consultation:
    """Of several doctors who take one from the pool exactly one has it."""
    await deps.consultations.consulting.accept(actor, consultation)
    return await deps.consultations.consulted.one(actor, consultation)


@routes.post(
    f"{_PATH}/reject",
    action="consultation.answer",
    live="im.reject",
    summary="Not take a consultation",
    refuses=_STEP,
)
async def reject_consultation(
    deps: Deps, actor: Actor, consultation: str, body: wire.Reject
) -> wire.Consultation:
    """What was paid goes back."""
    await deps.consultations.consulting.reject(actor, consultation, body.reason)
    return await deps.consultations.consulted.one(actor, consultation)


@routes.post(
    f"{_PATH}/extend",
    action="consultation.answer",
    live="im.extend",
    summary="More time or more questions",
    refuses=_STEP,
)
async def extend_consultation(
    deps: Deps, actor: Actor, consultation: str, body: wire.Extend
) -> wire.Consultation:
    """The same ``cid`` once."""
    await deps.consultations.consulting.extend(actor, consultation, body)
    return await deps.consultations.consulted.one(actor, consultation)


@routes.post(
    f"{_PATH}/end",
    action="consultation.end",
    live="im.close",
    summary="End a consultation",
    refuses=(*_STEP, rules.SummaryNeeded, WordsNotAllowed),
)
async def end_consultation(deps: Deps, actor: Actor, consultation: str, body: wire.End) -> wire.Consultation:
    """The doctor with a summary, the patient without."""
    await deps.consultations.consulting.end(actor, consultation, body.summary)
    return await deps.consultations.consulted.one(actor, consultation)


@routes.post(f"{_PATH}/refer", action="consultation.answer", summary="Refer to the hospital", refuses=_STEP)
async def refer_consultation(
    deps: Deps, actor: Actor, consultation: str, body: wire.Refer
) -> wire.Consultation:
    """Ends it; the patient gets a card with the department."""
    await deps.consultations.consulting.refer(actor, consultation, body)
    return await deps.consultations.consulted.one(actor, consultation)


@routes.get("/v1/me/practice", action="practice.own", summary="My practice", refuses=(NoSuchPractice,))
async def my_practice(deps: Deps, actor: Actor) -> wire.Practice:
    """As patients are told of it, and today's count."""
    return await deps.consultations.practising.mine(actor)


@routes.post(
    "/v1/me/practice", action="practice.own", summary="Change my practice", refuses=(NoSuchPractice,)
)
async def change_practice(deps: Deps, actor: Actor, body: wire.ChangePractice) -> wire.Practice:
    """What a doctor decides alone."""
    return await deps.consultations.practising.change(actor, body)


@routes.get("/v1/admin/practices", action="practice.set", summary="Every practice")
async def practices(deps: Deps, actor: Actor) -> wire.Practices:
    """By department and name."""
    return wire.Practices(items=await deps.consultations.practising.all())


@routes.post(
    "/v1/admin/practices/{staff}",
    action="practice.set",
    summary="Set up or change a practice",
    refuses=(NoSuchPractice,),
)
async def set_practice(deps: Deps, actor: Actor, staff: str, body: wire.SetPractice) -> wire.Practice:
    """Who the doctor is to patients, what an answer costs, and whether the hospital stands behind it."""
    return await deps.consultations.practising.set(staff, body)
