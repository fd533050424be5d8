"""Files in conversations: announce, send up, ask for links, fetch."""

from typing import Annotated
from urllib.parse import quote

from msgspec import Meta, Struct

from core.actor import Actor
from core.refusals import BadInput
from handlers.deps import Deps
from handlers.ranges import NotThere, Wanted
from handlers.routes import RawBody, Routes, Streamed
from im import refusals
from im.fetching import Fetched
from im.file_wire import AskLinks, BeginUpload, Links, StoredFile, Upload
from im.sniffing import Sort

routes = Routes(tag="conversations")

_BRINGING = (
    refusals.NoSuchUpload,
    refusals.FileTooLarge,
    refusals.FileNotTaken,
    refusals.FileDamaged,
    refusals.VoiceTooLong,
    refusals.FilesAway,
)
_SHOWN = ("image/", "audio/")


class Ticket(Struct, frozen=True, kw_only=True):
    """The permission that an address of a file carries."""

    t: Annotated[str, Meta(max_length=128)]


@routes.post(
    "/v1/im/uploads",
    action="file.send",
    status=201,
    replayable=True,
    summary="Announce a file",
    refuses=(
        refusals.NoSuchConversation,
        refusals.MayNotSpeak,
        refusals.ConversationIsClosed,
        refusals.WindowIsOver,
        refusals.NoTurnsLeft,
        refusals.FileTooLarge,
        refusals.TooManyUploads,
    ),
)
async def begin_upload(deps: Deps, actor: Actor, body: BeginUpload) -> Upload:
    """Then PUT its bytes to ``url``, or POST a form with the part ``file``, signed in as here."""
    return await deps.files.begin(actor, body)


@routes.put(
    "/v1/im/uploads/{file}",
    action="file.send",
    summary="The bytes of an announced file",
    refuses=_BRINGING,
    raw_type="application/octet-stream",
)
async def put_file(deps: Deps, actor: Actor, file: str, query: Ticket, raw: RawBody) -> StoredFile:
    """Sent again it is the same file. Pictures are drawn anew: what their camera wrote beside is gone."""
    return await deps.files.bring(actor, file, query.t, raw.body)


@routes.post(
    "/v1/im/uploads/{file}",
    action="file.send",
    summary="The bytes of an announced file, as a form",
    refuses=(*_BRINGING, BadInput),
    raw_type="multipart/form-data",
)
async def post_file(deps: Deps, actor: Actor, file: str, query: Ticket, raw: RawBody) -> StoredFile:
    """For mini-programs, which cannot PUT. The part is called ``file``."""
    if raw.file is None:
        raise BadInput(field="$.file", why="a multipart/form-data body with the part file is needed")
    return await deps.files.bring(actor, file, query.t, raw.file)


@routes.post(
    "/v1/im/links",
    action="file.look",
    live="im.links",
    summary="Links to files of a conversation",
    refuses=(refusals.NoSuchConversation,),
)
async def ask_links(deps: Deps, actor: Actor, body: AskLinks) -> Links:
    """Good for ten minutes for whoever holds them. What was taken back has none."""
    return await deps.files.links(actor, body)


@routes.get(
    "/v1/im/files/{file}",
    action="file.fetch",
    summary="A file, by its link",
    refuses=(refusals.NoSuchFile, refusals.FilesAway, refusals.RangeNotThere),
)
async def fetch_file(deps: Deps, actor: Actor, file: str, query: Ticket, wanted: Wanted) -> Streamed:
    """One range is answered with 206. The link is the permission; no sign-in is asked for."""
    return _streamed(await deps.files.fetch(file, query.t), wanted)


def _streamed(found: Fetched, wanted: Wanted) -> Streamed:
    tag = f'"{found.tag}"'
    headers: tuple[tuple[str, str], ...] = (
        ("ETag", tag),
        ("Accept-Ranges", "bytes"),
        ("Content-Disposition", _disposition(found.media_type, found.name)),
        ("Content-Security-Policy", "default-src 'none'; sandbox"),
    )
    if wanted.has(tag):
        return Streamed(length=0, media_type=found.media_type, status=304, headers=headers)
    try:
        part = wanted.part(found.size, tag)
    except NotThere:
        raise refusals.RangeNotThere(size=found.size) from None
    start, stop = (0, found.size) if part is None else (part.start, part.stop)
    if part is not None:
        headers = (*headers, ("Content-Range", f"bytes {start}-{stop - 1}/{found.size}"))
    return Streamed(
        pieces=found.pieces(start, stop),
        length=stop - start,
        media_type=found.media_type,
        status=200 if part is None else 206,
        headers=headers,
    )


def _disposition(media_type: str, name: str) -> str:
    """Pictures and voices are shown where they are; a document is kept, never opened in our origin."""
    if media_type.startswith(_SHOWN):
        return "inline"
    return f"attachment; filename*=UTF-8''{quote(name or Sort.FILE.value, safe='')}"
