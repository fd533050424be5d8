"""Rows of conversations as the rules' values, and back.

What is short and has no blank in it is packed into one text by the database: MariaDB describes each column of
every answer, and reading a description costs more than reading a value (33 columns were a third of a send).
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, literal_column

from adapters.sql.driver import Row as SqlRow
from adapters.sql.im_tables import im_conversation, im_member, im_message
from adapters.sql.instants import from_us, from_us_or_none, to_us
from im.store import Row
from im.thread import Kind, Part, Seat, State, Thread

_C, _S, _M = im_conversation.c, im_member.c, im_message.c
_BLANK: ColumnElement[str] = literal_column("' '")
_NONE = -1

THREAD, SEAT, MESSAGE = 5, 4, 7
"""How many columns each takes."""


def packed(dialect: str, *columns: ColumnElement[Any]) -> ColumnElement[str]:
    """The values with a blank between them. An empty one is -1: only numbers are empty."""
    values = [func.coalesce(column, literal_column(str(_NONE))) for column in columns]
    if dialect == "mysql":
        return func.concat_ws(_BLANK, *values)
    joined: ColumnElement[Any] = values[0]
    for value in values[1:]:
        joined = joined.op("||")(_BLANK).op("||")(value)
    return joined


def thread_columns(dialect: str) -> Sequence[ColumnElement[Any]]:
    """As ``thread_of`` takes them."""
    return (
        _C.id,
        packed(dialect, _C.kind, _C.state, _C.last_seq, _C.expires_us, _C.turns_left),
        _C.digest,
        _C.department,
        _C.patient,
    )


def seat_columns(dialect: str) -> Sequence[ColumnElement[Any]]:
    """As ``seat_of`` takes them."""
    numbers = (_S.join_seq, _S.read_seq, _S.recv_seq, _S.unread, _S.muted, _S.pinned, _S.left_seq)
    return _S.user, _S.role, _S.shown, packed(dialect, *numbers)


def message_columns(dialect: str) -> Sequence[ColumnElement[Any]]:
    """As ``message_of_row`` takes them."""
    short = (_M.seq, _M.id, _M.role, _M.type, _M.state, _M.created_us, _M.ref_seq)
    return (_M.conversation, packed(dialect, *short), _M.sender, _M.cid, _M.body, _M.commitment, _M.digest)


def thread_of(row: SqlRow) -> Thread:
    """The conversation."""
    name, short, digest, department, patient = row[:THREAD]
    kind, state, last_seq, expires, turns_left = short.split(" ")
    return Thread(
        id=name,
        kind=Kind(kind),
        state=State(state),
        last_seq=int(last_seq),
        digest=bytes(digest),
        expires_at=from_us_or_none(_number(expires)),
        turns_left=_number(turns_left),
        department=department,
        patient=patient,
    )


def seat_of(row: SqlRow) -> Seat:
    """A member."""
    user, role, shown, short = row[:SEAT]
    join_seq, read_seq, recv_seq, unread, muted, pinned, left_seq = map(int, short.split(" "))
    return Seat(
        user=user,
        part=Part(role),
        shown=shown,
        join_seq=join_seq,
        read_seq=read_seq,
        recv_seq=recv_seq,
        unread=unread,
        muted=muted == 1,
        pinned=pinned == 1,
        left_seq=None if left_seq == _NONE else left_seq,
    )


def message_of_row(row: SqlRow, opened: str) -> Row:
    """A message, its body opened by the store."""
    conversation, short, sender, cid, _, committed, digest = row[:MESSAGE]
    seq, name, role, type_, state, created, ref_seq = short.split(" ")
    return Row(
        conversation=conversation,
        seq=int(seq),
        id=name,
        sender=sender,
        role=role,
        cid=cid,
        type=type_,
        body=opened,
        ref_seq=_number(ref_seq),
        recalled=state == "recalled",
        created_at=from_us(int(created)),
        commitment=bytes(committed),
        digest=bytes(digest),
    )


def message_row(row: Row, sealed: bytes) -> dict[str, Any]:
    """The values of a message's row, its body sealed."""
    return {
        "conversation": row.conversation,
        "seq": row.seq,
        "id": row.id,
        "sender": row.sender,
        "role": row.role,
        "cid": row.cid,
        "type": row.type,
        "body": sealed,
        "ref_seq": row.ref_seq,
        "state": "recalled" if row.recalled else "sent",
        "created_us": to_us(row.created_at),
        "commitment": row.commitment,
        "digest": row.digest,
    }


def _number(text: str) -> int | None:
    value = int(text)
    return None if value == _NONE else value
