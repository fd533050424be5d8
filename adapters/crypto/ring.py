"""The key ring: data keys, wrapped by a master key that lies elsewhere.

The file is JSON, so that who keeps a backup can see what it is; keys in it are sealed by keys derived from
the master key, and each is bound to its id, purpose and algorithm, so that none can stand in for another.
The newest data key seals, all open. There is one index key: another one would find nothing of before.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from adapters.crypto.ciphers import NONCE_BYTES, Cipher, DoesNotOpen
from adapters.crypto.suites import Suite
from core.ids import RandomBytes

ID_BYTES = 4
INDEX_BYTES = 32


class RingBroken(Exception):
    """The ring cannot be read, or was not made with this master key. The text names no key."""


@dataclass(frozen=True, slots=True)
class DataKey:
    """One key that seals fields."""

    id: bytes
    suite: Suite
    made: datetime
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class IndexKey:
    """The key from which every blind index has its own."""

    suite: Suite
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ring:
    """Every key, oldest first."""

    data: tuple[DataKey, ...]
    index: IndexKey

    @property
    def newest(self) -> DataKey:
        """The one that seals."""
        return self.data[-1]

    def turned(self, suite: Suite, *, at: datetime, random: RandomBytes) -> "Ring":
        """The same with a new key to seal with."""
        return Ring((*self.data, _data_key(suite, at=at, random=random)), self.index)


def new_ring(suite: Suite, *, at: datetime, random: RandomBytes) -> Ring:
    """The ring of a first start."""
    return Ring((_data_key(suite, at=at, random=random),), IndexKey(suite, random(INDEX_BYTES)))


def _data_key(suite: Suite, *, at: datetime, random: RandomBytes) -> DataKey:
    return DataKey(random(ID_BYTES), suite, at, random(suite.algorithms.fields.key_bytes))


class _Wrapped(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    purpose: str
    algorithm: str
    made: datetime | None
    key: str


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    houzhen_keys: int
    keys: tuple[_Wrapped, ...]


_FORMAT = 1
_DATA, _INDEX = "data", "index"


def write_ring(ring: Ring, *, master: bytes, random: RandomBytes) -> bytes:
    """The ring as its file holds it."""
    keys = [
        _wrap(ring.index.key, "index", _INDEX, ring.index.suite, None, master=master, random=random),
        *(
            _wrap(each.key, each.id.hex(), _DATA, each.suite, each.made, master=master, random=random)
            for each in ring.data
        ),
    ]
    return msgspec.json.format(msgspec.json.encode(_File(_FORMAT, tuple(keys))), indent=2) + b"\n"


def read_ring(content: bytes, *, master: bytes) -> Ring:
    """The ring in a file's bytes. Raises ``RingBroken``."""
    try:
        file = msgspec.json.decode(content, type=_File)
    except msgspec.MsgspecError:
        raise RingBroken("is no key ring") from None
    if file.houzhen_keys != _FORMAT:
        raise RingBroken(f"has format {file.houzhen_keys}; this version reads {_FORMAT}")
    data = tuple(_data_keys(file, master))
    index = [_index_key(each, master) for each in file.keys if each.purpose == _INDEX]
    if not data or len(index) != 1 or len({key.id for key in data}) < len(data):
        raise RingBroken("lacks a key, or has one twice")
    return Ring(data, index[0])


def _data_keys(file: _File, master: bytes) -> Iterator[DataKey]:
    names = {suite.algorithms.sealing: suite for suite in Suite}
    for each in file.keys:
        if each.purpose != _DATA:
            continue
        suite = names.get(each.algorithm)
        if suite is None or each.made is None or len(each.id) != 2 * ID_BYTES:
            raise RingBroken("holds a key of no known kind")
        yield DataKey(bytes.fromhex(each.id), suite, each.made, _unwrap(each, suite, master))


def _index_key(wrapped: _Wrapped, master: bytes) -> IndexKey:
    suite = {suite.algorithms.index: suite for suite in Suite}.get(wrapped.algorithm)
    if suite is None:
        raise RingBroken("holds a key of no known kind")
    return IndexKey(suite, _unwrap(wrapped, suite, master))


def _wrap(
    key: bytes,
    name: str,
    purpose: str,
    suite: Suite,
    made: datetime | None,
    *,
    master: bytes,
    random: RandomBytes,
) -> _Wrapped:
    algorithms = suite.algorithms
    algorithm = algorithms.sealing if purpose == _DATA else algorithms.index
    nonce = random(NONCE_BYTES)
    sealed = _wrapping(suite, master).seal(key, nonce=nonce, bound_to=_label(name, purpose, algorithm))
    return _Wrapped(name, purpose, algorithm, made, (nonce + sealed).hex())


def _unwrap(wrapped: _Wrapped, suite: Suite, master: bytes) -> bytes:
    try:
        raw = bytes.fromhex(wrapped.key)
        return _wrapping(suite, master).open(
            raw[NONCE_BYTES:],
            nonce=raw[:NONCE_BYTES],
            bound_to=_label(wrapped.id, wrapped.purpose, wrapped.algorithm),
        )
    except (DoesNotOpen, ValueError):
        raise RingBroken("was not made with this master key, or was altered") from None


def _label(name: str, purpose: str, algorithm: str) -> bytes:
    return f"houzhen|{purpose}|{name}|{algorithm}".encode()


def _wrapping(suite: Suite, master: bytes) -> Cipher:
    """The cipher that wraps this suite's keys: its key is derived, for SM4 takes a shorter one."""
    parts = suite.algorithms
    derived = parts.keyed_hash(master, b"houzhen|wrapping|" + parts.sealing.encode())
    return parts.wrapping(derived[: parts.wrapping.key_bytes])
