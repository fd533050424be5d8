"""The rules of one file in a conversation: awaited, stored, then taken by one message. Pure.

awaited ── its bytes came and are what they should be ──> stored ── a message took it ──> sent
   └────────────── nobody came in time ──> swept <── no message took it in time ──┘
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from core import limits
from im import refusals
from im.sniffing import Sort


class Stage(StrEnum):
    """How far a file is."""

    AWAITED = "awaited"
    STORED = "stored"
    SENT = "sent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What was found in the bytes that came. ``digest`` is the SHA-256 of what is kept."""

    media_type: str
    size: int
    digest: bytes
    width: int | None = None
    height: int | None = None
    seconds: int | None = None
    thumbnail_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Where it is kept: the name in the store and the key that only this file has."""

    blob: str
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """One file. ``until``: when it is swept unless something happens before; ``seq``: its message."""

    id: str
    conversation: str
    owner: str
    sort: Sort
    stage: Stage
    name: str = field(repr=False)
    announced: int
    created_at: datetime
    until: datetime | None
    content: Content | None = None
    kept: Kept | None = None
    seq: int | None = None


_MOST = {
    Sort.IMAGE: limits.FILE_IMAGE_BYTES,
    Sort.VOICE: limits.FILE_VOICE_BYTES,
    Sort.FILE: limits.FILE_DOCUMENT_BYTES,
}
_COMES = timedelta(seconds=limits.FILE_UPLOAD_SECONDS)
_UNSENT = timedelta(seconds=limits.FILE_UNSENT_SECONDS)


def awaited(
    id_: str, *, conversation: str, owner: str, sort: Sort, name: str, announced: int, at: datetime
) -> Attached:
    """A file that is about to come. Refuses with ``FileTooLarge``."""
    if announced > _MOST[sort]:
        raise refusals.FileTooLarge(most=_MOST[sort])
    return Attached(
        id=id_,
        conversation=conversation,
        owner=owner,
        sort=sort,
        stage=Stage.AWAITED,
        name=name,
        announced=announced,
        created_at=at,
        until=at + _COMES,
    )


def stored(file: Attached, content: Content, kept: Kept, *, at: datetime) -> Attached:
    """The file after its bytes came. Refuses with ``NoSuchUpload`` where it is too late or not the first."""
    if file.stage is not Stage.AWAITED or file.until is None or file.until <= at:
        raise refusals.NoSuchUpload()
    return replace(file, stage=Stage.STORED, content=content, kept=kept, until=at + _UNSENT)


def taken(
    file: Attached | None, *, conversation: str, sender: str, sort: Sort, seq: int, at: datetime
) -> Attached:
    """The file after a message took it. Refuses with ``FileNotReady``."""
    if (
        file is None
        or file.stage is not Stage.STORED
        or (file.conversation, file.owner, file.sort) != (conversation, sender, sort)
        or file.until is None
        or file.until <= at
    ):
        raise refusals.FileNotReady()
    return replace(file, stage=Stage.SENT, until=None, seq=seq)
