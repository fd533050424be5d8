"""What conversations need of storage."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from core.events import Outgoing
from im.thread import Kind, Said, Seat, State, Thread


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One message as it is stored. ``body`` is salt and JSON (``im.chain``); empty when it is elsewhere."""

    conversation: str
    seq: int
    id: str
    sender: str
    role: str
    cid: str
    type: str
    body: str = field(repr=False)
    ref_seq: int | None
    recalled: bool
    created_at: datetime
    commitment: bytes = b""
    digest: bytes = b""

    @property
    def said(self) -> Said:
        """As the rules see it."""
        return Said(
            seq=self.seq, sender=self.sender, type_=self.type, recalled=self.recalled, at=self.created_at
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A conversation with who is in it, held for change."""

    thread: Thread
    seats: tuple[Seat, ...]
    """Everybody, by user; of a broadcast only the one who asks."""
    earlier: Row | None = None
    """What the sender said under the same ``cid`` before."""

    def seat(self, user: str) -> Seat | None:
        """The place of a user, also of one who left."""
        return next((seat for seat in self.seats if seat.user == user), None)

    @property
    def here(self) -> tuple[Seat, ...]:
        """Who hears what is said now."""
        return tuple(seat for seat in self.seats if seat.is_here)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewConversation:
    """A conversation that is about to be. ``key`` is what its repetition is known by."""

    id: str
    kind: Kind
    state: State
    key: str
    seats: tuple[Seat, ...]
    title: str = field(default="", repr=False)
    department: str | None = None
    patient: str | None = None
    expires_at: datetime | None = None
    turns_left: int | None = None
    retention: str = "process"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A conversation as one member's list shows it."""

    thread: Thread
    seat: Seat
    title: str = field(repr=False)
    uver: int
    created_at: datetime
    changed_at: datetime
    seats: tuple[Seat, ...] = ()
    """Who is here, by user; of a broadcast the viewer only: followers are nobody else's business."""
    last: Row | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """How a conversation stands for one who may be in it.

    ``waiting_since``: when the patient's side first said what nobody of the staff has answered.
    """

    unread: int
    turns_left: int | None
    last_at: datetime
    waiting_since: datetime | None


@dataclass(frozen=True, slots=True)
class Due:
    """Somebody whom no device has told of what came."""

    conversation: str
    user: str


@dataclass(frozen=True, slots=True)
class Reach:
    """What a member may read of a conversation: messages with ``first < seq <= last``."""

    conversation: str
    first: int
    last: int


class Conversations(Protocol):
    """Conversations inside one transaction."""

    async def hold(self, conversation: str, *, sender: str, cid: str = "") -> Room | None:
        """The conversation, locked, in one trip. ``None``: there is none."""

    async def thread(self, conversation: str) -> Thread | None:
        """The conversation as it is, without who is in it."""

    async def names(self, *, after: str, limit: int) -> Sequence[str]:
        """Every conversation there is, by id."""

    async def find_key(self, key: str) -> str | None:
        """The id of the conversation that was made under a key."""

    async def add(self, draft: NewConversation, *, at: datetime) -> Thread:
        """Make one. Raises ``core.keys.KeyTaken`` for a key that was used."""

    def put(
        self, thread: Thread, row: Row, *, counted: bool, notice_at: datetime | None, at: datetime
    ) -> None:
        """Queue a new message: the conversation's new state, the row, and what changed for the members here.

        Members' rows are touched by ascending user. Of a broadcast only the conversation changes. Where the
        sender used the ``cid`` already ``core.keys.KeyTaken`` is raised, at the commit or before.
        """

    def keep(self, thread: Thread, *, at: datetime, closed: bool = False) -> None:
        """Queue the conversation's new state."""

    def touch(self, conversation: str, users: Sequence[str]) -> None:
        """Queue that these members' view of it changed, so that their sync shows it."""

    def seat(self, conversation: str, seat: Seat) -> None:
        """Queue a member, new or as they are now, whose own view changed."""

    async def reaches(self, user: str) -> Sequence[Reach]:
        """What a user may read, the newest conversations first."""

    async def seats_of(self, user: str) -> Sequence[str]:
        """Conversations that a user has or had a place in, ascending."""

    def unseat(self, conversation: str, seat: Seat) -> None:
        """Queue that the place is nobody's any more: somebody else has it."""

    def mark(self, conversation: str, before: Seat, after: Seat, *, all_received: bool) -> None:
        """Queue how far a member is; their list changes only where the unread count does."""

    async def recalled(self, conversation: str, said: Said) -> None:
        """Queue that a message is hidden from now on, and unread no longer where it was."""

    async def message(self, conversation: str, seq: int) -> Row | None:
        """One message."""

    async def unread_behind(self, conversation: str, seq: int, *, user: str) -> int:
        """How many spoken messages of others, not recalled, stand behind ``seq``."""

    async def page(
        self, conversation: str, *, above: int, upto: int, limit: int, newest: bool = False
    ) -> Sequence[Row]:
        """Messages with ``above < seq <= upto``, ascending: the first ``limit`` of them, or the last."""

    async def view(self, conversation: str, *, user: str) -> Listed | None:
        """As the member's list shows it, with everybody in it; ``None``: not in it."""

    async def changed(self, user: str, *, above: int, limit: int) -> Sequence[Listed]:
        """What changed for the user, in the order of the changes, each with members and last message."""

    async def pending(self, conversations: Sequence[str], *, user: str) -> Mapping[str, Pending]:
        """How these stand, by id."""

    async def standing(self, user: str) -> tuple[int, int]:
        """The user's newest change, and how many messages are unread."""

    async def notices_due(self, *, at: datetime, limit: int) -> Sequence[Due]:
        """Who is to be told elsewhere by now, the longest waiting first."""

    def noticed(self, due: Due) -> None:
        """Queue that they are told: nothing is due until something else comes."""

    async def add_code(self, digest: bytes, conversation: str, *, by: str, until: datetime) -> None:
        """Keep an invitation."""

    async def take_code(self, digest: bytes, *, user: str, at: datetime) -> tuple[str, bool] | None:
        """Use an invitation up: its conversation, and whether this is the first time.

        Whoever has used it may ask again until it is over. ``None``: no such, over, or used by another.
        """


class HasConversations(Protocol):
    """A transaction that knows conversations."""

    @property
    def conversations(self) -> Conversations:
        """The conversations."""

    def publish(self, *outgoing: Outgoing) -> None:
        """Tell this once the transaction is committed."""


class Unit(HasConversations, Protocol):
    """One transaction."""

    async def commit(self) -> None:
        """Make everything true, or raise."""


class Units(Protocol):
    """Opens transactions."""

    def begin(self) -> AbstractAsyncContextManager[Unit]:
        """One that will write; leaving without ``commit`` undoes everything."""

    def read(self) -> AbstractAsyncContextManager[Unit]:
        """One that sees one moment."""
