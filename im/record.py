"""The record of one conversation: every message with what proves it, as JSON that anybody can check. Pure.

A record holds the salts, so the commitment to each body can be computed again, and from the commitments the
chain (``im.chain``). ``verify`` names what was edited, removed, put in between, reordered or cut off; it
needs nothing but SHA-256 and canonical JSON, so a court's expert can write it anew in thirty lines.

What somebody else took back is withheld (it may have been meant for another patient): its commitment stays,
so the chain can be checked all the same.
"""

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from im.chain import FIRST, Link, commitment, digest, opened_text
from im.store import Row


class What(enum.StrEnum):
    """What is wrong with a message."""

    EDITED = "edited"
    """Its body is not the one that was committed to."""
    REPLACED = "replaced"
    """Its own fields, or its place, are not what its digest was taken over."""
    MISSING = "missing"
    """A number is not there."""
    TRUNCATED = "truncated"
    """The end is not the newest link that the conversation knows."""
    FILE = "file"
    """A file that the record lists is not the one that was committed to, or is not listed."""
    UNREADABLE = "unreadable"
    """Its seal is broken: it was altered or moved."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing that is wrong, and where."""

    seq: int
    what: What


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One message as it is recorded. ``body`` is exactly the text that was committed to."""

    seq: int
    id: str
    sender: str
    role: str
    type: str
    created_us: int
    ref_seq: int | None
    recalled: bool
    withheld: bool = False
    """Taken back by somebody else: no salt and no body here."""
    salt: str
    body: str
    commitment: str
    digest: str


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A whole conversation. ``head`` is the newest digest, ``facts`` what it was about."""

    form: str = "houzhen.conversation.1"
    conversation: str
    exported_at: datetime
    facts: dict[str, Any]
    head: str
    entries: list[Entry]


FILED = frozenset({"image", "voice", "file"})
"""Types of messages that hold files."""


class _Filed(msgspec.Struct, frozen=True):
    """What a body with files says of them."""

    files: list[str] = []
    file: str = ""
    sha256: list[str] = []


def record_of(
    conversation: str,
    rows: Sequence[Row],
    *,
    head: bytes,
    facts: dict[str, Any],
    at: datetime,
    reader: str | None = None,
) -> Record:
    """The record of these messages, ascending; for a ``reader`` without what others took back."""
    return Record(
        conversation=conversation,
        exported_at=at,
        facts=facts,
        head=head.hex(),
        entries=[_entry(row, reader) for row in rows],
    )


def verify(record: Record) -> list[Finding]:
    """Everything that is wrong; empty: it is the conversation as it was."""
    found: list[Finding] = []
    before, expected = FIRST, 1
    for entry in record.entries:
        if entry.seq != expected:
            found.append(Finding(min(entry.seq, expected), What.MISSING))
        expected = entry.seq + 1
        if not entry.withheld and not _committed(entry):
            found.append(Finding(entry.seq, What.EDITED))
        link = Link(
            conversation=record.conversation,
            seq=entry.seq,
            id=entry.id,
            sender=entry.sender,
            role=entry.role,
            type=entry.type,
            created_us=entry.created_us,
            ref_seq=entry.ref_seq,
            commitment=_bytes(entry.commitment),
        )
        if digest(before, link).hex() != entry.digest:
            found.append(Finding(entry.seq, What.REPLACED))
        before = _bytes(entry.digest)
    found += _files(record)
    if before.hex() != record.head:
        found.append(Finding(expected, What.TRUNCATED))
    return sorted(set(found))


def _files(record: Record) -> Iterator[Finding]:
    """Files whose listed digest is not the committed one. Older messages commit to names alone."""
    if "files" not in record.facts:
        return
    listed = {(each["file"], each["seq"]): each["sha256"] for each in record.facts["files"]}
    for entry in record.entries:
        if entry.type not in FILED or entry.withheld:
            continue
        try:
            body = msgspec.json.decode(entry.body, type=_Filed)
        except msgspec.MsgspecError:
            continue  # found as edited already
        names = body.files or [body.file]
        committed = dict(zip(names, body.sha256, strict=False))
        if any(listed.get((name, entry.seq)) != sha256 for name, sha256 in committed.items()):
            yield Finding(entry.seq, What.FILE)


def _entry(row: Row, reader: str | None) -> Entry:
    withheld = reader is not None and row.recalled and row.sender != reader
    salt, body = opened_text(row.body) if row.body and not withheld else (b"", b"")
    return Entry(
        seq=row.seq,
        id=row.id,
        sender=row.sender,
        role=row.role,
        type=row.type,
        created_us=microseconds(row.created_at),
        ref_seq=row.ref_seq,
        recalled=row.recalled,
        withheld=withheld,
        salt=salt.hex(),
        body=body.decode(),
        commitment=row.commitment.hex(),
        digest=row.digest.hex(),
    )


def _committed(entry: Entry) -> bool:
    return commitment(_bytes(entry.salt), entry.body.encode()).hex() == entry.commitment


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


def microseconds(at: datetime) -> int:
    """UTC microseconds since 1970, exactly."""
    return int(at.timestamp()) * 1_000_000 + at.microsecond
