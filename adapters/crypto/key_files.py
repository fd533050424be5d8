"""Where keys lie: the ring in one file, the master key that opens it in another.

Both are made at first start, readable by the server's user only. Whoever has one of the two has nothing, so
the two belong into different backups. One without the other is never replaced: what it sealed would be lost.
"""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from adapters.crypto.ring import Ring, RingBroken, new_ring, read_ring, write_ring
from adapters.crypto.suites import Suite
from core.ids import RandomBytes

MASTER_BYTES = 32

Stamp = tuple[int, int, int]
"""Changes whenever the file is replaced."""


class KeysMissing(Exception):
    """One of the two files is not there, cannot be read, or does not fit the other; the text says which."""


class KeyFiles:
    """The two files of one platform. Every web process, worker and command uses the same ones."""

    def __init__(self, *, ring: Path, master: Path, random: RandomBytes = os.urandom) -> None:
        self._ring = ring
        self._master = master
        self._random = random

    def open(self, suite: Suite, *, at: datetime) -> Ring:
        """Read the ring; at first start, when neither file is there, make both. Raises ``KeysMissing``.

        Two processes starting at once agree: the second waits and reads what the first made.
        """
        if not (self._ring.exists() and self._master.exists()):
            with self._locked():
                self._make(suite, at)
        return self.read()

    @property
    def are_not_made(self) -> bool:
        """Whether neither file is there: a first start, or both are lost. Who has the database can tell."""
        return not (self._ring.exists() or self._master.exists())

    def read(self) -> Ring:
        """The ring as it is now. Raises ``KeysMissing``."""
        try:
            return read_ring(self._ring.read_bytes(), master=self._read_master())
        except OSError as error:
            raise KeysMissing(f"{self._ring.name} cannot be read ({error.strerror})") from None
        except RingBroken as broken:
            raise KeysMissing(f"{self._ring.name} {broken}") from None

    def turn(self, suite: Suite, *, at: datetime) -> Ring:
        """Add a key, which seals from now on in every process. Raises ``KeysMissing``."""
        with self._locked():
            ring = self.read().turned(suite, at=at, random=self._random)
            draft = self._draft(self._ring, self._written(ring, self._read_master()))
            draft.replace(self._ring)
            _sync_folder(self._ring.parent)
        return ring

    def stamp(self) -> Stamp | None:
        """What tells one version of the ring's file from another; ``None`` while there is none."""
        try:
            found = self._ring.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino, found.st_size

    def _make(self, suite: Suite, at: datetime) -> None:
        here = [file for file in (self._ring, self._master) if file.exists()]
        if len(here) == 2:
            return
        if here:
            lost = self._master if here == [self._ring] else self._ring
            raise KeysMissing(
                f"{here[0].name} is there and {lost.name} is not: bring it back from its backup"
                f" (only if nothing was ever stored, delete {here[0].name} and start again)"
            )
        master = self._random(MASTER_BYTES)
        self._master.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._draft(self._master, master.hex().encode()).rename(self._master)
        ring = new_ring(suite, at=at, random=self._random)
        self._draft(self._ring, self._written(ring, master)).rename(self._ring)
        _sync_folder(self._ring.parent)
        _sync_folder(self._master.parent)

    def _written(self, ring: Ring, master: bytes) -> bytes:
        return write_ring(ring, master=master, random=self._random)

    def _read_master(self) -> bytes:
        try:
            master = bytes.fromhex(self._master.read_text("ascii").strip())
        except OSError as error:
            raise KeysMissing(f"{self._master.name} cannot be read ({error.strerror})") from None
        except ValueError:
            raise KeysMissing(f"{self._master.name} holds no key") from None
        if len(master) != MASTER_BYTES:
            raise KeysMissing(f"{self._master.name} holds no key of {MASTER_BYTES} bytes")
        return master

    def _draft(self, file: Path, content: bytes) -> Path:
        """The content beside its place, on the disk, so that the file only ever appears whole."""
        draft = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        return draft

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """One process at a time makes or turns keys. The lock ends with its holder."""
        self._ring.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = self._ring.with_name(f"{self._ring.name}.lock")
        with os.fdopen(os.open(lock, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
