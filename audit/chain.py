"""The hash chain: each record is bound to its number and to everything before it.

The hash of a link is taken over its canonical bytes, one JSON array:

    [sequence, previous hash in hex, algorithm,
     at_us, actor, role, address, action, object, result, code, facts]

in UTF-8 without spaces or line breaks. An export holds exactly these bytes, so whoever has it can check the
chain with any JSON reader and any implementation of the hash (docs/audit.md).
"""

import hashlib
from collections.abc import Sequence
from typing import Literal

import msgspec
from cryptography.hazmat.primitives import hashes

from audit.record import Record, Result

Algorithm = Literal["sha256", "sm3"]

GENESIS = bytes(32)
"""What stands before the first record of all."""

_JSON = msgspec.json.Encoder()


class Link(msgspec.Struct, frozen=True, gc=False):
    """A record in its place."""

    sequence: int
    """From 1, without gaps."""
    previous: bytes
    hash: bytes
    algorithm: str
    record: Record


class Tip(msgspec.Struct, frozen=True, gc=False):
    """The newest link, as far as the next one must know it."""

    sequence: int = 0
    hash: bytes = GENESIS


def canonical(sequence: int, previous: bytes, algorithm: str, record: Record) -> bytes:
    """What the hash is taken over."""
    return _JSON.encode(
        (
            sequence,
            previous.hex(),
            algorithm,
            record.at_us,
            record.actor,
            record.role,
            record.address,
            record.action,
            record.object,
            record.result,
            record.code,
            record.facts,
        )
    )


def digest(algorithm: str, text: bytes) -> bytes:
    """32 bytes. Raises ``ValueError`` for an algorithm that is none of ours."""
    if algorithm == "sha256":
        return hashlib.sha256(text).digest()
    if algorithm == "sm3":
        whole = hashes.Hash(hashes.SM3())
        whole.update(text)
        return whole.finalize()
    raise ValueError("no such hash")


def extend(tip: Tip, records: Sequence[Record], *, algorithm: Algorithm) -> list[Link]:
    """The links that follow the tip, in the order of the records."""
    links = []
    sequence, previous = tip.sequence, tip.hash
    for record in records:
        sequence += 1
        found = digest(algorithm, canonical(sequence, previous, algorithm, record))
        links.append(Link(sequence, previous, found, algorithm, record))
        previous = found
    return links


def holds(link: Link, *, sequence: int | None = None) -> bool:
    """Whether a link's hash is that of its content; ``sequence``: if it stood there instead."""
    number = link.sequence if sequence is None else sequence
    try:
        found = digest(link.algorithm, canonical(number, link.previous, link.algorithm, link.record))
    except ValueError:
        return False
    return found == link.hash


def line_of(link: Link) -> bytes:
    """The link as one line of an export: its hash in hex, a space, its canonical bytes."""
    text = canonical(link.sequence, link.previous, link.algorithm, link.record)
    return link.hash.hex().encode() + b" " + text + b"\n"


_Line = tuple[int, str, str, int, str, str, str, str, str, Result, str, str]


def link_of(line: bytes) -> Link:
    """The link of a line. Raises ``ValueError`` for what is no such line."""
    found, _, text = line.rstrip(b"\n").partition(b" ")
    try:
        sequence, previous, algorithm, *fields = msgspec.json.decode(text, type=_Line)
        names = Record.__struct_fields__
        record = Record(**dict(zip(names, fields, strict=True)))
        return Link(sequence, bytes.fromhex(previous), bytes.fromhex(found.decode()), algorithm, record)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError("not a line of an export") from error
