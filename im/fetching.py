"""A file on its way to whoever may have it, opened piece by piece."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from core import limits
from im import refusals
from im.attached import Kept
from im.file_store import Blobs, Vault
from im.tickets import Form


class Pieces:
    """One file's bytes as they are opened."""

    def __init__(self, blobs: Blobs, vault: Vault, kept: Kept, *, form: Form, size: int) -> None:
        self._blobs = blobs
        self._vault = vault
        self._key = kept.key
        self._name = kept.blob if form == "o" else f"{kept.blob}.t"
        self._form = form
        self._size = size

    async def between(self, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """``content[start:stop]``, in pieces that fit a bounded read."""
        step = limits.FILE_READ_CHUNKS * limits.FILE_CHUNK_BYTES
        while start < stop:
            upto = min(stop, (start // step + 1) * step)
            first, count = self._vault.place(start, upto, self._size)
            try:
                part = await self._blobs.read(self._name, first, count)
            except KeyError:
                raise refusals.NoSuchFile() from None
            yield self._vault.open(self._key, part, form=self._form, start=start, stop=upto, size=self._size)
            start = upto


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that may be fetched: what it is, and its bytes piece by piece."""

    media_type: str
    size: int
    name: str
    tag: str
    """Changes whenever the bytes would."""
    _pieces: Pieces

    def pieces(self, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """``content[start:stop]``. Raises ``FilesAway``, ``NoSuchFile`` and ``core.sealing.SealBroken``."""
        return self._pieces.between(start, stop)
