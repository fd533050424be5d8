"""The moving of old bodies from the table of messages into the archive, a few at a time.

A body is emptied here only if it is still the one that the archive gave back. The newest message of a
conversation never moves: lists show it, and a list must not wait for an archive. What a kill leaves behind is
a body in both, which the next pass moves again.
"""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import LargeBinary, and_, bindparam, null, or_, select, update

from adapters.sql.im_tables import im_conversation, im_message
from adapters.sql.instants import to_us
from adapters.sql.leases import guard
from adapters.sql.resealing import TurningSealing
from adapters.sql.transaction import Database
from core import limits
from core.leases import Fence
from core.sealing import SealBroken
from im.archive import Archive, Archived

_M, _C = im_message.c, im_conversation.c
_OLD = (
    select(_M.conversation, _M.seq, _M.body)
    .select_from(im_message.join(im_conversation, _C.id == _M.conversation))
    .where(
        or_(
            _M.conversation > bindparam("after"),
            and_(_M.conversation == bindparam("same"), _M.seq > bindparam("seq")),
        ),
        _M.body.is_not(None),
        _M.created_us <= bindparam("before"),
        _M.seq < _C.last_seq,
    )
    .order_by(_M.conversation, _M.seq)
    .limit(bindparam("limit"))
)
_EMPTY = (
    update(im_message)
    .where(
        _M.conversation == bindparam("of"),
        _M.seq == bindparam("at"),
        _M.body == bindparam("was", type_=LargeBinary()),
    )
    .values(body=null())
)
_HERE = select(_C.id).where(_C.id == bindparam("of"))


class Archiving:
    """Moves, and drops what no row knows any more."""

    def __init__(self, database: Database, archive: Archive, *, fence: Callable[[], Fence]) -> None:
        self._database = database
        self._archive = archive
        self._fence = fence

    async def move(self, *, before: datetime, after: tuple[str, int]) -> tuple[int, tuple[str, int] | None]:
        """Move the next bodies that were said by then; answers how many, and where to go on, if anywhere.

        Raises ``ArchiveAway``, ``StorageUnavailable``, ``LeaseLost``: nothing is lost by that.
        """
        async with self._database.read() as transaction:
            rows = await transaction.rows(
                _OLD,
                after=after[0],
                same=after[0],
                seq=after[1],
                before=to_us(before),
                limit=limits.ARCHIVE_AT_ONCE,
            )
        bodies = [Archived(conversation, seq, bytes(body)) for conversation, seq, body in rows]
        await self._archive.keep(bodies)
        there = await self._archive.fetch([each.name for each in bodies])
        whole = [each for each in bodies if there.get(each.name) == each.sealed]
        async with self._database.write() as transaction:
            for each in whole:
                transaction.later(_EMPTY, of=each.conversation, at=each.seq, was=each.sealed)
            await guard(transaction, self._fence())
            await transaction.commit()
        more = (bodies[-1].conversation, bodies[-1].seq) if len(bodies) == limits.ARCHIVE_AT_ONCE else None
        return len(whole), more

    async def sweep(self, after: str) -> str | None:
        """Look at the next conversation that is in the archive; drop it where it is gone. ``None``: over."""
        name = await self._archive.conversation_after(after)
        if name is None:
            return None
        async with self._database.read() as transaction:
            here = await transaction.row(_HERE, of=name)
        if here is None:
            await self._archive.forget(name)
        return name


async def reseal_archive(archive: Archive, sealing: TurningSealing) -> tuple[int, int]:
    """Seal anew what is archived under older keys; answers how many, and how many do not open.

    Interrupted, it goes on where it ended when it is called again. Raises ``ArchiveAway``.
    """
    renewed, broken, after = 0, 0, ""
    while old := await archive.sealed_otherwise(
        sealing.newest, after=after, limit=limits.RESEAL_ROWS_AT_ONCE
    ):
        fresh = []
        for each in old:
            place = {"table": im_message.name, "column": "body", "row": each.name}
            try:
                new = sealing.seal(sealing.open(each.sealed, **place), **place)
            except SealBroken:
                broken += 1
                continue
            fresh.append(Archived(each.conversation, each.seq, new))
        await archive.keep(fresh)
        renewed += len(fresh)
        after = old[-1].name
    return renewed, broken
