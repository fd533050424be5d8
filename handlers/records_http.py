"""Holds on records, and what goes for its age: for the back office."""

from core.actor import Actor
from handlers.deps import Deps
from handlers.routes import Routes
from im import keeping_wire as wire
from im.refusals import NoSuchConversation
from im.retention import HoldIsLifted, NoSuchHold

routes = Routes(tag="records")


@routes.get("/v1/admin/holds", action="record.hold", summary="Holds on conversations")
async def list_holds(deps: Deps, actor: Actor, query: wire.HoldQuery) -> wire.HoldList:
    """Those that stand, or those that were lifted, newest first."""
    return await deps.keeping.holds(query)


@routes.post(
    "/v1/admin/holds",
    action="record.hold",
    summary="Keep a conversation, whatever its age",
    status=201,
    replayable=True,
    refuses=(NoSuchConversation,),
    facts=("id",),
)
async def place_hold(deps: Deps, actor: Actor, body: wire.PlaceHold) -> wire.HoldItem:
    """Of a consultation, a direct conversation, a team or a department's news; several may stand on one.

    What was announced to go is announced no more.
    """
    return await deps.keeping.place(actor, body)


@routes.post(
    "/v1/admin/holds/{hold}/lift",
    action="record.hold",
    summary="Lift a hold",
    refuses=(NoSuchHold, HoldIsLifted),
)
async def lift_hold(deps: Deps, actor: Actor, hold: str, body: wire.LiftHold) -> wire.HoldItem:
    """What is old enough by then is announced anew, so it stays another thirty days at least."""
    return await deps.keeping.lift(actor, hold, body)


@routes.get("/v1/admin/endings", action="record.hold", summary="What will go for its age, and what went")
async def list_endings(deps: Deps, actor: Actor, query: wire.EndingQuery) -> wire.EndingList:
    """Without a word of it. There is no call that makes anything go earlier."""
    return await deps.keeping.endings(query)
