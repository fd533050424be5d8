"""Consents over HTTP: the texts in force, and saying yes or no to them."""

from accounts.consent import OtherVersion
from accounts.consent_wire import ConsentList, ConsentQuery, ConsentStanding, GiveConsent
from core.actor import Actor
from core.refusals import NotFound
from handlers.deps import Deps
from handlers.routes import Routes

routes = Routes(tag="consents")


@routes.get("/v1/consents", action="consent.look", summary="The texts in force, and what I agreed to")
async def consents(deps: Deps, actor: Actor, query: ConsentQuery) -> ConsentList:
    """Texts are Markdown, in Chinese unless `lang` says otherwise. Before signing in: the texts alone."""
    return await deps.patients.consents.all(actor, query)


@routes.post(
    "/v1/consents/{kind}/give",
    action="consent.change",
    summary="Agree to a text",
    refuses=(NotFound, OtherVersion),
)
async def give_consent(deps: Deps, actor: Actor, kind: str, body: GiveConsent) -> ConsentStanding:
    """Only to the version in force; the ledger keeps when and in which session."""
    return await deps.patients.consents.give(actor, kind, body.version)


@routes.post(
    "/v1/consents/{kind}/withdraw",
    action="consent.change",
    summary="Take a consent back",
    refuses=(NotFound,),
)
async def withdraw_consent(deps: Deps, actor: Actor, kind: str) -> ConsentStanding:
    """It counts from the next request on, everywhere."""
    return await deps.patients.consents.withdraw(actor, kind)
