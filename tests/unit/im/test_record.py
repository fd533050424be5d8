"""A record is checked without us, and whatever is done to it is found and named."""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
import pytest

from core.clock import CHINA
from im.chain import FIRST, Link, commitment, digest, sealed_text
from im.record import Finding, Record, What, microseconds, record_of, verify
from im.recording import encoded
from im.store import Row

NOON = datetime(2026, 11, 23, 12, 0, 0, 123_456, tzinfo=CHINA)


def rows(count: int = 5) -> list[Row]:
    made, before = [], FIRST
    for seq in range(1, count + 1):
        body, salt = b'{"type":"text","text":"%d"}' % seq, bytes([seq]) * 16
        sender = "u1" if seq % 2 else "doctor.li"
        link = Link(
            conversation="c1",
            seq=seq,
            id=f"m{seq}",
            sender=sender,
            role="patient" if seq % 2 else "doctor",
            type="text",
            created_us=microseconds(NOON),
            ref_seq=None,
            commitment=commitment(salt, body),
        )
        before = digest(before, link)
        made.append(
            Row(
                conversation="c1",
                seq=seq,
                id=link.id,
                sender=sender,
                role=link.role,
                cid=f"cid-{seq:05}",
                type="text",
                body=sealed_text(salt, body),
                ref_seq=None,
                recalled=seq == 4,
                created_at=NOON,
                commitment=link.commitment,
                digest=before,
            )
        )
    return made


def a_record(reader: str | None = None) -> Record:
    made = rows()
    return record_of("c1", made, head=made[-1].digest, facts={}, at=NOON, reader=reader)


Plain = dict[str, Any]


def edit(it: Plain) -> None:
    it["entries"][2]["body"] = it["entries"][2]["body"].replace("3", "8")


def sign_anew(it: Plain) -> None:
    """Body and commitment fit each other again, the digest does not."""
    edit(it)
    entry = it["entries"][2]
    entry["commitment"] = hashlib.sha256(bytes.fromhex(entry["salt"]) + entry["body"].encode()).hexdigest()


def change_sender(it: Plain) -> None:
    it["entries"][1]["sender"] = "u1"


def remove(it: Plain) -> None:
    del it["entries"][2]


def swap(it: Plain) -> None:
    it["entries"][1], it["entries"][2] = it["entries"][2], it["entries"][1]


def cut(it: Plain) -> None:
    del it["entries"][-1]


@pytest.mark.parametrize(
    ("harm", "found"),
    [
        (lambda it: None, set()),
        (edit, {Finding(3, What.EDITED)}),
        (sign_anew, {Finding(3, What.REPLACED)}),
        (change_sender, {Finding(2, What.REPLACED)}),
        (remove, {Finding(3, What.MISSING), Finding(4, What.REPLACED)}),
        (cut, {Finding(5, What.TRUNCATED)}),
    ],
)
def test_each_harm_is_found_and_named(harm: Callable[[Plain], None], found: set[Finding]) -> None:
    it = json.loads(encoded(a_record()))
    harm(it)
    assert set(verify(msgspec.convert(it, Record))) == found


def with_picture(body: str, listed: list[dict[str, object]] | None) -> Record:
    """A record of one message with a picture."""
    link = Link(
        conversation="c1",
        seq=1,
        id="m1",
        sender="u1",
        role="patient",
        type="image",
        created_us=microseconds(NOON),
        ref_seq=None,
        commitment=commitment(bytes(16), body.encode()),
    )
    row = Row(
        conversation="c1",
        seq=1,
        id="m1",
        sender="u1",
        role="patient",
        cid="cid-00001",
        type="image",
        body=sealed_text(bytes(16), body.encode()),
        ref_seq=None,
        recalled=False,
        created_at=NOON,
        commitment=link.commitment,
        digest=digest(FIRST, link),
    )
    facts = {} if listed is None else {"files": listed}
    return record_of("c1", [row], head=row.digest, facts=facts, at=NOON)


ONE, TWO = "1" * 64, "2" * 64
SAID = f'{{"type":"image","files":["f1","f2"],"text":"","sha256":["{ONE}","{TWO}"]}}'
F1: dict[str, object] = {"file": "f1", "seq": 1, "sha256": ONE}
F2: dict[str, object] = {"file": "f2", "seq": 1, "sha256": TWO}


@pytest.mark.parametrize(
    ("body", "listed", "sound"),
    [
        (SAID, [F1, F2], True),
        (SAID, [F1, F2 | {"sha256": ONE}], False),
        (SAID, [F1 | {"sha256": TWO}, F2 | {"sha256": ONE}], False),
        (SAID, [F1], False),
        (SAID, [F1, F2 | {"seq": 2}], False),
        # A record without a list says nothing of files; a message of before commits to names alone.
        (SAID, None, True),
        ('{"type":"image","files":["f1"],"text":""}', [F1 | {"sha256": TWO}], True),
    ],
)
def test_a_file_that_is_not_the_one_that_was_sent_is_found(
    body: str, listed: list[dict[str, object]] | None, sound: bool
) -> None:
    assert verify(with_picture(body, listed)) == ([] if sound else [Finding(1, What.FILE)])


def test_messages_that_changed_places_are_found() -> None:
    it = json.loads(encoded(a_record()))
    swap(it)
    assert {each.what for each in verify(msgspec.convert(it, Record))} == {What.MISSING, What.REPLACED}


def test_what_another_took_back_is_withheld_and_the_chain_holds() -> None:
    theirs, own = a_record("u1"), a_record("doctor.li")
    assert [(each.recalled, each.withheld) for each in theirs.entries] == [
        *[(False, False)] * 3,
        (True, True),
        (False, False),
    ]
    assert theirs.entries[3].body == theirs.entries[3].salt == ""
    assert own.entries[3].body
    assert verify(theirs) == verify(own) == []


def test_an_expert_needs_nothing_of_ours() -> None:
    it = json.loads(encoded(a_record()))
    before = bytes(32)
    for each in it["entries"]:
        committed = hashlib.sha256(bytes.fromhex(each["salt"]) + each["body"].encode()).hexdigest()
        fields = [it["conversation"], each["seq"], each["id"], each["sender"], each["role"], each["type"]]
        fields += [each["created_us"], each["ref_seq"], committed]
        text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
        before = hashlib.sha256(before + text.encode()).digest()
        assert before.hex() == each["digest"]
    assert before.hex() == it["head"]
