"""Notices: what a person agrees to be told, and which tickets they follow."""

from core.actor import Actor
from core.ids import LineId, TicketNumber
from handlers.deps import Deps
from handlers.routes import Routes
from notices import wire
from notices.agreeing import NoSuchChannel
from queue_display.following import TooManyFollowed
from queue_display.refusals import NoSuchLine, NoSuchTicket

routes = Routes(tag="notices")


@routes.get("/v1/me/notices", action="notice.own", summary="What I may be told", refuses=(NoSuchChannel,))
async def look_notices(deps: Deps, actor: Actor, query: wire.TemplatesQuery) -> wire.Templates:
    """The templates to ask for in the platform's own dialogue, and how many of each are left."""
    return await deps.notices.agreeing.templates(actor, query.channel)


@routes.post("/v1/me/notices", action="notice.own", summary="What I agreed to", refuses=(NoSuchChannel,))
async def agree_notices(deps: Deps, actor: Actor, body: wire.Agree) -> wire.Templates:
    """What the platform's dialogue answered. One yes is one notice, but for a service account's followers."""
    return await deps.notices.agreeing.agree(actor, body)


@routes.post("/v1/me/notices/quiet", action="notice.own", summary="Quiet at night, or not")
async def quiet_notices(deps: Deps, actor: Actor, body: wire.Quiet) -> wire.Quiet:
    """What waits comes in the morning; a call comes at any hour."""
    return await deps.notices.agreeing.quiet(actor, body)


@routes.get("/v1/me/followed-tickets", action="notice.own", summary="Tickets that I am told about")
async def followed_tickets(deps: Deps, actor: Actor) -> wire.FollowedTickets:
    """On whichever device it was asked for."""
    return await deps.notices.following.mine(actor)


@routes.post(
    "/v1/lines/{line}/tickets/{number}/follow",
    action="notice.follow",
    summary="Tell me when it is nearly my turn",
    refuses=(NoSuchLine, NoSuchTicket, TooManyFollowed),
)
async def follow_ticket(
    deps: Deps, actor: Actor, line: str, number: str, body: wire.FollowTicket
) -> wire.Following:
    """Once when three are before it, once when it is called."""
    return await deps.notices.following.follow(actor, LineId(line), TicketNumber(number), body)
