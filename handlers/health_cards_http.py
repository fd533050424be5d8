"""Electronic health cards over HTTP: a patient's own, and the verification of codes that readers read."""

from accounts.consent import ConsentNeeded
from clinic.health_card_wire import CardStanding, ShowCode, ShownCode, VerifiedCode, VerifyCode
from clinic.health_cards import (
    CardRefused,
    CardsAway,
    CardsNotSetUp,
    CodeExpired,
    CodeRefused,
    CodeUsed,
    NoCard,
    OtherIssuer,
    StaticNotAllowed,
)
from clinic.patient import NoSuchPatient
from core.actor import Actor
from core.ids import PatientId
from handlers.deps import Deps
from handlers.routes import Routes

routes = Routes(tag="health cards")

_OF_ISSUER = (NoSuchPatient, ConsentNeeded, CardsNotSetUp, CardsAway, CardRefused)


@routes.get(
    "/v1/patients/{patient}/health-card",
    action="health_card.look",
    summary="Whether a family member has a health card",
    refuses=(NoSuchPatient,),
)
async def health_card(deps: Deps, actor: Actor, patient: str) -> CardStanding:
    """The card's number is masked."""
    return await deps.patients.health_cards.standing(actor, PatientId(patient))


@routes.post(
    "/v1/patients/{patient}/health-card",
    action="health_card.apply",
    summary="Apply for a health card",
    replayable=True,
    refuses=_OF_ISSUER,
)
async def apply_for_card(deps: Deps, actor: Actor, patient: str) -> CardStanding:
    """Whoever has one keeps it. While the issuer is away nothing is made; ask again."""
    return await deps.patients.health_cards.apply(actor, PatientId(patient))


@routes.post(
    "/v1/patients/{patient}/health-card/code",
    action="health_card.show",
    summary="A code to be shown now",
    refuses=(*_OF_ISSUER, NoCard, StaticNotAllowed),
)
async def health_card_code(deps: Deps, actor: Actor, patient: str, body: ShowCode) -> ShownCode:
    """Text and image are for the screen alone. Ask again after `refresh_after_seconds`."""
    return await deps.patients.health_cards.show(actor, PatientId(patient), body)


@routes.post(
    "/v1/health-cards/verify",
    action="health_card.verify",
    summary="Whose code was read",
    facts=("patient",),
    refuses=(CardsNotSetUp, CardsAway, CodeRefused, CodeExpired, CodeUsed, OtherIssuer, StaticNotAllowed),
)
async def verify_code(deps: Deps, actor: Actor, body: VerifyCode) -> VerifiedCode:
    """For kiosks and staff. A dynamic code is good once in each scene."""
    return await deps.patients.health_cards.verify(body)
