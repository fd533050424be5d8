"""What travels of files in conversations."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from im.wire import Id


class BeginUpload(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is about to be sent up. ``bytes`` is checked against what comes."""

    conversation: Id
    kind: Literal["image", "voice", "file"]
    name: Annotated[str, Meta(max_length=128)] = ""
    bytes: Annotated[int, Meta(ge=1, le=50 * 1024 * 1024)]


class Upload(Struct, frozen=True, kw_only=True):
    """Where to send it: PUT the bytes, or POST a form with the part ``file`` (mini-programs), until then.

    The answer of either is ``StoredFile``.
    """

    file: str
    url: str
    expires_at: datetime


class StoredFile(Struct, frozen=True, kw_only=True):
    """A file that may be sent. ``media_type`` is what its bytes are, whatever they were called."""

    id: str
    kind: Literal["image", "voice", "file"]
    media_type: str
    bytes: int
    width: int | None
    height: int | None
    seconds: int | None


class AskLinks(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Links to files of one conversation."""

    conversation: Id
    files: Annotated[list[Id], Meta(min_length=1, max_length=50)]


class Link(Struct, frozen=True, kw_only=True):
    """Good for whoever holds it, for minutes. ``thumbnail`` is of an image."""

    file: str
    media_type: str
    bytes: int
    url: str
    thumbnail: str | None


class Links(Struct, frozen=True, kw_only=True):
    """``expires_at`` is of all of them. Files that are none of the conversation's are left out."""

    links: list[Link]
    expires_at: datetime
