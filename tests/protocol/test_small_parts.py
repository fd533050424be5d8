"""The small parts on their own: outbox, wheel, WebSocket frames, channel names, tokens."""

import os
import uuid
from datetime import datetime, timedelta

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import limits
from core.actor import Actor, Role
from core.clock import CHINA
from core.ids import LineId, ScreenId, new_uuid
from realtime import websocket
from realtime.channels import BadChannel, UnknownChannel, houzhen_channels
from realtime.frames import field_of
from realtime.outbox import Outbox
from realtime.tokens import Grant, HmacTokens, Identity, TokenExpired, TokenInvalid
from realtime.wheel import Wheel

NOON = datetime(2026, 11, 23, 12, tzinfo=CHINA)
MORNING = datetime(2026, 11, 23, 8, 0, 0, 123_457, tzinfo=CHINA)
SECRET = b"a secret of at least thirty-two bytes"

# Outbox.


def drained(outbox: Outbox, up_to: int = 1) -> list[bytes]:
    frames = []
    while frame := outbox.take(up_to=up_to):
        frames.append(frame)
    assert (len(outbox), outbox.size) == (0, 0)
    return frames


def test_frames_leave_in_order() -> None:
    outbox = Outbox(bound=100)
    assert all(outbox.offer(frame) for frame in (b"a", b"b", b"c"))
    assert drained(outbox) == [b"a", b"b", b"c"]


def test_several_frames_leave_as_one_piece() -> None:
    outbox = Outbox(bound=100)
    for frame in (b"aa", b"bb", b"cc"):
        outbox.offer(frame)
    assert outbox.take(up_to=5) == b"aabb"
    assert outbox.take(up_to=5) == b"cc"


def test_a_newer_snapshot_replaces_the_older_and_goes_to_the_end() -> None:
    outbox = Outbox(bound=100)
    outbox.offer(b"A57", key="A")
    outbox.offer(b"B58", key="B")
    outbox.offer(b"reply")
    outbox.offer(b"A59", key="A")
    assert outbox.size == len(b"B58replyA59")
    assert drained(outbox) == [b"B58", b"reply", b"A59"]


def test_a_full_box_refuses_and_keeps_what_it_has() -> None:
    outbox = Outbox(bound=10)
    assert outbox.offer(b"x" * 10, key="A")
    assert not outbox.offer(b"y")
    assert outbox.offer(b"z" * 10, key="A")
    assert drained(outbox) == [b"z" * 10]


def test_one_frame_larger_than_the_bound_may_leave_alone() -> None:
    outbox = Outbox(bound=10)
    assert outbox.offer(b"x" * 50)
    assert not outbox.offer(b"y")


@given(
    st.lists(st.tuples(st.sampled_from([None, "A", "B", "C"]), st.integers(1, 9), st.booleans()), max_size=60)
)
@settings(max_examples=40, deadline=None, database=None)
def test_offsets_ascend_and_every_hole_is_superseded(steps: list[tuple[str | None, int, bool]]) -> None:
    outbox, taken = Outbox(bound=10_000), []
    offered = []
    for offset, (key, size, take) in enumerate(steps):
        frame = b"%06d" % offset + b"." * size
        offered.append((offset, key))
        assert outbox.offer(frame, key=key)
        if take:
            taken.append(int(outbox.take(up_to=1)[:6]))
    taken += [int(frame[:6]) for frame in drained(outbox)]
    assert taken == sorted(taken)
    for offset, key in offered:
        assert offset in taken or (key and any(later > offset and other == key for later, other in offered))


# Wheel.


def test_deadlines_fire_once_in_order_and_not_early() -> None:
    wheel: Wheel[str] = Wheel(tick_seconds=0.25)
    wheel.put("b", 10.0)
    wheel.put("a", 1.0)
    gone = wheel.put("c", 2.0)
    wheel.remove("c", gone)
    wheel.remove("c", gone)
    assert wheel.turn(0.9) == []
    assert wheel.turn(1.3) == ["a"]
    assert len(wheel) == 1
    assert wheel.turn(1_000_000.0) == ["b"]
    wheel.put("late", 5.0)
    assert wheel.turn(1_000_000.3) == ["late"]
    assert len(wheel) == 0


def test_an_id_of_a_client_is_a_random_uuid() -> None:
    for _ in range(20):
        made = new_uuid(os.urandom)
        assert str(uuid.UUID(made)) == made
        assert (uuid.UUID(made).version, uuid.UUID(made).variant) == (4, uuid.RFC_4122)


# WebSocket.


def masked(opcode: int, payload: bytes, *, final: bool = True, mask: bytes = b"\x12\x34\x56\x78") -> bytes:
    size = len(payload)
    head = bytes([(0x80 if final else 0) | opcode])
    if size < 126:
        head += bytes([0x80 | size])
    elif size < 65_536:
        head += bytes([0x80 | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([0x80 | 127]) + size.to_bytes(8, "big")
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


def fed(*pieces: bytes, bound: int = 65_536) -> list[websocket.Event]:
    decoder = websocket.Decoder(bound=bound)
    return [event for piece in pieces for event in decoder.feed(piece)]


def violation(*pieces: bytes, bound: int = 65_536) -> int:
    last = fed(*pieces, bound=bound)[-1]
    assert isinstance(last, websocket.Violation)
    assert last.reason
    return last.code


@given(st.lists(st.text("aé号𝄞\n", max_size=90), min_size=1, max_size=4), st.data())
@settings(max_examples=30, deadline=None, database=None)
def test_text_arrives_however_it_is_cut(texts: list[str], data: st.DataObject) -> None:
    stream = b"".join(masked(1, text.encode()) for text in texts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert fed(*pieces) == [websocket.Text(text) for text in texts]


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536])
def test_sizes_at_the_borders(size: int) -> None:
    assert fed(masked(2, b"x" * size), bound=65_536) == [websocket.Binary(b"x" * size)]
    assert fed(masked(1, b"x" * size), bound=65_536) == [websocket.Text("x" * size)]
    assert violation(masked(1, b"x" * (size + 1)), bound=size) == 1009
    assert len(websocket.text_frame(b"x" * size)) == len(websocket.binary_frame(b"x" * size))
    frame = websocket.binary_frame(b"x" * size)
    assert frame.endswith(b"x" * size)
    assert len(frame) - size == (2 if size < 126 else 4 if size < 65_536 else 10)


def test_a_large_message_byte_by_byte() -> None:
    stream = masked(1, "号".encode() * 1_000)
    assert fed(*(stream[i : i + 1] for i in range(len(stream)))) == [websocket.Text("号" * 1_000)]


def test_fragments_with_control_frames_between() -> None:
    char = "号".encode()
    events = fed(
        masked(1, b"a" + char[:1], final=False),
        masked(9, b"p"),
        masked(0, char[1:], final=False),
        masked(0, b""),
    )
    assert events == [websocket.Ping(b"p"), websocket.Text("a号")]


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\x81\x01a", 1002),
        (masked(1 | 0x40, b"a"), 1002),
        (masked(3, b"a"), 1002),
        (masked(11, b""), 1002),
        (masked(0, b"a"), 1002),
        (masked(1, b"a", final=False) + masked(1, b"b"), 1002),
        (masked(9, b"", final=False), 1002),
        (masked(9, b"x" * 126), 1002),
        (masked(8, b"x"), 1002),
        (masked(8, b"\x03\xed"), 1002),
        (masked(8, b"\x03\xe7"), 1002),
        (masked(8, b"\x13\x88"), 1002),
        (masked(8, b"\x03\xe8\xff"), 1007),
        (masked(1, b"\xff"), 1007),
        (masked(1, "号".encode()[:2]), 1007),
        (b"\x81\xfe\x00\x01", 1002),
        (b"\x81\xff\x80" + b"\x00" * 7, 1002),
        (b"\x81\xff" + (70_000).to_bytes(8, "big"), 1009),
        (masked(1, b"x" * 40_000, final=False) + masked(0, b"x" * 30_000), 1009),
    ],
)
def test_violations(frame: bytes, code: int) -> None:
    assert violation(frame) == code


def test_what_came_before_a_violation_counts() -> None:
    assert fed(masked(1, b"a") + masked(3, b""))[0] == websocket.Text("a")


def test_closing() -> None:
    assert fed(masked(8, b"")) == [websocket.Close(websocket.NO_CODE, "")]
    assert fed(masked(8, b"\x0d\xac" + b"bye")) == [websocket.Close(3500, "bye")]
    assert websocket.close_frame(websocket.NO_CODE) == b"\x88\x00"
    assert websocket.close_frame(3001, "shutdown") == b"\x88\x0a\x0b\xb9shutdown"
    assert len(websocket.close_frame(3001, "x" * 500)) == 127


def test_the_key_of_the_rfc() -> None:
    assert websocket.accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


# Names and keys.


@pytest.mark.parametrize("name", ["queue:L0301", "queue:a.b_c-d", "screen:hall-3f", "user:#u42", "user:#a,b"])
def test_good_names(name: str) -> None:
    policy, rest = houzhen_channels().find(name)
    assert f"{policy.namespace}:{rest}" == name


@pytest.mark.parametrize(
    ("name", "no"),
    [("", UnknownChannel), ("x:1", UnknownChannel), ("queue:{a}", BadChannel), ("queue:\n", BadChannel)],
)
def test_bad_names(name: str, no: type[Exception]) -> None:
    with pytest.raises(no):
        houzhen_channels().find(name)


@pytest.mark.parametrize(
    ("data", "found"),
    [(b'{"line":"L1","x":[{"line":"no"}]}', "L1"), (b'{"line":1}', None), (b"[]", None), (b"{", None)],
)
def test_what_a_payload_is_a_snapshot_of(data: bytes, found: str | None) -> None:
    assert field_of(data, "line") == found


# Tokens.


def test_a_token_tells_who_and_until_when() -> None:
    tokens = HmacTokens([SECRET])
    nurse = Actor(id="n1", role=Role.NURSE, lines=frozenset({LineId("L1")}))
    screen = Actor(id="s1", role=Role.SCREEN, screen=ScreenId("hall-3f"))
    for actor in (nurse, screen):
        signed = tokens.sign(actor, token_id="t1", issued_at=MORNING, expires_at=NOON)
        identity = tokens.verify(signed, at=NOON - timedelta(seconds=1))
        assert identity == Identity(actor, NOON.timestamp(), token_id="t1", issued_at=MORNING.timestamp())
        with pytest.raises(TokenExpired):
            tokens.verify(signed, at=NOON)


def test_a_token_cannot_outlive_the_memory_of_its_revocation() -> None:
    tokens, patient = HmacTokens([SECRET]), Actor(id="u", role=Role.PATIENT)
    ends = MORNING + timedelta(seconds=limits.TOKEN_SECONDS)
    longest = tokens.sign(patient, token_id="t", issued_at=MORNING, expires_at=ends)
    assert tokens.verify(longest, at=NOON).actor == patient
    with pytest.raises(ValueError, match="at most"):
        tokens.sign(patient, token_id="t", issued_at=MORNING, expires_at=ends + timedelta(seconds=1))


def test_an_older_secret_still_verifies() -> None:
    patient = Actor(id="u", role=Role.PATIENT)
    old = HmacTokens([SECRET]).sign(patient, token_id="t", issued_at=MORNING, expires_at=NOON)
    both = HmacTokens([SECRET[::-1], SECRET])
    assert both.verify(old, at=NOON - timedelta(hours=1)).actor.id == "u"


LATER = int(NOON.timestamp()) + 60
EARLIER = NOON.timestamp() - 60


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": "u", "role": "patient"},
        {"sub": "u", "role": "emperor", "exp": LATER},
        {"sub": "u", "role": "system", "exp": LATER},
        {"sub": "u", "exp": LATER},
        {"sub": "a b", "role": "patient", "exp": LATER},
        {"sub": 7, "role": "patient", "exp": LATER},
        {"sub": "u", "role": "patient", "exp": "soon"},
        {"sub": "u", "role": "patient", "exp": float("inf")},
        {"sub": "u", "role": "patient", "exp": float("nan")},
        {"sub": "u", "role": "patient", "exp": LATER, "expire_at": 10**400},
        {"sub": "u", "role": "patient", "exp": LATER, "nbf": LATER},
        {"sub": "u", "role": "patient", "exp": LATER, "channel": "queue:L1"},
        {"sub": "u", "role": "nurse", "exp": LATER, "lines": "L1"},
        {"sub": "u", "role": "patient", "exp": LATER, "jti": 7},
        {"sub": "u", "role": "patient", "exp": LATER, "jti": "x" * 65},
        {"sub": "u", "role": "patient", "exp": LATER, "iat": "yesterday"},
        {"sub": "u", "role": "patient", "exp": EARLIER + limits.TOKEN_SECONDS + 1, "iat": EARLIER},
    ],
)
def test_claims_that_make_no_actor(claims: dict[str, object]) -> None:
    with pytest.raises(TokenInvalid):
        HmacTokens([SECRET]).verify(jwt.encode(claims, SECRET), at=NOON)


@pytest.mark.parametrize(
    ("claims", "info"),
    [
        ({}, b""),
        ({"info": {"name": "Li"}}, b'{"name":"Li"}'),
        ({"b64info": "eyJuYW1lIjogIkxpIn0="}, b'{"name":"Li"}'),
        ({"info": "号"}, '"号"'.encode()),
        ({"info": None}, b""),
    ],
)
def test_what_others_see(claims: dict[str, object], info: bytes) -> None:
    tokens = HmacTokens([SECRET])
    of_connection = {"sub": "u", "role": "patient", "exp": LATER, **claims}
    of_subscription = {"sub": "u", "channel": "$ward:A", "exp": LATER, **claims}
    assert tokens.verify(jwt.encode(of_connection, SECRET), at=NOON).info == info
    assert tokens.verify_subscription(jwt.encode(of_subscription, SECRET), at=NOON).info == info


@pytest.mark.parametrize(
    "claims",
    [
        {"info": "x" * 511},
        {"b64info": "not base64"},
        {"b64info": "eyJ"},
        {"b64info": 7},
        {"b64info": "bm8ganNvbg=="},
        {"channels": "queue:L1"},
        {"channels": [1]},
        {"subs": ["queue:L1"]},
    ],
)
def test_claims_that_cannot_be_used(claims: dict[str, object]) -> None:
    with pytest.raises(TokenInvalid):
        HmacTokens([SECRET]).verify(
            jwt.encode({"sub": "u", "role": "patient", "exp": LATER, **claims}, SECRET), at=NOON
        )


def test_a_token_may_name_what_the_server_subscribes_to() -> None:
    claims = {
        "sub": "u",
        "role": "patient",
        "exp": LATER,
        "channels": ["a:1", "b:1"],
        "subs": {"b:1": {}, "c:1": {}},
    }
    identity = HmacTokens([SECRET]).verify(jwt.encode(claims, SECRET), at=NOON)
    assert identity.channels == ("a:1", "b:1", "c:1")


def test_a_subscriptions_token_says_whose_and_of_what() -> None:
    claims = {"sub": "u", "channel": "$ward:A", "client": "c1", "exp": LATER, "expire_at": LATER + 60}
    grant = HmacTokens([SECRET]).verify_subscription(jwt.encode(claims, SECRET), at=NOON)
    assert grant == Grant("u", "$ward:A", "c1", LATER + 60)
    endless = HmacTokens([SECRET]).verify_subscription(jwt.encode(claims | {"expire_at": 0}, SECRET), at=NOON)
    assert endless.expires_at is None


@pytest.mark.parametrize(
    ("claims", "no"),
    [
        ({"channel": "$ward:A", "exp": LATER - 120}, TokenExpired),
        ({"channel": "$ward:A"}, TokenInvalid),
        ({"channel": "$ward:A", "exp": LATER, "nbf": LATER}, TokenInvalid),
        ({"exp": LATER}, TokenInvalid),
        ({"channel": "", "exp": LATER}, TokenInvalid),
        ({"channel": 7, "exp": LATER}, TokenInvalid),
        ({"channel": "$ward:A", "sub": 7, "exp": LATER}, TokenInvalid),
        ({"channel": "$ward:A", "client": 7, "exp": LATER}, TokenInvalid),
    ],
)
def test_claims_that_grant_nothing(claims: dict[str, object], no: type[Exception]) -> None:
    with pytest.raises(no):
        HmacTokens([SECRET]).verify_subscription(jwt.encode(claims, SECRET), at=NOON)


def test_neither_kind_of_token_passes_for_the_other() -> None:
    tokens = HmacTokens([SECRET])
    patient = Actor(id="u", role=Role.PATIENT)
    connection = tokens.sign(patient, token_id="t", issued_at=MORNING, expires_at=NOON)
    subscription = jwt.encode({"sub": "u", "role": "patient", "channel": "a:1", "exp": LATER}, SECRET)
    with pytest.raises(TokenInvalid):
        tokens.verify_subscription(connection, at=NOON - timedelta(hours=1))
    with pytest.raises(TokenInvalid):
        tokens.verify(subscription, at=NOON)


def test_only_our_signature_counts() -> None:
    tokens = HmacTokens([SECRET])
    claims = {"sub": "u", "role": "patient", "exp": LATER}
    for forged in (
        jwt.encode(claims, SECRET[::-1]),
        jwt.encode(claims, SECRET * 2, algorithm="HS512"),
        jwt.encode(claims, None, algorithm="none"),
        "x",
        "",
    ):
        with pytest.raises(TokenInvalid):
            tokens.verify(forged, at=NOON)
