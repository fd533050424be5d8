"""Quick replies: texts that staff have at hand, their own and their department's."""

from core.actor import Actor
from handlers.deps import Deps
from handlers.routes import Routes
from im.consultation_wire import KeepQuickReply, QuickReplies
from im.refusals import NoSuchDepartment
from im.replying import TooManyReplies, WordsNotKept

routes = Routes(tag="consultations")

_SHARED = "/v1/admin/departments/{department}/quick-replies"


@routes.get("/v1/me/quick-replies", action="quick_reply", summary="Texts at hand")
async def quick_replies(deps: Deps, actor: Actor) -> QuickReplies:
    """One's own first, then the department's."""
    return await deps.consultations.replying.mine(actor)


@routes.post(
    "/v1/me/quick-replies",
    action="quick_reply",
    summary="Keep a text at hand",
    refuses=(TooManyReplies, WordsNotKept),
)
async def keep_quick_reply(deps: Deps, actor: Actor, body: KeepQuickReply) -> QuickReplies:
    """A new one, or a changed one by its id."""
    return await deps.consultations.replying.keep(actor, body)


@routes.post("/v1/me/quick-replies/{reply}/remove", action="quick_reply", summary="Drop a text at hand")
async def drop_quick_reply(deps: Deps, actor: Actor, reply: str) -> QuickReplies:
    """Only one's own; somebody else's stays as it is."""
    return await deps.consultations.replying.drop(actor, reply)


@routes.get(_SHARED, action="quick_reply.shared", summary="Texts that a department shares")
async def shared_replies(deps: Deps, actor: Actor, department: str) -> QuickReplies:
    """Each of its doctors has them at hand."""
    return await deps.consultations.replying.of_department(department)


@routes.post(
    _SHARED,
    action="quick_reply.shared",
    summary="Share a text in a department",
    refuses=(NoSuchDepartment, TooManyReplies, WordsNotKept),
)
async def share_reply(deps: Deps, actor: Actor, department: str, body: KeepQuickReply) -> QuickReplies:
    """A new one, or a changed one by its id."""
    return await deps.consultations.replying.share(department, body)


@routes.post(f"{_SHARED}/{{reply}}/remove", action="quick_reply.shared", summary="Share a text no more")
async def unshare_reply(deps: Deps, actor: Actor, department: str, reply: str) -> QuickReplies:
    """What was sent with it stays as it is."""
    return await deps.consultations.replying.share_no_more(department, reply)
