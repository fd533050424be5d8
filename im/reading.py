"""Use cases of whoever looks: open a conversation, page through it, and find out what changed."""

from core import limits
from core.actor import Actor
from im.access import view_for
from im.posting import message_of
from im.store import Listed, Units
from im.wire import Conversation, Member, Open, Opened, Pull, Pulled, Sync, Synced


class Reading:
    """What members see of their conversations."""

    def __init__(self, *, units: Units) -> None:
        self._units = units

    async def open(self, actor: Actor, body: Open) -> Opened:
        """A conversation and its newest messages. Refuses with ``NoSuchConversation``."""
        async with self._units.read() as unit:
            view = await view_for(unit, actor, body.conversation)
            upto = view.seat.reach(view.thread)
            rows = await unit.conversations.page(
                body.conversation, above=view.seat.join_seq, upto=upto, limit=body.limit, newest=True
            )
            messages = [message_of(row) for row in rows]
        return Opened(conversation=conversation_of(view), messages=messages)

    async def pull(self, actor: Actor, body: Pull) -> Pulled:
        """Messages behind or before one. Refuses with ``NoSuchConversation``."""
        async with self._units.read() as unit:
            view = await view_for(unit, actor, body.conversation)
            reach, first = view.seat.reach(view.thread), view.seat.join_seq
            backward = body.after is None and body.before is not None
            above = max(first, 0 if body.after is None else body.after)
            upto = min(reach, reach if body.before is None else body.before - 1)
            rows = await unit.conversations.page(
                body.conversation, above=above, upto=upto, limit=body.limit + 1, newest=backward
            )
            more = len(rows) > body.limit
            kept = rows[1:] if more and backward else rows[: body.limit]
            messages = [message_of(row) for row in kept]
        return Pulled(conversation=body.conversation, messages=messages, last_seq=reach, more=more)

    async def sync(self, actor: Actor, body: Sync) -> Synced:
        """The caller's conversations that changed since ``uver``, in the order of their changes."""
        async with self._units.read() as unit:
            newest, unread = await unit.conversations.standing(actor.id)
            views = await unit.conversations.changed(actor.id, above=body.uver, limit=body.limit + 1)
        more = len(views) > body.limit
        views = views[: body.limit]
        return Synced(
            uver=views[-1].uver if more else max(newest, body.uver),
            conversations=[conversation_of(view) for view in views],
            more=more,
            unread=unread,
        )


def conversation_of(view: Listed) -> Conversation:
    """A conversation as its member's list shows it."""
    thread, seat = view.thread, view.seat
    here = [one for one in view.seats if one.is_here]
    last = view.last
    return Conversation(
        id=thread.id,
        kind=thread.kind.value,
        state=thread.state.value,
        title=view.title,
        patient=thread.patient,
        department=thread.department,
        last_seq=seat.reach(thread),
        last=None if last is None or not last.body else message_of(last),
        read_seq=seat.read_seq,
        recv_seq=seat.recv_seq,
        unread=seat.unread if thread.kind.value != "broadcast" else thread.last_seq - seat.read_seq,
        muted=seat.muted,
        pinned=seat.pinned,
        members=[
            Member(
                user=one.user,
                role=one.part.value,
                name=one.shown,
                read_seq=one.read_seq,
                recv_seq=one.recv_seq,
            )
            for one in here[: limits.IM_CROWD_MEMBERS]
        ],
        expires_at=thread.expires_at,
        turns_left=thread.turns_left,
        created_at=view.created_at,
        changed_at=view.changed_at,
    )
