"""``im.store.Conversations`` on SQL: what writes. What only reads is in ``im_readings``.

A send is two trips: one locks the conversation and brings it with its members and what the sender said under
the same ``cid`` before; the other writes everything and commits.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Select,
    and_,
    bindparam,
    case,
    delete,
    literal,
    literal_column,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import mysql, sqlite

from adapters.sql.im_readings import ImReadings
from adapters.sql.im_rows import THREAD, message_row, seat_columns, seat_of, thread_columns, thread_of
from adapters.sql.im_tables import im_code, im_conversation, im_member, im_message, im_user
from adapters.sql.instants import to_us, to_us_or_none
from adapters.sql.statement import ByDatabase, insert_row
from adapters.sql.transaction import Transaction
from core.sealing import Sealing
from im.archive import Archive
from im.chain import FIRST
from im.store import Due, NewConversation, Room, Row
from im.thread import SPOKEN, Kind, Said, Seat, Thread

_C, _M, _S, _U = im_conversation.c, im_message.c, im_member.c, im_user.c

_LOCK = select(_C.id).where(_C.id == bindparam("of")).with_for_update()


def _room(dialect: str) -> Select[Any]:
    """The conversation, who is in it, and the number of what the sender said under the ``cid`` before."""
    return (
        select(*thread_columns(dialect), _M.seq, *seat_columns(dialect))
        .select_from(
            im_conversation.outerjoin(
                im_member,
                and_(
                    _S.conversation == _C.id,
                    or_(_C.kind != Kind.BROADCAST.value, _S.user == bindparam("sender")),
                ),
            ).outerjoin(
                im_message,
                and_(_M.conversation == _C.id, _M.sender == bindparam("sender"), _M.cid == bindparam("cid")),
            )
        )
        .where(_C.id == bindparam("of"))
        .order_by(_S.user)
    )


_ROOM = ByDatabase(sqlite=_room("sqlite"), mysql=_room("mysql"))
_ADD = insert_row(im_conversation)
_ADD_MESSAGE = insert_row(im_message)
_PUT = (
    update(im_conversation)
    .where(_C.id == bindparam("of"))
    .values(
        last_seq=bindparam("last_seq"),
        digest=bindparam("digest"),
        turns_left=bindparam("turns_left"),
        changed_us=bindparam("changed_us"),
    )
)
_KEEP = (
    update(im_conversation)
    .where(_C.id == bindparam("of"))
    .values(
        state=bindparam("state"),
        expires_us=bindparam("expires_us"),
        turns_left=bindparam("turns_left"),
        changed_us=bindparam("changed_us"),
        closed_us=bindparam("closed_us"),
    )
)
_NEWEST = select(_U.uver).where(_U.user == _S.user).scalar_subquery()
_HERE = and_(_S.conversation == bindparam("of"), _S.left_seq.is_(None))
_BUMP = update(im_member).where(_HERE).values(uver=_NEWEST)
_BUMP_UNREAD = (
    update(im_member)
    .where(_HERE)
    .values(
        uver=_NEWEST,
        unread=_S.unread + case((_S.user == bindparam("sender"), 0), else_=1),
        notice_us=case(
            (or_(_S.user == bindparam("sender"), _S.muted == 1, _S.notice_us.is_not(None)), _S.notice_us),
            else_=bindparam("notice_us"),
        ),
    )
)
_TOUCH = (
    update(im_member)
    .where(_S.conversation == bindparam("of"), _S.user == bindparam("user"))
    .values(uver=_NEWEST)
)
_MARK = (
    update(im_member)
    .where(_S.conversation == bindparam("of"), _S.user == bindparam("user"))
    .values(
        read_seq=bindparam("read_seq"),
        recv_seq=bindparam("recv_seq"),
        unread=bindparam("unread"),
        uver=_NEWEST,
        notice_us=case((literal(1) == bindparam("all_received"), None), else_=_S.notice_us),
    )
)
_HIDE = (
    update(im_message)
    .where(_M.conversation == bindparam("of"), _M.seq == bindparam("seq"))
    .values(state="recalled")
)
_UNREAD_OF = (
    select(_S.user)
    .where(
        _S.conversation == bindparam("of"),
        _S.user != bindparam("sender"),
        _S.left_seq.is_(None),
        _S.read_seq < bindparam("seq"),
        _S.unread > 0,
    )
    .order_by(_S.user)
)
_LESS_UNREAD = (
    update(im_member)
    .where(_S.conversation == bindparam("of"), _S.user == bindparam("user"))
    .values(unread=_S.unread - literal_column("1"))
)
_NOTICED = (
    update(im_member)
    .where(_S.conversation == bindparam("of"), _S.user == bindparam("user"))
    .values(notice_us=null())
)
_SEATS_OF = select(_S.conversation).where(_S.user == bindparam("of_user")).order_by(_S.conversation)
_UNSEAT = delete(im_member).where(_S.conversation == bindparam("of"), _S.user == bindparam("user"))
_ADD_CODE = insert_row(im_code)
_CODE = select(im_code).where(im_code.c.digest == bindparam("digest")).with_for_update()
_USE_CODE = update(im_code).where(im_code.c.digest == bindparam("digest")).values(by=bindparam("user"))
_TAKEN = "+"
_FORGET_CODES = delete(im_code).where(im_code.c.until_us <= bindparam("at"))


# Written out: the driver fills the places of a row, and this is none of them.
_ONE_MORE: Any = literal_column("1")


def _bump_users() -> ByDatabase:
    """One more change for a user, and so many more unread; the row is made if there is none."""
    row: dict[str, Any] = {
        "user": bindparam("user"),
        "uver": bindparam("first"),
        "unread": bindparam("more"),
    }
    for_sqlite = sqlite.insert(im_user).values(row)
    for_mysql = mysql.insert(im_user).values(row)
    return ByDatabase(
        sqlite=for_sqlite.on_conflict_do_update(
            index_elements=["user"],
            set_={"uver": _U.uver + _ONE_MORE, "unread": _U.unread + for_sqlite.excluded.unread},
        ),
        mysql=for_mysql.on_duplicate_key_update(
            {"uver": _U.uver + _ONE_MORE, "unread": _U.unread + for_mysql.inserted.unread}
        ),
    )


def _keep_seat() -> ByDatabase:
    row: dict[str, Any] = {column.name: bindparam(column.name) for column in im_member.columns}
    kept = ("role", "shown", "left_seq", "muted", "pinned", "unread")
    for_sqlite = sqlite.insert(im_member).values(row)
    for_mysql = mysql.insert(im_member).values(row)
    return ByDatabase(
        sqlite=for_sqlite.on_conflict_do_update(
            index_elements=["conversation", "user"], set_={name: for_sqlite.excluded[name] for name in kept}
        ),
        mysql=for_mysql.on_duplicate_key_update({name: for_mysql.inserted[name] for name in kept}),
    )


_BUMP_USERS, _KEEP_SEAT = _bump_users(), _keep_seat()


class SqlConversations(ImReadings):
    """Conversations inside one transaction."""

    def __init__(self, transaction: Transaction, sealing: Sealing, archive: Archive) -> None:
        super().__init__(transaction, sealing, archive)
        # Rows that are held: what their members are is known without asking again.
        self._rooms: dict[str, Room] = {}

    async def hold(self, conversation: str, *, sender: str, cid: str = "") -> Room | None:
        self._transaction.later(_LOCK, of=conversation)
        rows = await self._transaction.rows(_ROOM, of=conversation, sender=sender, cid=cid)
        if not rows:
            return None
        earlier = rows[0][THREAD]
        room = Room(
            thread=thread_of(rows[0]),
            seats=tuple(seat_of(row[THREAD + 1 :]) for row in rows if row[THREAD + 1] is not None),
            earlier=None if earlier is None else await self.message(conversation, earlier),
        )
        self._rooms[conversation] = room
        return room

    async def add(self, draft: NewConversation, *, at: datetime) -> Thread:
        now = to_us(at)
        title = self._seal_title(draft.title, draft.id) if draft.title else None
        self._transaction.later(
            _ADD,
            id=draft.id,
            kind=draft.kind.value,
            state=draft.state.value,
            key=draft.key,
            title=title,
            department=draft.department,
            patient=draft.patient,
            last_seq=0,
            digest=FIRST,
            expires_us=to_us_or_none(draft.expires_at),
            turns_left=draft.turns_left,
            created_us=now,
            changed_us=now,
            closed_us=None,
            retention=draft.retention,
        )
        await self._transaction.send()
        for seat in sorted(draft.seats, key=lambda seat: seat.user):
            self.seat(draft.id, seat)
        return Thread(
            id=draft.id,
            kind=draft.kind,
            state=draft.state,
            last_seq=0,
            digest=FIRST,
            expires_at=draft.expires_at,
            turns_left=draft.turns_left,
            department=draft.department,
            patient=draft.patient,
        )

    def put(
        self, thread: Thread, row: Row, *, counted: bool, notice_at: datetime | None, at: datetime
    ) -> None:
        self._transaction.later(
            _PUT,
            of=thread.id,
            last_seq=thread.last_seq,
            digest=thread.digest,
            turns_left=thread.turns_left,
            changed_us=to_us(at),
        )
        self._transaction.later(_ADD_MESSAGE, **self._message_values(row))
        if thread.kind is Kind.BROADCAST:
            return
        users = [seat.user for seat in self._rooms[thread.id].here]
        if counted:
            self._transaction.later_each(_BUMP_USERS, [(user, 1, int(user != row.sender)) for user in users])
            assert notice_at is not None
            self._transaction.later(_BUMP_UNREAD, of=thread.id, sender=row.sender, notice_us=to_us(notice_at))
        else:
            self._transaction.later_each(_BUMP_USERS, [(user, 1, 0) for user in users])
            self._transaction.later(_BUMP, of=thread.id)

    def keep(self, thread: Thread, *, at: datetime, closed: bool = False) -> None:
        self._transaction.later(
            _KEEP,
            of=thread.id,
            state=thread.state.value,
            expires_us=to_us_or_none(thread.expires_at),
            turns_left=thread.turns_left,
            changed_us=to_us(at),
            closed_us=to_us(at) if closed else None,
        )

    def touch(self, conversation: str, users: Sequence[str]) -> None:
        for user in sorted(users):
            self._transaction.later_each(_BUMP_USERS, [(user, 1, 0)])
            self._transaction.later(_TOUCH, of=conversation, user=user)

    def seat(self, conversation: str, seat: Seat) -> None:
        room = self._rooms.get(conversation)
        before = None if room is None else room.seat(seat.user)
        fewer = seat.unread - (0 if before is None else before.unread)
        self._transaction.later_each(_BUMP_USERS, [(seat.user, 1, fewer)])
        self._transaction.later(
            _KEEP_SEAT,
            conversation=conversation,
            user=seat.user,
            role=seat.part.value,
            shown=seat.shown,
            join_seq=seat.join_seq,
            read_seq=seat.read_seq,
            recv_seq=seat.recv_seq,
            unread=seat.unread,
            uver=0,
            muted=int(seat.muted),
            pinned=int(seat.pinned),
            left_seq=seat.left_seq,
            notice_us=None,
        )
        self._transaction.later(_TOUCH, of=conversation, user=seat.user)

    async def seats_of(self, user: str) -> Sequence[str]:
        return [row[0] for row in await self._transaction.rows(_SEATS_OF, of_user=user)]

    def unseat(self, conversation: str, seat: Seat) -> None:
        self._transaction.later_each(_BUMP_USERS, [(seat.user, 1, -seat.unread)])
        self._transaction.later(_UNSEAT, of=conversation, user=seat.user)

    def mark(self, conversation: str, before: Seat, after: Seat, *, all_received: bool) -> None:
        self._transaction.later_each(_BUMP_USERS, [(after.user, 1, after.unread - before.unread)])
        self._transaction.later(
            _MARK,
            of=conversation,
            user=after.user,
            read_seq=after.read_seq,
            recv_seq=after.recv_seq,
            unread=after.unread,
            all_received=int(all_received),
        )

    async def recalled(self, conversation: str, said: Said) -> None:
        self._transaction.later(_HIDE, of=conversation, seq=said.seq)
        if said.type_ not in SPOKEN:
            return
        rows = await self._transaction.rows(_UNREAD_OF, of=conversation, sender=said.sender, seq=said.seq)
        for (user,) in rows:
            self._transaction.later_each(_BUMP_USERS, [(user, 1, -1)])
            self._transaction.later(_LESS_UNREAD, of=conversation, user=user)

    def noticed(self, due: Due) -> None:
        self._transaction.later(_NOTICED, of=due.conversation, user=due.user)

    async def add_code(self, digest: bytes, conversation: str, *, by: str, until: datetime) -> None:
        self._transaction.later(
            _ADD_CODE, digest=digest, conversation=conversation, by=by, until_us=to_us(until)
        )

    async def take_code(self, digest: bytes, *, user: str, at: datetime) -> tuple[str, bool] | None:
        row = await self._transaction.row(_CODE, digest=digest)
        if row is None or row[3] <= to_us(at):
            return None
        conversation, by = row[1], str(row[2])
        # Who gave it has a plain name here, who took it one with a mark that no name has.
        taken = f"{_TAKEN}{user}"[:128]
        if not by.startswith(_TAKEN):
            self._transaction.later(_USE_CODE, digest=digest, user=taken)
            return conversation, True
        return (conversation, False) if by == taken else None

    def forget_codes(self, *, at: datetime) -> None:
        """Invitations that are over."""
        self._transaction.later(_FORGET_CODES, at=to_us(at))

    def _message_values(self, row: Row) -> dict[str, Any]:
        place = f"{row.conversation}|{row.seq}"
        sealed = self._sealing.seal(row.body, table=im_message.name, column="body", row=place)
        return message_row(row, sealed)
