"""``im.file_store.Files`` on SQL. Lock order: the conversation, then files by id."""

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import and_, bindparam, delete, func, or_, select, update

from adapters.sql.driver import Row
from adapters.sql.file_tables import im_file
from adapters.sql.im_tables import im_message
from adapters.sql.instants import from_us, from_us_or_none, to_us, to_us_or_none
from adapters.sql.statement import IN_PLACES, insert_row, one_of, places
from adapters.sql.transaction import Transaction
from core.sealing import Sealing
from im.attached import Attached, Content, Kept, Stage
from im.sniffing import Sort

_F, _M = im_file.c, im_message.c
_FIXED = ("id", "conversation", "owner", "sort", "announced", "created_us")
_OPEN = (
    select(func.count())
    .select_from(im_file)
    .where(_F.owner == bindparam("of"), _F.stage == Stage.AWAITED.value, _F.until_us > bindparam("at"))
)
_ADD = insert_row(im_file)
_ONE = select(im_file).where(_F.id == bindparam("of"))
_HELD = select(im_file).where(one_of(_F.id)).order_by(_F.id).with_for_update()
_KEEP = (
    update(im_file)
    .where(_F.id == bindparam("of"))
    .values({each.name: bindparam(each.name) for each in im_file.columns if each.name not in _FIXED})
)
_SHOWN = (
    select(im_file)
    .select_from(im_file.outerjoin(im_message, and_(_M.conversation == _F.conversation, _M.seq == _F.seq)))
    .where(
        one_of(_F.id),
        _F.conversation == bindparam("of_conversation"),
        _F.blob.is_not(None),
        or_(_F.seq.is_(None), _M.state != "recalled"),
    )
    .order_by(_F.id)
)
_OF_CONVERSATION = (
    select(im_file)
    .where(
        _F.conversation == bindparam("of"),
        _F.stage == Stage.SENT.value,
        _F.id > bindparam("after"),
    )
    .order_by(_F.id)
    .limit(bindparam("limit"))
)
_LAPSED = (
    select(im_file).where(_F.until_us <= bindparam("at")).order_by(_F.until_us).limit(bindparam("limit"))
)
_HAND_OVER = update(im_file).where(_F.owner == bindparam("source")).values(owner=bindparam("target"))
_DROP = delete(im_file).where(_F.id == bindparam("of"))
_KNOWN = select(_F.blob).where(one_of(_F.blob))


class Written(msgspec.Struct, frozen=True):
    """What is sealed of a file."""

    name: str
    key: str = ""


class SqlFiles:
    """Files inside one transaction."""

    def __init__(self, transaction: Transaction, sealing: Sealing) -> None:
        self._transaction = transaction
        self._sealing = sealing

    async def open_of(self, owner: str, *, at: datetime) -> int:
        row = await self._transaction.row(_OPEN, of=owner, at=to_us(at))
        assert row is not None
        return int(row[0])

    def add(self, file: Attached) -> None:
        self._transaction.later(
            _ADD,
            id=file.id,
            conversation=file.conversation,
            owner=file.owner,
            sort=file.sort.value,
            announced=file.announced,
            created_us=to_us(file.created_at),
            **self._changing(file),
        )

    async def find(self, file: str) -> Attached | None:
        row = await self._transaction.row(_ONE, of=file)
        return None if row is None else self._file(row)

    async def hold(self, files: Sequence[str]) -> Sequence[Attached]:
        found: list[Attached] = []
        for some in _shares(sorted(files)):
            found += map(self._file, await self._transaction.rows(_HELD, **places(_F.id, some)))
        return found

    def keep(self, file: Attached) -> None:
        self._transaction.later(_KEEP, of=file.id, **self._changing(file))

    async def shown(self, conversation: str, files: Sequence[str]) -> Sequence[Attached]:
        found: list[Attached] = []
        for some in _shares(files):
            rows = await self._transaction.rows(_SHOWN, of_conversation=conversation, **places(_F.id, some))
            found += map(self._file, rows)
        return found

    async def of_conversation(self, conversation: str, *, after: str, limit: int) -> Sequence[Attached]:
        rows = await self._transaction.rows(_OF_CONVERSATION, of=conversation, after=after, limit=limit)
        return [self._file(row) for row in rows]

    async def lapsed(self, *, at: datetime, limit: int) -> Sequence[Attached]:
        return [self._file(row) for row in await self._transaction.rows(_LAPSED, at=to_us(at), limit=limit)]

    def drop(self, file: str) -> None:
        self._transaction.later(_DROP, of=file)

    async def hand_over(self, source: str, target: str) -> None:
        self._transaction.later(_HAND_OVER, source=source, target=target)

    async def blobs_known(self, blobs: Collection[str]) -> set[str]:
        found: set[str] = set()
        for some in _shares(sorted(blobs)):
            found |= {row[0] for row in await self._transaction.rows(_KNOWN, **places(_F.blob, some))}
        return found

    def _changing(self, file: Attached) -> dict[str, object]:
        content, kept = file.content, file.kept
        written = msgspec.json.encode(Written(file.name, kept.key if kept else "")).decode()
        return {
            "stage": file.stage.value,
            "until_us": to_us_or_none(file.until),
            "seq": file.seq,
            "media_type": content.media_type if content else "",
            "bytes": content.size if content else 0,
            "thumbnail_bytes": content.thumbnail_bytes if content else 0,
            "width": content.width if content else None,
            "height": content.height if content else None,
            "seconds": content.seconds if content else None,
            "digest": content.digest if content else None,
            "blob": kept.blob if kept else None,
            "written": self._sealing.seal(written, table=im_file.name, column="written", row=file.id),
        }

    def _file(self, row: Row) -> Attached:
        name, conversation, owner, sort, stage, announced, created, until, seq = row[:9]
        media_type, size, thumbnail, width, height, seconds, digest, blob, sealed = row[9:]
        text = self._sealing.open(bytes(sealed), table=im_file.name, column="written", row=name)
        written = msgspec.json.decode(text, type=Written)
        content = Content(
            media_type=media_type,
            size=size,
            digest=bytes(digest or b""),
            width=width,
            height=height,
            seconds=seconds,
            thumbnail_bytes=thumbnail,
        )
        return Attached(
            id=name,
            conversation=conversation,
            owner=owner,
            sort=Sort(sort),
            stage=Stage(stage),
            name=written.name,
            announced=announced,
            created_at=from_us(created),
            until=from_us_or_none(until),
            content=content if media_type else None,
            kept=Kept(blob=blob, key=written.key) if blob else None,
            seq=seq,
        )


def _shares(names: Sequence[str]) -> list[Sequence[str]]:
    return [names[at : at + IN_PLACES] for at in range(0, len(names), IN_PLACES)]
