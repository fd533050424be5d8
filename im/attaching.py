"""Use cases of files: announce, bring, take into a message, fetch, and sweep what nobody took.

The row is there before the bytes are, so bytes that were brought are always found again and swept; and the
row's own key opens them, so that dropping the row ends them even where a copy of the store is left.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import cast

import msgspec

from core import limits
from core.actor import Actor
from core.clock import Clock
from core.ids import RandomBytes, new_id
from im import attached, refusals, thread
from im.access import seat_in, view_for
from im.attached import Attached, Content, Kept, Stage
from im.examining import Examined, examined
from im.fetching import Fetched, Pieces
from im.file_store import Blobs, Darkroom, FileUnit, FileUnits, Vault
from im.file_wire import AskLinks, BeginUpload, Link, Links, StoredFile, Upload
from im.sniffing import Sort
from im.store import Listed, Unit
from im.tickets import Form, Tickets
from im.wire import CardBody, FileBody, ImageBody, Sendable, TextBody, VoiceBody


class Attaching:
    """Files of conversations."""

    def __init__(
        self,
        *,
        units: FileUnits,
        blobs: Blobs,
        vault: Vault,
        darkroom: Darkroom,
        tickets: Tickets,
        clock: Clock,
        random: RandomBytes,
    ) -> None:
        self._units = units
        self._blobs = blobs
        self._vault = vault
        self._darkroom = darkroom
        self._tickets = tickets
        self._clock = clock
        self._random = random

    async def begin(self, actor: Actor, body: BeginUpload) -> Upload:
        """Announce a file. Refuses as ``im.thread.speak``, with ``FileTooLarge`` and ``TooManyUploads``."""
        at = self._clock.now()
        file = attached.awaited(
            new_id(at=at, random=self._random),
            conversation=body.conversation,
            owner=actor.id,
            sort=Sort(body.kind),
            name=body.name,
            announced=body.bytes,
            at=at,
        )
        async with self._units.begin() as unit:
            room, seat = seat_in(await unit.conversations.hold(body.conversation, sender=actor.id), actor)
            thread.speak(room.thread, seat, body.kind, at=at)
            if await unit.files.open_of(actor.id, at=at) >= limits.FILE_UPLOADS_OPEN:
                raise refusals.TooManyUploads()
            unit.files.add(file)
            await unit.commit()
        until = at + timedelta(seconds=limits.FILE_UPLOAD_SECONDS)
        ticket = self._tickets.upload(file.id, size=body.bytes, until=until)
        return Upload(file=file.id, url=f"/v1/im/uploads/{file.id}?t={ticket}", expires_at=until)

    def room(self, file: str, ticket: str) -> int:
        """How many bytes may come under a ticket; 0: none."""
        return self._tickets.room(file, ticket, at=self._clock.now())

    async def bring(self, actor: Actor, file: str, ticket: str, content: bytes) -> StoredFile:
        """Its bytes. Brought again they are looked at no more: the answer is what is there.

        Refuses with ``NoSuchUpload``, ``FileTooLarge``, ``FileNotTaken``, ``FileDamaged``, ``VoiceTooLong``.
        """
        async with self._units.read() as unit:
            found = await unit.files.find(file)
        if found is None or found.owner != actor.id or not self.room(file, ticket):
            raise refusals.NoSuchUpload()
        if found.stage is not Stage.AWAITED:
            return stored_file(found)
        if not content or len(content) > found.announced:
            raise refusals.FileTooLarge(most=found.announced)
        what = await examined(self._darkroom, found.sort, content)
        kept = Kept(blob=f"{file}.{self._random(6).hex()}", key=self._vault.new_key())
        await self._put(kept, what)
        return await self._settled(file, what.content, kept)

    async def _put(self, kept: Kept, what: Examined) -> None:
        sealed = await asyncio.to_thread(self._vault.seal, kept.key, what.kept, form="o")
        await self._blobs.put(kept.blob, sealed)
        if what.thumbnail:
            await self._blobs.put(f"{kept.blob}.t", self._vault.seal(kept.key, what.thumbnail, form="t"))

    async def _settled(self, file: str, what: Content, kept: Kept) -> StoredFile:
        """Say that the bytes are there, unless the same file was brought twice and the other was first."""
        async with self._units.begin() as unit:
            held = await unit.files.hold([file])
            if held and held[0].stage is Stage.AWAITED:
                after = attached.stored(held[0], what, kept, at=self._clock.now())
                unit.files.keep(after)
                await unit.commit()
                return stored_file(after)
        await self._drop(kept)
        if not held:
            raise refusals.NoSuchUpload()
        return stored_file(held[0])

    async def claim(
        self, unit: Unit, conversation: str, sender: str, body: Sendable, *, seq: int
    ) -> Sendable:
        """``im.messaging.Attachments``: the message takes these files. Refuses with ``FileNotReady`` and
        ``MayNotSpeak``."""
        if isinstance(body, CardBody):
            # A card says that the hospital has something: only the platform puts one into a conversation.
            raise refusals.MayNotSpeak(why="card")
        if isinstance(body, TextBody):
            return body
        sort, names = _named(body)
        if len(set(names)) != len(names):
            raise refusals.FileNotReady()
        files = cast("FileUnit", unit).files
        found = {file.id: file for file in await files.hold(sorted(names))}
        digests: list[str] = []
        for name in names:
            after = attached.taken(
                found.get(name),
                conversation=conversation,
                sender=sender,
                sort=sort,
                seq=seq,
                at=self._clock.now(),
            )
            if after.content is None or not _fits(after, body):
                raise refusals.FileNotReady()
            files.keep(after)
            digests.append(after.content.digest.hex())
        if body.sha256 not in ([], digests):
            raise refusals.FileNotReady()
        return msgspec.structs.replace(body, sha256=digests)

    async def links(self, actor: Actor, body: AskLinks) -> Links:
        """Addresses of files that the caller may see. Refuses with ``NoSuchConversation``."""
        until = self._clock.now() + timedelta(seconds=limits.FILE_LINK_SECONDS)
        async with self._units.read() as unit:
            view = await view_for(unit, actor, body.conversation)
            shown = await unit.files.shown(body.conversation, list(dict.fromkeys(body.files)))
        seen = [file for file in shown if _may_see(file, view, actor.id)]
        return Links(links=[self._link(file, until) for file in seen], expires_at=until)

    def _link(self, file: Attached, until: datetime) -> Link:
        content = file.content
        assert content is not None

        def address(form: Form) -> str:
            return f"/v1/im/files/{file.id}?t={self._tickets.link(file.id, form, until=until)}"

        return Link(
            file=file.id,
            media_type=content.media_type,
            bytes=content.size,
            url=address("o"),
            thumbnail=address("t") if content.thumbnail_bytes else None,
        )

    async def fetch(self, file: str, ticket: str) -> Fetched:
        """What a link leads to. Refuses with ``NoSuchFile``."""
        form = self._tickets.form(file, ticket, at=self._clock.now())
        if form is None:
            raise refusals.NoSuchFile()
        async with self._units.read() as unit:
            found = await unit.files.find(file)
            shown = await unit.files.shown(found.conversation, [file]) if found else ()
        if not shown or shown[0].content is None or shown[0].kept is None:
            raise refusals.NoSuchFile()
        content, kept = shown[0].content, shown[0].kept
        size = content.thumbnail_bytes if form == "t" else content.size
        pieces = Pieces(self._blobs, self._vault, kept, form=form, size=size)
        return Fetched(
            media_type="image/jpeg" if form == "t" else content.media_type,
            size=size,
            name=shown[0].name if shown[0].sort is Sort.FILE else "",
            tag=f"{content.digest.hex()[:32]}{form}",
            _pieces=pieces,
        )

    async def sweep(self) -> int:
        """Forget files that nothing happened to in time; answers how many. Their bytes go first."""
        async with self._units.read() as unit:
            over = await unit.files.lapsed(at=self._clock.now(), limit=limits.FILE_SWEEP_AT_ONCE)
        for file in over:
            if file.kept is not None:
                await self._drop(file.kept)
        async with self._units.begin() as unit:
            held = {file.id: file for file in await unit.files.hold([file.id for file in over])}
            for file in over:
                # Taken by a message since it was looked at: cannot be, a file that is over is taken by none.
                if held.get(file.id) == file:
                    unit.files.drop(file.id)
            await unit.commit()
        return len(over)

    async def sweep_strays(self, *, after: str = "") -> str:
        """Drop bytes that no row knows (a restored database, a file brought twice); answers where to go on.

        ``""``: all were looked at. What is younger than a day is left alone: its row may be on its way.
        """
        found = await self._blobs.names(after=after, limit=limits.FILE_SWEEP_AT_ONCE)
        before = self._clock.now() - timedelta(seconds=limits.FILE_STRAY_SECONDS)
        async with self._units.read() as unit:
            known = await unit.files.blobs_known({_blob_of(each.name) for each in found})
        for each in found:
            if each.at < before and _blob_of(each.name) not in known:
                await self._blobs.drop(each.name)
        return found[-1].name if len(found) == limits.FILE_SWEEP_AT_ONCE else ""

    async def _drop(self, kept: Kept) -> None:
        for name in (kept.blob, f"{kept.blob}.t"):
            await self._blobs.drop(name)


def stored_file(file: Attached) -> StoredFile:
    """As its owner is told. Refuses with ``NoSuchUpload`` what has no bytes."""
    if file.content is None:
        raise refusals.NoSuchUpload()
    return StoredFile(
        id=file.id,
        kind=file.sort.value,
        media_type=file.content.media_type,
        bytes=file.content.size,
        width=file.content.width,
        height=file.content.height,
        seconds=file.content.seconds,
    )


def _named(body: ImageBody | VoiceBody | FileBody) -> tuple[Sort, Sequence[str]]:
    if isinstance(body, ImageBody):
        return Sort.IMAGE, body.files
    if isinstance(body, VoiceBody):
        return Sort.VOICE, [body.file]
    return Sort.FILE, [body.file]


def _fits(file: Attached, body: Sendable) -> bool:
    """Whether what the message says of the file is so."""
    content = file.content
    if content is None:
        return False
    if isinstance(body, VoiceBody):
        return content.seconds is None or abs(content.seconds - body.seconds) <= 1
    return not isinstance(body, FileBody) or content.size == body.bytes


def _may_see(file: Attached, view: Listed, user: str) -> bool:
    if file.seq is None:
        return file.owner == user
    return view.seat.join_seq < file.seq <= view.seat.reach(view.thread)


def _blob_of(name: str) -> str:
    return name.removesuffix(".t")
