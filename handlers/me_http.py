"""One's own account over HTTP: what it is, ways in, a copy of all that is kept, and its end."""

from accounts.providers import WayKind
from accounts.proving import Claim, claim_of
from accounts.rights import FreshSignInNeeded
from accounts.user import LastWayIn, NoSuchIdentity, TooManyIdentities
from accounts.wire import Close, Closed, Export, IdentityRow, Linked, LinkWay, Me
from core.actor import Actor
from core.refusals import BadInput, NotFound
from handlers.caller import Caller
from handlers.deps import Deps
from handlers.routes import Answered, Routes
from handlers.sign_in_http import OF_CODES, OF_PROVIDERS, OF_STATES

routes = Routes(tag="account")

_FILE = ("Content-Disposition", 'attachment; filename="my-data.json"')


@routes.get("/v1/me", action="account.look", summary="My account", refuses=(NotFound,))
async def me(deps: Deps, actor: Actor) -> Me:
    """The caller's account and its ways in, masked."""
    return Me.of(await deps.accounts.users.me(actor))


@routes.post(
    "/v1/me/identities",
    action="account.link",
    summary="One more way in to my account",
    refuses=(FreshSignInNeeded, *OF_STATES, *OF_PROVIDERS, *OF_CODES, TooManyIdentities, NotFound),
    facts=("merged",),
)
async def link(deps: Deps, actor: Actor, body: LinkWay, caller: Caller) -> Linked:
    """An account that already had it is merged into the caller's, with all its family members.

    The sign-in must be minutes old: a phone that lies open is not enough to add a way in.
    """
    await deps.accounts.rights.require_fresh(actor)
    claim = claim_of(body.way, code=body.code, phone=body.phone, state=body.state, browser=caller.browser)
    done = await deps.accounts.users.link(actor, claim)
    return Linked(identities=[IdentityRow.of(one) for one in done.user.ways], merged=done.merged)


@routes.post(
    "/v1/me/identities/{identity}/unlink",
    action="account.unlink",
    summary="One way in less",
    refuses=(FreshSignInNeeded, NoSuchIdentity, LastWayIn, NotFound),
)
async def unlink(deps: Deps, actor: Actor, identity: str) -> Me:
    """Never the last: close the account instead. The sign-in must be minutes old."""
    await deps.accounts.rights.require_fresh(actor)
    return Me.of(await deps.accounts.users.unlink(actor, identity))


@routes.post(
    "/v1/me/export",
    action="account.export",
    summary="A copy of all that is kept about me",
    refuses=(NotFound,),
    answer=Export,
)
async def export(deps: Deps, actor: Actor) -> Answered:
    """One JSON document, not masked: it is the person's own. One key a part of the platform."""
    return Answered(await deps.accounts.rights.export(actor), (_FILE,))


@routes.post(
    "/v1/me/close",
    action="account.close",
    summary="Close my account",
    refuses=(FreshSignInNeeded, NotFound, *OF_CODES),
)
async def close(deps: Deps, actor: Actor, body: Close) -> Closed:
    """Needs a sign-in of the last ten minutes, or a code sent to a telephone of the account."""
    if not body.confirm:
        raise BadInput(field="$.confirm", why="must be true")
    if (body.phone is None) is not (body.code is None):
        raise BadInput(field="$.code", why="a telephone and its code go together")
    claim = None
    if body.phone is not None and body.code is not None:
        claim = Claim(WayKind.SMS, body.code, phone=body.phone)
    await deps.accounts.rights.close(actor, claim=claim)
    return Closed()
