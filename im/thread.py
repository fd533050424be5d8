"""The rules of one conversation: who may say something, take it back, and how far who has read. Pure.

A conversation is a line of messages numbered 1, 2, 3 … without a gap. Everything that is decided here is
decided while the conversation's row is locked, so of two who come at once one is first: the last question of
a consultation is asked once, and nothing is said after its end.

``Told`` is what a member must learn of a change; applying what is told to the state before it gives the state
after it (``im.replaying``, and a test for every act).
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from im import refusals


class Kind(StrEnum):
    """What sort of conversation it is."""

    CONSULTATION = "consultation"
    DIRECT = "direct"
    TEAM = "team"
    BROADCAST = "broadcast"


class State(StrEnum):
    """Whether it can be spoken in."""

    WAITING = "waiting"
    ACTIVE = "active"
    CLOSED = "closed"


class Part(StrEnum):
    """What somebody is in it (``im_member.role``)."""

    PATIENT = "patient"
    FAMILY = "family"
    DOCTOR = "doctor"
    NURSE = "nurse"
    READER = "reader"
    SYSTEM = "system"


SYSTEM_USER = "system"
"""Who says what the platform says."""

SPOKEN = frozenset({"text", "image", "voice", "file", "card"})
"""Types that somebody says: what counts as unread, and what can be told elsewhere."""

_QUESTIONS = frozenset({"text", "image", "voice", "file"})
_ASKING = frozenset({Part.PATIENT, Part.FAMILY})
_RECALLABLE = frozenset({"text", "image", "voice", "file"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """One conversation without its messages."""

    id: str
    kind: Kind
    state: State
    last_seq: int
    digest: bytes
    expires_at: datetime | None = None
    turns_left: int | None = None
    """How many questions the patient's side may still ask; ``None`` where nobody counts."""
    department: str | None = None
    patient: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """A member's place in it. ``unread`` is how many spoken messages of others stand behind ``read_seq``."""

    user: str
    part: Part
    shown: str
    join_seq: int = 0
    read_seq: int = 0
    recv_seq: int = 0
    unread: int = 0
    muted: bool = False
    pinned: bool = False
    left_seq: int | None = None
    """The last message of whoever has left; they read up to there."""

    @property
    def is_here(self) -> bool:
        """Whether they hear what is said now."""
        return self.left_seq is None

    def reach(self, thread: Thread) -> int:
        """The newest message that they may see."""
        return thread.last_seq if self.left_seq is None else self.left_seq


def speak(thread: Thread, seat: Seat | None, type_: str, *, at: datetime) -> Thread:
    """The conversation after a member said something of that type.

    Refuses with ``NoSuchConversation``, ``MayNotSpeak``, ``ConversationIsClosed``, ``WindowIsOver`` and
    ``NoTurnsLeft``.
    """
    if seat is None:
        raise refusals.NoSuchConversation()
    if not seat.is_here:
        raise refusals.MayNotSpeak(why="left")
    if seat.part is Part.READER:
        raise refusals.MayNotSpeak(why="reader")
    if thread.state is not State.ACTIVE:
        raise refusals.ConversationIsClosed(state=thread.state.value)
    if thread.expires_at is not None and thread.expires_at <= at:
        raise refusals.WindowIsOver()
    turns = thread.turns_left
    if turns is not None and seat.part in _ASKING and type_ in _QUESTIONS:
        if turns <= 0:
            raise refusals.NoTurnsLeft()
        turns -= 1
    return replace(thread, last_seq=thread.last_seq + 1, turns_left=turns)


def announce(thread: Thread) -> Thread:
    """The conversation after the platform said something in it: that is never refused."""
    return replace(thread, last_seq=thread.last_seq + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One message as the rules see it."""

    seq: int
    sender: str
    type_: str
    recalled: bool
    at: datetime


def recall(
    thread: Thread, seat: Seat | None, said: Said | None, *, within: timedelta, at: datetime
) -> Thread:
    """The conversation after a member took an own message back: an event with its own seq.

    Not only while the conversation is open: a slip of the tongue is one after the end too. Refuses with
    ``NoSuchConversation``, ``NoSuchMessage``, ``NotYourMessage``, ``CannotBeRecalled``, ``TooLateToRecall``.
    """
    if seat is None or not seat.is_here:
        raise refusals.NoSuchConversation()
    if said is None or said.seq <= seat.join_seq:
        raise refusals.NoSuchMessage()
    if said.type_ not in _RECALLABLE or said.recalled:
        raise refusals.CannotBeRecalled()
    if said.sender != seat.user:
        raise refusals.NotYourMessage()
    if at - said.at > within:
        raise refusals.TooLateToRecall(seconds=int(within.total_seconds()))
    return replace(thread, last_seq=thread.last_seq + 1)


def received(thread: Thread, seat: Seat, seq: int) -> Seat:
    """The seat after a device has messages up to ``seq``; it never goes back, nor beyond what there is."""
    upto = min(seq, seat.reach(thread))
    return seat if upto <= seat.recv_seq else replace(seat, recv_seq=upto)


def read(thread: Thread, seat: Seat, seq: int, *, unread_behind: int) -> Seat:
    """The seat after somebody read up to ``seq``; ``unread_behind``: spoken messages of others behind it."""
    upto = min(seq, seat.reach(thread))
    if upto <= seat.read_seq:
        return received(thread, seat, seq)
    moved = replace(seat, read_seq=upto, unread=unread_behind)
    return received(thread, moved, seq)


def part_of(role: str) -> Part:
    """What an employee or patient is in a conversation by their role."""
    return {"doctor": Part.DOCTOR, "nurse": Part.NURSE, "patient": Part.PATIENT}[role]
