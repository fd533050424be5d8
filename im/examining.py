"""What came, whatever it was announced as: its kind, what is kept of it, and what is said of it."""

import hashlib
import math
from dataclasses import dataclass, field

from core import limits
from im import refusals, sniffing, sounding
from im.attached import Content
from im.file_store import Darkroom
from im.sniffing import Sort


@dataclass(frozen=True, slots=True)
class Examined:
    """What is kept; ``thumbnail`` is empty of what is no picture."""

    content: Content
    kept: bytes = field(repr=False)
    thumbnail: bytes = field(default=b"", repr=False)


async def examined(darkroom: Darkroom, sort: Sort, came: bytes) -> Examined:
    """Look at the bytes of a file. Refuses with ``FileNotTaken``, ``FileDamaged`` and ``VoiceTooLong``."""
    media_type = sniffing.media_type_of(came)
    if media_type not in sniffing.TAKEN[sort]:
        raise refusals.FileNotTaken(takes=sorted(sniffing.TAKEN[sort]))
    if sort is Sort.IMAGE:
        return await _picture(darkroom, came)
    if sort is Sort.VOICE:
        return _voice(came, media_type)
    return Examined(_content(media_type, came), came)


async def _picture(darkroom: Darkroom, came: bytes) -> Examined:
    try:
        picture = await darkroom.develop(came)
    except ValueError:
        raise refusals.FileDamaged() from None
    content = Content(
        media_type=picture.media_type,
        size=len(picture.content),
        digest=hashlib.sha256(picture.content).digest(),
        width=picture.width,
        height=picture.height,
        thumbnail_bytes=len(picture.thumbnail),
    )
    return Examined(content, picture.content, picture.thumbnail)


def _voice(came: bytes, media_type: str) -> Examined:
    most = limits.FILE_VOICE_SECONDS
    seconds = sounding.seconds_of(came, media_type)
    if seconds is not None and seconds >= most + 1:
        raise refusals.VoiceTooLong(seconds=most)
    kept = sounding.without_tags(came, media_type)
    whole = None if seconds is None else min(max(1, math.ceil(seconds)), most)
    return Examined(_content(media_type, kept, seconds=whole), kept)


def _content(media_type: str, kept: bytes, *, seconds: int | None = None) -> Content:
    digest = hashlib.sha256(kept).digest()
    return Content(media_type=media_type, size=len(kept), digest=digest, seconds=seconds)
