"""What travels of conversations: calls and answers, and the events on ``user:#<id>``.

Every call is the same over ``POST /v1/im/<verb>`` and over a socket as ``rpc im.<verb>``.

A client holds the newest ``seq`` of each conversation that it has without a gap. An event with ``seq + 1`` is
applied; one further ahead means ``im.pull`` from there; a connection that came back without recovery means
``im.sync`` since the ``uver`` that the last sync answered. All times are RFC 3339 with offset.
"""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from core import limits

Id = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.\-]+$")]
UserName = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9_.@\-]+$")]
"""``Actor.id`` of somebody: an account's id, or ``<role>.<staff number>``."""

Cid = Annotated[str, Meta(min_length=8, max_length=64, pattern=r"^[A-Za-z0-9_\-]+$")]
"""The sender's own name of what it sends, new for each: the same one again is the same message."""

Seq = Annotated[int, Meta(ge=0, le=2**53)]
Text = Annotated[str, Meta(min_length=1, max_length=4000)]

KindWord = Literal["consultation", "direct", "team", "broadcast"]
StateWord = Literal["waiting", "active", "closed"]
"""``waiting``: not yet taken up (unpaid, not accepted); the patient's first statement is already in it."""
RoleWord = Literal["patient", "family", "doctor", "nurse", "reader", "system"]

Digests = Annotated[list[Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]], Meta(max_length=9)]
"""SHA-256 of each file of a message, as it is kept. The server writes it, so the chain covers the bytes too;
whoever sends it as well is refused where it is another."""


# Bodies of messages


class TextBody(Struct, frozen=True, kw_only=True, tag_field="type", tag="text", forbid_unknown_fields=True):
    """Words."""

    text: Text


class ImageBody(Struct, frozen=True, kw_only=True, tag_field="type", tag="image", forbid_unknown_fields=True):
    """Pictures by the ids of ready files, with words if wanted."""

    files: Annotated[list[Id], Meta(min_length=1, max_length=9)]
    text: Annotated[str, Meta(max_length=4000)] = ""
    sha256: Digests = []


class VoiceBody(Struct, frozen=True, kw_only=True, tag_field="type", tag="voice", forbid_unknown_fields=True):
    """A recording of at most 60 seconds, by the id of a ready file."""

    file: Id
    seconds: Annotated[int, Meta(ge=1, le=60)]
    sha256: Digests = []


class FileBody(Struct, frozen=True, kw_only=True, tag_field="type", tag="file", forbid_unknown_fields=True):
    """A document, by the id of a ready file."""

    file: Id
    name: Annotated[str, Meta(min_length=1, max_length=128)]
    bytes: Annotated[int, Meta(ge=1)]
    sha256: Digests = []


class CardBody(Struct, frozen=True, kw_only=True, tag_field="type", tag="card", forbid_unknown_fields=True):
    """Something of the hospital's, by id and status only; a client asks for the rest and draws it."""

    card: Literal["appointment", "report", "prescription", "refund", "referral", "summary"]
    id: Id
    status: Annotated[str, Meta(max_length=32)] = ""


class RecallBody(
    Struct, frozen=True, kw_only=True, tag_field="type", tag="recall", forbid_unknown_fields=True
):
    """``ref_seq`` was taken back by who said it. Sent by ``im.recall`` only."""

    ref_seq: Seq


class EventBody(Struct, frozen=True, kw_only=True, tag_field="type", tag="event", forbid_unknown_fields=True):
    """What the platform says in the conversation: a code for the catalogue, with facts. Nobody sends it."""

    code: Annotated[str, Meta(max_length=64)]
    facts: dict[str, str | int] = {}


Sendable = TextBody | ImageBody | VoiceBody | FileBody | CardBody
Body = Sendable | RecallBody | EventBody


class Message(Struct, frozen=True, kw_only=True):
    """One message. ``body`` is ``None`` when it was recalled; its ``seq`` stays for ever."""

    conversation: str
    seq: int
    id: str
    sender: str
    role: RoleWord
    cid: str
    body: Body | None
    state: Literal["sent", "recalled"]
    created_at: datetime


class Member(Struct, frozen=True, kw_only=True):
    """Somebody in a conversation. ``name`` of a patient is masked."""

    user: str
    role: RoleWord
    name: str
    read_seq: int
    recv_seq: int


class Conversation(Struct, frozen=True, kw_only=True):
    """A conversation as its member sees it now."""

    id: str
    kind: KindWord
    state: StateWord
    title: str
    patient: str | None
    """Id of the patient it is about."""
    department: str | None
    last_seq: int
    last: Message | None
    read_seq: int
    recv_seq: int
    unread: int
    muted: bool
    pinned: bool
    members: list[Member]
    expires_at: datetime | None
    turns_left: int | None
    created_at: datetime
    changed_at: datetime


# Calls


class Send(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Say something. Repeat it with the same ``cid`` until it is answered."""

    conversation: Id
    cid: Cid
    body: Sendable


class Sent(Struct, frozen=True, kw_only=True):
    """It is stored. ``body`` is what was stored where the word filter changed it, else ``None``."""

    conversation: str
    seq: int
    id: str
    created_at: datetime
    turns_left: int | None
    body: Body | None = None


class Recall(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Take an own message back."""

    conversation: Id
    cid: Cid
    seq: Seq


class Open(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One conversation and its newest messages."""

    conversation: Id
    limit: Annotated[int, Meta(ge=1, le=100)] = 30


class Opened(Struct, frozen=True, kw_only=True):
    """``messages`` ascend and end with ``conversation.last_seq``."""

    conversation: Conversation
    messages: list[Message]


class Pull(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Messages behind ``after``, ascending; or with ``before`` the ones just before it."""

    conversation: Id
    after: Seq | None = None
    before: Seq | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 50


class Pulled(Struct, frozen=True, kw_only=True):
    """``messages`` ascend without a gap. ``more``: there are others in the direction that was asked."""

    conversation: str
    messages: list[Message]
    last_seq: int
    more: bool


class Sync(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which of my conversations changed since ``uver``; 0: all of them."""

    uver: Seq = 0
    limit: Annotated[int, Meta(ge=1, le=200)] = 100


class Synced(Struct, frozen=True, kw_only=True):
    """In the order of their change. Ask again from ``uver`` while ``more``. ``unread`` is of all mine."""

    uver: int
    conversations: list[Conversation]
    more: bool
    unread: int


class Mark(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Received (``im.ack``) or read (``im.read``) up to ``seq``. Never goes back."""

    conversation: Id
    seq: Seq


class Marked(Struct, frozen=True, kw_only=True):
    """Where the caller stands."""

    conversation: str
    recv_seq: int
    read_seq: int
    unread: int


class Typing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The caller writes something, or stopped. Nothing is stored; too often is passed over in silence."""

    conversation: Id
    on: bool = True


class Switch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``im.mute`` and ``im.pin``: for the caller only."""

    conversation: Id
    on: bool


class OfConversation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Only which conversation."""

    conversation: Id


class Online(Struct, frozen=True, kw_only=True):
    """Which members hold a connection now. A hint; receipts tell the truth."""

    conversation: str
    online: list[str]


class Done(Struct, frozen=True, kw_only=True):
    """It is so now."""

    conversation: str


class Search(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Messages of the caller's conversations that hold the words, newest first."""

    text: Annotated[str, Meta(min_length=1, max_length=64)]
    conversation: Id | None = None
    cursor: Annotated[str, Meta(max_length=128)] | None = None


class Found(Struct, frozen=True, kw_only=True):
    """``next`` goes on with older messages, also where this page is empty; ``None``: that was all."""

    messages: list[Message]
    next: str | None


class Start(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Staff begin a conversation: ``direct`` with one colleague, ``team`` with several and a title."""

    cid: Cid
    kind: Literal["direct", "team"]
    users: Annotated[list[UserName], Meta(min_length=1, max_length=50)]
    title: Annotated[str, Meta(max_length=limits.IM_TITLE_CHARACTERS)] = ""


class Invite(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A doctor or nurse of the conversation brings a colleague in."""

    conversation: Id
    user: UserName


class InviteCode(Struct, frozen=True, kw_only=True):
    """What a patient gives to a relative: good once, until then."""

    code: str
    expires_at: datetime


class Join(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A relative comes in with the code."""

    code: Annotated[str, Meta(min_length=8, max_length=64, pattern=r"^[A-Za-z0-9\-]+$")]


class Broadcast(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A department tells everybody who follows it. Never about a person."""

    department: Id
    cid: Cid
    text: Text


class Follow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hear what a department tells, or no longer."""

    department: Id
    on: bool


# Events on user:#<id>


class MessageEvent(Struct, frozen=True, kw_only=True, tag_field="event", tag="message", omit_defaults=True):
    """A message, whole. ``turns_left``: the questions left after it, where they are counted."""

    message: Message
    turns_left: int | None = None


class PointerEvent(Struct, frozen=True, kw_only=True, tag_field="event", tag="pointer", omit_defaults=True):
    """A message too long to travel here: pull it."""

    conversation: str
    seq: int
    turns_left: int | None = None


class ReceiptEvent(Struct, frozen=True, kw_only=True, tag_field="event", tag="receipt"):
    """How far a member has received and read."""

    conversation: str
    user: str
    recv_seq: int
    read_seq: int


class ConversationEvent(Struct, frozen=True, kw_only=True, tag_field="event", tag="conversation"):
    """The conversation itself changed (state, turns, members, muted, pinned): open it, or sync."""

    conversation: str
    what: str


class TypingEvent(Struct, frozen=True, kw_only=True, tag_field="event", tag="typing"):
    """A member writes, or stopped. Forget it after some seconds."""

    conversation: str
    user: str
    on: bool


class UnreadableEvent(Struct, frozen=True, kw_only=True, tag_field="event", tag="unreadable"):
    """Something was told that nobody can open any more (its key is gone): sync."""


Event = MessageEvent | PointerEvent | ReceiptEvent | ConversationEvent | TypingEvent
