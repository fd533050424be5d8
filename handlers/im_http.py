"""Conversations: the same calls over HTTP and, as ``im.<verb>``, over a socket."""

from core.actor import Actor
from handlers.deps import Deps
from handlers.routes import Routes
from im import refusals, wire
from im.archive import ArchiveAway

routes = Routes(tag="conversations")

_SPEAKING = (
    refusals.NoSuchConversation,
    refusals.MayNotSpeak,
    refusals.ConversationIsClosed,
    refusals.WindowIsOver,
    refusals.NoTurnsLeft,
    refusals.WordsNotAllowed,
    refusals.FileNotReady,
    refusals.CidUsedOtherwise,
)
_THERE = (refusals.NoSuchConversation,)
_SHOWN = (refusals.NoSuchConversation, ArchiveAway)


@routes.post(
    "/v1/im/open",
    action="im.look",
    live="im.open",
    summary="A conversation and its newest messages",
    refuses=_SHOWN,
)
async def open_conversation(deps: Deps, actor: Actor, body: wire.Open) -> wire.Opened:
    """Not in it: the same answer as for one that does not exist."""
    return await deps.im.reading.open(actor, body)


@routes.post(
    "/v1/im/pull", action="im.look", live="im.pull", summary="Messages behind or before one", refuses=_SHOWN
)
async def pull_messages(deps: Deps, actor: Actor, body: wire.Pull) -> wire.Pulled:
    """What a client asks for that sees a gap, or that scrolls up."""
    return await deps.im.reading.pull(actor, body)


@routes.post("/v1/im/sync", action="im.look", live="im.sync", summary="My conversations that changed")
async def sync_conversations(deps: Deps, actor: Actor, body: wire.Sync) -> wire.Synced:
    """What a client asks for whose connection came back without recovery. Costs what changed."""
    return await deps.im.reading.sync(actor, body)


@routes.post("/v1/im/send", action="im.say", live="im.send", summary="Say something", refuses=_SPEAKING)
async def send_message(deps: Deps, actor: Actor, body: wire.Send) -> wire.Sent:
    """Answered after it is stored. Repeat it with the same ``cid``: one message, the same answer."""
    return await deps.im.messaging.send(actor, body)


@routes.post(
    "/v1/im/recall",
    action="im.say",
    live="im.recall",
    summary="Take an own message back",
    refuses=(
        *_THERE,
        refusals.NoSuchMessage,
        refusals.NotYourMessage,
        refusals.CannotBeRecalled,
        refusals.TooLateToRecall,
        refusals.CidUsedOtherwise,
    ),
)
async def recall_message(deps: Deps, actor: Actor, body: wire.Recall) -> wire.Sent:
    """An event with its own ``seq``; the place of what was taken back stays."""
    return await deps.im.messaging.recall(actor, body)


@routes.post(
    "/v1/im/ack", action="im.mark", live="im.ack", summary="A device has messages up to one", refuses=_THERE
)
async def ack_messages(deps: Deps, actor: Actor, body: wire.Mark) -> wire.Marked:
    """Never goes back. Without it a notice goes out elsewhere after about ten seconds."""
    return await deps.im.messaging.ack(actor, body)


@routes.post("/v1/im/read", action="im.mark", live="im.read", summary="Read up to a message", refuses=_THERE)
async def read_messages(deps: Deps, actor: Actor, body: wire.Mark) -> wire.Marked:
    """Never goes back; the others are told."""
    return await deps.im.messaging.read(actor, body)


@routes.post("/v1/im/typing", action="im.mark", live="im.typing", summary="The caller writes", refuses=_THERE)
async def tell_typing(deps: Deps, actor: Actor, body: wire.Typing) -> wire.Done:
    """Kept nowhere."""
    return await deps.im.messaging.typing(actor, body)


@routes.post(
    "/v1/im/presence",
    action="im.look",
    live="im.presence",
    summary="Which members are connected",
    refuses=_THERE,
)
async def look_presence(deps: Deps, actor: Actor, body: wire.OfConversation) -> wire.Online:
    """A hint; receipts tell the truth."""
    return await deps.im.messaging.presence(actor, body.conversation)


@routes.post(
    "/v1/im/mute", action="im.mark", live="im.mute", summary="No notices about a conversation", refuses=_THERE
)
async def mute_conversation(deps: Deps, actor: Actor, body: wire.Switch) -> wire.Conversation:
    """For the caller only."""
    return await deps.im.messaging.mute(actor, body)


@routes.post(
    "/v1/im/pin", action="im.mark", live="im.pin", summary="Keep a conversation at the top", refuses=_THERE
)
async def pin_conversation(deps: Deps, actor: Actor, body: wire.Switch) -> wire.Conversation:
    """For the caller only."""
    return await deps.im.messaging.pin(actor, body)


@routes.post(
    "/v1/im/search",
    action="im.search",
    live="im.search",
    summary="Messages that hold some words",
    refuses=_SHOWN,
)
async def search_messages(deps: Deps, actor: Actor, body: wire.Search) -> wire.Found:
    """Newest first, of what the caller may read. ``next`` goes on, also where a page found nothing."""
    return await deps.im.searching.search(actor, body)


@routes.post(
    "/v1/im/start",
    action="im.start",
    live="im.start",
    summary="Begin a conversation among staff",
    refuses=(refusals.NoSuchColleague,),
)
async def start_conversation(deps: Deps, actor: Actor, body: wire.Start) -> wire.Conversation:
    """Two people have one direct conversation; a team's is known by the ``cid``."""
    return await deps.im.gathering.start(actor, body)


@routes.post(
    "/v1/im/invite",
    action="im.invite",
    live="im.invite",
    summary="Bring a colleague in",
    refuses=(*_THERE, refusals.MayNotInvite, refusals.NoSuchColleague),
)
async def invite_colleague(deps: Deps, actor: Actor, body: wire.Invite) -> wire.Conversation:
    """Whoever comes in reads what was said before."""
    return await deps.im.gathering.invite(actor, body)


@routes.post(
    "/v1/im/leave",
    action="im.invite",
    live="im.leave",
    summary="Leave a conversation",
    refuses=(*_THERE, refusals.MayNotLeave),
)
async def leave_conversation(deps: Deps, actor: Actor, body: wire.OfConversation) -> wire.Done:
    """What was said until now can still be read."""
    return await deps.im.gathering.leave(actor, body.conversation)


@routes.post(
    "/v1/im/invite-code",
    action="im.join",
    live="im.invite-code",
    summary="A code for a relative",
    refuses=(*_THERE, refusals.MayNotInvite),
)
async def make_invite_code(deps: Deps, actor: Actor, body: wire.OfConversation) -> wire.InviteCode:
    """Good once, for half an hour."""
    return await deps.im.gathering.invite_code(actor, body.conversation)


@routes.post(
    "/v1/im/join",
    action="im.join",
    live="im.join",
    summary="Come in with a code",
    refuses=(refusals.CodeIsNoGood,),
)
async def join_conversation(deps: Deps, actor: Actor, body: wire.Join) -> wire.Conversation:
    """As a relative of the patient."""
    return await deps.im.gathering.join(actor, body)


@routes.post(
    "/v1/im/broadcast",
    action="im.broadcast",
    live="im.broadcast",
    summary="Tell everybody who follows a department",
    refuses=(
        refusals.NoSuchDepartment,
        refusals.NotYourDepartment,
        refusals.WordsNotAllowed,
        refusals.NoSuchColleague,
        refusals.CidUsedOtherwise,
    ),
)
async def send_broadcast(deps: Deps, actor: Actor, body: wire.Broadcast) -> wire.Sent:
    """News, never about a person. Whoever works at certain lines tells only the departments of these."""
    return await deps.im.news.tell(actor, body)


@routes.post(
    "/v1/im/follow",
    action="im.follow",
    live="im.follow",
    summary="Hear a department's news, or no longer",
    refuses=(*_THERE, refusals.NoSuchDepartment),
)
async def follow_department(deps: Deps, actor: Actor, body: wire.Follow) -> wire.Conversation:
    """The news come on the channel ``room:<conversation>``."""
    return await deps.im.news.follow(actor, body)
