"""``core.sealing.Sealing``: fields sealed under the newest key, opened under whichever sealed them.

A sealed value:

    byte  0        1          2 … 5    6 … 17   18 …          last 16
          format   suite      key id   nonce    ciphertext    tag

bound by its associated data to ``table|column|row``. Length is not hidden: a name of two characters is as
long as any other of two.
"""

import os
from datetime import datetime
from typing import Protocol

import structlog

from adapters.crypto.ciphers import NONCE_BYTES, TAG_BYTES, Cipher, DoesNotOpen
from adapters.crypto.key_files import KeysMissing, Stamp
from adapters.crypto.ring import ID_BYTES, Ring
from adapters.crypto.suites import Suite
from core import limits
from core.clock import Clock
from core.ids import RandomBytes
from core.sealing import SealBroken

log = structlog.get_logger()

FORMAT = 1
BLIND_BYTES = 16
_HEAD_BYTES = 2 + ID_BYTES
_LEAST_BYTES = _HEAD_BYTES + NONCE_BYTES + TAG_BYTES


class Rings(Protocol):
    """Where the ring is kept (``KeyFiles``)."""

    def open(self, suite: Suite, *, at: datetime) -> Ring:
        """The ring, made if there was none."""

    def read(self) -> Ring:
        """The ring as it is now. Raises ``KeysMissing``."""

    def stamp(self) -> Stamp | None:
        """Changes whenever the ring does."""


class FieldSealing:
    """Seals, opens and finds fields; learns of a new key by itself, within seconds or at the first need."""

    def __init__(self, rings: Rings, *, suite: Suite, clock: Clock, random: RandomBytes = os.urandom) -> None:
        """Raises ``KeysMissing``. ``suite`` is that of a first start; later the ring says it."""
        self._rings = rings
        self._clock = clock
        self._random = random
        self._blinds: dict[tuple[str, str], bytes] = {}
        self._stamp = rings.stamp()
        self._use(rings.open(suite, at=clock.now()))
        self._look_again = clock.monotonic() + limits.KEY_RING_LOOK_SECONDS
        self._read_again = clock.monotonic()

    def seal(self, text: str, *, table: str, column: str, row: str) -> bytes:
        self._look()
        nonce = self._random(NONCE_BYTES)
        bound_to = _place(table, column, row)
        return self._head + nonce + self._newest.seal(_bytes(text), nonce=nonce, bound_to=bound_to)

    def open(self, sealed: bytes, *, table: str, column: str, row: str) -> str:
        if len(sealed) < _LEAST_BYTES or sealed[0] != FORMAT:
            raise SealBroken
        head, nonce = sealed[:_HEAD_BYTES], sealed[_HEAD_BYTES : _HEAD_BYTES + NONCE_BYTES]
        cipher = self._ciphers.get(head) or self._learnt(head)
        try:
            plain = cipher.open(
                sealed[_HEAD_BYTES + NONCE_BYTES :], nonce=nonce, bound_to=_place(table, column, row)
            )
        except DoesNotOpen:
            raise SealBroken from None
        return plain.decode("utf-8", "surrogatepass")

    def blind(self, value: str, *, table: str, column: str) -> bytes:
        hashed = self._hash
        key = self._blinds.get((table, column))
        if key is None:
            label = _place(table, column, "")
            key = self._blinds[table, column] = hashed(self._index, b"houzhen|blind|" + label)
        return hashed(key, _bytes(value))[:BLIND_BYTES]

    @property
    def newest(self) -> bytes:
        """How values under the newest key begin; other values do not."""
        return self._head

    def _look(self) -> None:
        """Now and then see whether another process turned the ring."""
        now = self._clock.monotonic()
        if now >= self._look_again:
            self._reload(now)

    def _learnt(self, head: bytes) -> Cipher:
        """The cipher of a key that is new here. Costs a look at the file, and a reading if it has changed."""
        now = self._clock.monotonic()
        if now >= self._read_again:
            self._reload(now)
        found = self._ciphers.get(head)
        if found is None:
            raise SealBroken
        return found

    def _reload(self, now: float) -> None:
        self._look_again = now + limits.KEY_RING_LOOK_SECONDS
        stamp = self._rings.stamp()
        if stamp == self._stamp:
            return
        try:
            self._use(self._rings.read())
        except KeysMissing as missing:
            # What was read before is still good; values of a newer key will not open.
            log.error("keys.not_read", why=str(missing))
            self._read_again = self._look_again
            return
        self._stamp = stamp

    def _use(self, ring: Ring) -> None:
        ciphers = {
            bytes((FORMAT, key.suite.value)) + key.id: key.suite.algorithms.fields(key.key)
            for key in ring.data
        }
        self._ciphers: dict[bytes, Cipher] = ciphers
        self._head = bytes((FORMAT, ring.newest.suite.value)) + ring.newest.id
        self._newest = ciphers[self._head]
        self._hash = ring.index.suite.algorithms.keyed_hash
        self._index = ring.index.key


def _place(table: str, column: str, row: str) -> bytes:
    """The place of a value as one text: names have no ``|``, so no two places have the same."""
    if "|" in table or "|" in column:
        raise ValueError("the name of a table or column has a bar in it")
    return _bytes(f"{table}|{column}|{row}")


def _bytes(text: str) -> bytes:
    """Any text, also one that JSON carried with half a surrogate pair."""
    return text.encode("utf-8", "surrogatepass")
