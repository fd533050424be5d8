"""The one door to a conversation: whoever is not in it meets what does not exist."""

from core.actor import Actor
from im.refusals import NoSuchConversation
from im.store import HasConversations, Listed, Room
from im.thread import Seat


def seat_in(room: Room | None, actor: Actor) -> tuple[Room, Seat]:
    """The caller's own place in a held conversation, also of one who left.

    Refuses with ``NoSuchConversation``: there is none, or the caller was never in it.
    """
    seat = None if room is None else room.seat(actor.id)
    if room is None or seat is None:
        raise NoSuchConversation()
    return room, seat


async def view_for(unit: HasConversations, actor: Actor, conversation: str) -> Listed:
    """A conversation as the caller sees it. Refuses with ``NoSuchConversation`` as ``seat_in``."""
    view = await unit.conversations.view(conversation, user=actor.id)
    if view is None:
        raise NoSuchConversation()
    return view
