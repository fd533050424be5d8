"""Rows of conversations as the rules' values, and back."""

from typing import Any

from sqlalchemy import Column

from adapters.sql.driver import Row as SqlRow
from adapters.sql.im_tables import im_conversation, im_member
from adapters.sql.instants import from_us_or_none, to_us
from im.store import Row
from im.thread import Kind, Part, Seat, State, Thread

_C, _S = im_conversation.c, im_member.c


def thread_columns() -> tuple[Column[Any], ...]:
    """In the order in which ``thread_of`` takes them."""
    return (
        _C.id,
        _C.kind,
        _C.state,
        _C.last_seq,
        _C.digest,
        _C.expires_us,
        _C.turns_left,
        _C.department,
        _C.patient,
    )


def seat_columns() -> tuple[Column[Any], ...]:
    """In the order in which ``seat_of`` takes them."""
    return (
        _S.user,
        _S.role,
        _S.shown,
        _S.join_seq,
        _S.read_seq,
        _S.recv_seq,
        _S.unread,
        _S.muted,
        _S.pinned,
        _S.left_seq,
    )


def thread_of(row: SqlRow) -> Thread:
    """The conversation."""
    name, kind, state, last_seq, digest, expires, turns_left, department, patient = row[:9]
    return Thread(
        id=name,
        kind=Kind(kind),
        state=State(state),
        last_seq=last_seq,
        digest=bytes(digest),
        expires_at=from_us_or_none(expires),
        turns_left=turns_left,
        department=department,
        patient=patient,
    )


def seat_of(row: SqlRow) -> Seat:
    """A member."""
    user, role, shown, join_seq, read_seq, recv_seq, unread, muted, pinned, left_seq = row[:10]
    return Seat(
        user=user,
        part=Part(role),
        shown=shown,
        join_seq=join_seq,
        read_seq=read_seq,
        recv_seq=recv_seq,
        unread=unread,
        muted=bool(muted),
        pinned=bool(pinned),
        left_seq=left_seq,
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
