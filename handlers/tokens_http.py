"""Tokens over HTTP: taking them back. Issuing them is the command line's until there is sign-in."""

from core.actor import Actor
from core.refusals import BadInput
from handlers.deps import Deps
from handlers.routes import Routes
from handlers.wire import Revoke, Revoked

routes = Routes(tag="tokens")


@routes.post(
    "/v1/tokens/revocations",
    summary="Take tokens back before they end",
    action="token.revoke",
    status=201,
    replayable=True,
)
async def revoke(deps: Deps, actor: Actor, body: Revoke) -> Revoked:
    """One token by its id, or every token of a user issued before a moment (now, unless it is given).

    Sockets that such a token has opened are closed within a second with 3500, and it is refused from then on,
    here with `core.token_revoked`. A token issued afterwards is good.
    """
    if body.token_id is not None and body.user is None and body.issued_before is None:
        revocation = await deps.revoking.token(actor, body.token_id)
    elif body.user is not None and body.token_id is None:
        revocation = await deps.revoking.user(actor, body.user, issued_before=body.issued_before)
    else:
        raise BadInput(field="$", why="give a token_id, or a user and perhaps issued_before")
    return Revoked(of=revocation.of.value, issued_before=revocation.before, kept_until=revocation.until)
