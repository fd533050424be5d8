"""Sessions over HTTP: renewed, listed, ended; and the token that opens the socket."""

from accounts.session import RefreshTokenUnknown, SessionOver
from accounts.sessions import NoSession
from accounts.wire import EndAll, RealtimeToken, Refresh, SessionList, SessionRow, SessionsEnded, SignedIn
from core.actor import Actor
from core.ids import SessionId
from core.refusals import NotFound
from handlers.deps import Deps
from handlers.routes import Routes

routes = Routes(tag="sessions")


@routes.post(
    "/v1/session/refresh",
    action="session.refresh",
    summary="Renew a sign-in: the next refresh token and a fresh access token",
    refuses=(RefreshTokenUnknown, SessionOver),
)
async def refresh(deps: Deps, actor: Actor, body: Refresh) -> SignedIn:
    """A refresh token is good once. One that was exchanged long ago ends the session: two hold it."""
    return SignedIn.of(await deps.accounts.sessions.renew(body.refresh_token))


@routes.post("/v1/session/end", action="session.end", summary="Sign out here", refuses=(NoSession, NotFound))
async def sign_out(deps: Deps, actor: Actor) -> SessionsEnded:
    """Every token of this sign-in is refused from now on, and its sockets close."""
    await deps.accounts.sessions.end_own(actor)
    return SessionsEnded(1)


@routes.get("/v1/sessions", action="session.list", summary="Where I am signed in")
async def sessions(deps: Deps, actor: Actor) -> SessionList:
    """The caller's own devices."""
    found = await deps.accounts.sessions.of(actor)
    return SessionList([SessionRow.of(one, current=actor.session) for one in found])


@routes.post(
    "/v1/sessions/{session}/end",
    action="session.end",
    summary="Sign one of my devices out",
    refuses=(NotFound,),
)
async def end_session(deps: Deps, actor: Actor, session: str) -> SessionsEnded:
    """One of the caller's own; somebody else's is not found."""
    await deps.accounts.sessions.end(actor, SessionId(session))
    return SessionsEnded(1)


@routes.post("/v1/sessions/end-all", action="session.end", summary="Sign out everywhere")
async def end_all_sessions(deps: Deps, actor: Actor, body: EndAll) -> SessionsEnded:
    """Every device of the caller, this one too unless it is to be kept."""
    return SessionsEnded(await deps.accounts.sessions.end_all(actor, but_this=body.keep_this))


@routes.post(
    "/v1/realtime/token",
    action="session.connect",
    summary="A token to connect the socket with",
    refuses=(NoSession, SessionOver),
)
async def realtime_token(deps: Deps, actor: Actor) -> RealtimeToken:
    """For the socket only: no endpoint takes it. The socket closes when the session ends."""
    return RealtimeToken.of(await deps.accounts.sessions.socket_token(actor))
