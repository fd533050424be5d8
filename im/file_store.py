"""What files need: their rows, where their bytes are, and who makes pictures safe."""

from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from im.attached import Attached
from im.store import HasConversations


class Files(Protocol):
    """Rows of files inside one transaction."""

    async def open_of(self, owner: str, *, at: datetime) -> int:
        """How many uploads of somebody are awaited and not over."""

    def add(self, file: Attached) -> None:
        """Queue a new one."""

    async def find(self, file: str) -> Attached | None:
        """One as it is."""

    async def hold(self, files: Sequence[str]) -> Sequence[Attached]:
        """These, locked by ascending id; those that are not there are left out."""

    def keep(self, file: Attached) -> None:
        """Queue its new state."""

    async def shown(self, conversation: str, files: Sequence[str]) -> Sequence[Attached]:
        """Those of a conversation that have bytes and whose message was not taken back."""

    async def of_conversation(self, conversation: str, *, after: str, limit: int) -> Sequence[Attached]:
        """Sent files of a conversation, by id."""

    async def lapsed(self, *, at: datetime, limit: int) -> Sequence[Attached]:
        """Those that nothing happened to in time, the longest over first."""

    def drop(self, file: str) -> None:
        """Queue that it is forgotten, and with it the key that opens its bytes."""

    async def hand_over(self, source: str, target: str) -> None:
        """Give all that one account brought to another."""

    async def blobs_known(self, blobs: Collection[str]) -> set[str]:
        """Which of these names belong to a row; at most ``FILE_SWEEP_AT_ONCE``."""


class HasFiles(Protocol):
    """A transaction that knows files."""

    @property
    def files(self) -> Files:
        """The files."""


class FileUnit(HasConversations, HasFiles, Protocol):
    """One transaction: everything in it happens, or nothing."""

    async def commit(self) -> None:
        """Make it true. Leaving the unit without this undoes everything."""


class FileUnits(Protocol):
    """Makes transactions."""

    def begin(self) -> AbstractAsyncContextManager[FileUnit]:
        """A transaction that may write."""

    def read(self) -> AbstractAsyncContextManager[FileUnit]:
        """One moment of the database."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A name in the store of bytes, and since when it is there."""

    name: str
    at: datetime


class Blobs(Protocol):
    """Named bytes, written once. Everything raises ``FilesAway`` when the store does not answer."""

    async def put(self, name: str, content: bytes) -> None:
        """Keep them; when it returns they are there for everybody, whole."""

    async def read(self, name: str, start: int, length: int) -> bytes:
        """A part, fewer bytes at the end. Raises ``KeyError`` for a name that is not there."""

    async def drop(self, name: str) -> None:
        """Forget them; nothing happens where they are not."""

    async def names(self, *, after: str, limit: int) -> Sequence[Stored]:
        """What is there, by name, behind one."""

    async def answers(self) -> None:
        """Make one trip to the store."""


class Vault(Protocol):
    """Seals a file's bytes under a key that only this file has, so that any part opens by itself."""

    def new_key(self) -> str:
        """A key, as text."""

    def seal(self, key: str, content: bytes, *, form: str) -> bytes:
        """The bytes as they are kept. A key seals each ``form`` once."""

    def place(self, start: int, stop: int, size: int) -> tuple[int, int]:
        """Where ``content[start:stop]`` of ``size`` bytes is inside the sealed ones: first byte and count."""

    def open(self, key: str, part: bytes, *, form: str, start: int, stop: int, size: int) -> bytes:
        """``content[start:stop]`` out of the part that ``place`` named.

        Raises ``core.sealing.SealBroken``.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture made anew from its pixels: nothing of where, when and with what it was taken is in it."""

    media_type: str
    content: bytes = field(repr=False)
    width: int
    height: int
    thumbnail: bytes = field(repr=False)
    """JPEG."""


class Darkroom(Protocol):
    """Makes pictures safe to keep and to show."""

    async def develop(self, content: bytes) -> Picture:
        """The picture, turned upright. Raises ``ValueError`` for bytes that are none, or too many pixels."""
