"""People who send files, over one database."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from adapters.crypto.file_sealing import FileVault
from adapters.crypto.suites import Suite
from adapters.files.blobs import FolderBlobs
from adapters.pictures.darkroom import PillowDarkroom
from adapters.sql.transaction import Database
from core.actor import Actor
from core.clock import ManualClock
from im import wire
from im.attaching import Attaching
from im.file_wire import AskLinks, BeginUpload, Links, StoredFile
from im.messaging import Manners, Messaging
from im.tickets import Tickets
from tests.contract.im_examples import ZHANG, Talk
from tests.contract.sql_examples import NOON
from tests.unit.pictures.test_darkroom import a_photo


class Post(Talk):
    """Talk with files, kept in a folder."""

    def __init__(self, database: Database, folder: Path, *, seed: int = 1) -> None:
        clock = ManualClock(NOON)
        super().__init__(database, clock, seed=seed)
        self.later = lambda seconds: clock.advance(timedelta(seconds=seconds))
        self.folder = folder
        self.blobs = FolderBlobs(folder)
        self.darkroom = PillowDarkroom()
        self.files = Attaching(
            units=self.units,
            blobs=self.blobs,
            vault=FileVault(Suite.AES, random=self.random),
            darkroom=self.darkroom,
            tickets=Tickets(b"k" * 32),
            clock=self.clock,
            random=self.random,
        )

        async def nobody(*_: Any) -> Any:
            return []

        self.messaging = Messaging(
            units=self.units,
            clock=self.clock,
            random=self.random,
            whisper=nobody,
            present=nobody,
            may_type=lambda name: True,
            manners=Manners(),
            attachments=self.files,
        )

    def close(self) -> None:
        self.blobs.close()
        self.darkroom.close()

    async def begins_upload(self, who: Actor = ZHANG, **more: Any) -> tuple[str, str]:
        """A file's id and its ticket."""
        asked: dict[str, Any] = {"conversation": "c1", "kind": "image", "bytes": 100_000}
        upload = await self.files.begin(who, BeginUpload(**(asked | more)))
        return upload.file, upload.url.partition("?t=")[2]

    async def brings(self, who: Actor = ZHANG, content: bytes | None = None, **more: Any) -> StoredFile:
        file, ticket = await self.begins_upload(who, **more)
        return await self.files.bring(who, file, ticket, a_photo() if content is None else content)

    async def sends(self, who: Actor, body: wire.Sendable, cid: str = "pic-0001") -> wire.Sent:
        return await self.messaging.send(who, wire.Send(conversation="c1", cid=cid, body=body))

    async def links(self, who: Actor, *files: str) -> Links:
        return await self.files.links(who, AskLinks(conversation="c1", files=list(files)))

    async def fetched(self, url: str) -> bytes:
        place, _, ticket = url.partition("?t=")
        found = await self.files.fetch(place.rpartition("/")[2], ticket)
        return b"".join([piece async for piece in found.pieces(0, found.size)])

    def kept(self) -> list[Path]:
        return [each for each in self.folder.rglob("*") if each.is_file()]
