"""Patients (就诊人) over HTTP. Lists are masked; `reveal` is an action of its own and recorded as such."""

from accounts.consent import ConsentNeeded
from clinic.patient import NoSuchPatient, OnlyOneSelf, SamePersonTwice, TooManyPatients
from clinic.patient_wire import AddPatient, PatientCard, PatientList, PatientPlain, Reveal
from core.actor import Actor
from core.ids import PatientId
from core.refusals import BadInput
from handlers.deps import Deps
from handlers.routes import Routes

routes = Routes(tag="patients")


@routes.get("/v1/patients", action="patient.list", summary="My family members, masked")
async def patients(deps: Deps, actor: Actor) -> PatientList:
    """In the order in which they were added."""
    return await deps.patients.service.all(actor)


@routes.post(
    "/v1/patients",
    action="patient.add",
    summary="Add a family member",
    status=201,
    replayable=True,
    refuses=(BadInput, ConsentNeeded, SamePersonTwice, OnlyOneSelf, TooManyPatients),
)
async def add_patient(deps: Deps, actor: Actor, body: AddPatient) -> PatientCard:
    """Kept whatever the hospital answers; `in_hospital` tells whether it knows the person by now."""
    return await deps.patients.service.add(actor, body)


@routes.get(
    "/v1/patients/{patient}", action="patient.look", summary="One family member", refuses=(NoSuchPatient,)
)
async def one_patient(deps: Deps, actor: Actor, patient: str) -> PatientCard:
    """Masked, as in the list."""
    return await deps.patients.service.one(actor, PatientId(patient))


@routes.post(
    "/v1/patients/{patient}/reveal",
    action="patient.reveal",
    summary="The plain values of one family member",
    refuses=(NoSuchPatient, ConsentNeeded),
)
async def reveal_patient(deps: Deps, actor: Actor, patient: str, body: Reveal) -> PatientPlain:
    """Each look is recorded. Needs the separate consent to sensitive data."""
    return await deps.patients.service.reveal(actor, PatientId(patient))


@routes.post(
    "/v1/patients/{patient}/unbind",
    action="patient.unbind",
    summary="Remove a family member",
    refuses=(NoSuchPatient,),
)
async def unbind_patient(deps: Deps, actor: Actor, patient: str) -> PatientList:
    """Records that the hospital must keep stay; added again, the person is the same entry."""
    return await deps.patients.service.unbind(actor, PatientId(patient))


@routes.post(
    "/v1/patients/{patient}/default",
    action="patient.default",
    summary="Preselect a family member",
    refuses=(NoSuchPatient,),
)
async def default_patient(deps: Deps, actor: Actor, patient: str) -> PatientList:
    """One of them is preselected at any time."""
    return await deps.patients.service.make_default(actor, PatientId(patient))
