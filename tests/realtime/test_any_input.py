"""Whatever comes in, what goes out is the protocol's own: no exception, and no more memory than the bound."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import limits
from realtime import websocket
from realtime.codes import APPLICATION, CLOSINGS, ERRORS, WebSocketCodes
from tests.clients import frames
from tests.protocol.stage import Stage, connected

HOW = settings(max_examples=60, deadline=None, database=None)
BOUND = 300
VIOLATIONS = {WebSocketCodes.PROTOCOL_ERROR, WebSocketCodes.INVALID_DATA, WebSocketCodes.TOO_BIG}

# Frames.

pieces = st.one_of(
    st.binary(max_size=20),
    st.builds(
        frames.frame,
        st.binary(max_size=BOUND + 20),
        opcode=st.integers(0, 15),
        final=st.booleans(),
        reserved=st.sampled_from((0, 0, 0, 0x10, 0x40)),
        mask=st.binary(min_size=4, max_size=4),
    ),
    st.builds(lambda size, width: b"\x81" + bytes([0x80 | width]) + size.to_bytes(8, "big"),
              st.integers(0, 2**64 - 1), st.sampled_from((126, 127))),
)  # fmt: skip


@given(st.lists(pieces, max_size=12), st.integers(1, 40))
@HOW
def test_any_bytes_are_messages_or_end_the_connection_by_the_book(stream: list[bytes], step: int) -> None:
    decoder = websocket.Decoder(bound=BOUND)
    data = b"".join(stream)
    for start in range(0, len(data), step):
        events = decoder.feed(data[start : start + step])
        for event in events:
            if isinstance(event, websocket.Text):
                assert len(event.text.encode()) <= BOUND
            if isinstance(event, websocket.Violation):
                assert event.code in VIOLATIONS
                assert event.reason
        held = len(decoder._buffer or b"") + len(decoder._message or b"")
        assert held <= 2 * BOUND + 14
        if events and isinstance(events[-1], websocket.Violation | websocket.Close):
            return


# Commands.

METHODS = (
    "connect", "subscribe", "unsubscribe", "publish", "presence", "presence_stats", "history", "ping", "send",
    "rpc", "refresh", "sub_refresh",
)  # fmt: skip
names = st.sampled_from(
    (
        "queue:L1", "screen:hall-3f", "user:#u42", "user:#u1", "nothing:x", "", ":", "#", "queue:",
        "queue:\0", "queue:L1\n", "queue:" + "x" * 300, "号:号", "~queue:L1", "$ward:A", "queue:\ud800",
        "\ud800:x",
    )
)  # fmt: skip
odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    names,
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.sampled_from(("offset", "epoch", "recover", "queue:L1", "x")), st.integers(-1, 9)),
)
bodies = st.dictionaries(
    st.sampled_from(
        (
            "channel", "token", "recover", "epoch", "offset", "flag", "type", "delta", "tf", "limit", "since",
            "reverse", "data", "method", "subs", "join_leave", "positioned", "x",
        )
    ),
    odd | names,
    max_size=5,
)  # fmt: skip
sound = st.fixed_dictionaries({"channel": names})
commands = st.fixed_dictionaries(
    {}, optional={"id": st.integers(2, 9) | odd, **dict.fromkeys(METHODS, bodies | sound | odd)}
)
KNOWN = {one.code for one in (*CLOSINGS, *ERRORS)}


def judge(stage: Stage) -> None:
    """Everything that went out is of this protocol, to the letter."""
    if stage.closed is not None:
        code, reason = stage.closed
        assert code in KNOWN
        assert reason
    for one in stage.sent:
        assert None not in one.values()
        if "error" in one:
            assert one["error"]["code"] in KNOWN or one["error"]["code"] >= APPLICATION
            assert one["error"]["message"]
            assert one["id"] > 0


@given(st.lists(commands, min_size=1, max_size=4), st.sampled_from(("", "patient", "nurse")))
@HOW
def test_any_commands_are_answered_or_end_the_connection(asked: list[dict[str, Any]], token: str) -> None:
    stage = connected(token)
    stage.say(*asked)
    stage.after(limits.REALTIME_PING_SECONDS)
    judge(stage)


@given(st.lists(commands, min_size=1, max_size=3))
@HOW
def test_any_first_words_are_answered_or_end_the_connection(asked: list[dict[str, Any]]) -> None:
    stage = Stage()
    stage.say(*asked)
    stage.after(limits.REALTIME_CONNECT_SECONDS)
    judge(stage)
    assert stage.closed is not None or stage.session.client


@given(st.text(max_size=80) | st.text('{}[]":,\\0123456789.eE+-\n\0 idsubcrechanl', max_size=80))
@HOW
def test_any_text_is_answered_or_ends_the_connection(text: str) -> None:
    stage = connected("patient")
    stage.do(stage.session.receive(text))
    judge(stage)


ENDLESS = "1" + "0" * 400


@pytest.mark.parametrize(
    "line",
    [
        '{"id":2,"subscribe":{"channel":"queue:\\ud800"}}',
        '{"id":2,"subscribe":{"channel":"\\ud800\\udc00:x"}}',
        '{"id":2,"subscribe":{"channel":"queue:\\u0000"}}',
        '{"id":2,"subscribe":{"channel":"queue:L1","offset":ENDLESS,"recover":true}}',
        '{"id":ENDLESS,"subscribe":{"channel":"queue:L1"}}',
        '{"id":1e999,"subscribe":{"channel":"queue:L1"}}',
        '{"id":2,"history":{"channel":"queue:L1","limit":ENDLESS}}',
        '{"id":2,"subscribe":{"channel":"queue:L1","flag":ENDLESS}}',
        '{"id":2,"subscribe":{"channel":"queue:L1","type":-1}}',
        '{"id":2,"id":3,"subscribe":{"channel":"queue:L1"}}',
        '{"id":2,"subscribe":{"channel":"queue:L1"},"subscribe":{"channel":"queue:L2"}}',
        '{"id":2,"rpc":{"method":"' + "x" * 60_000 + '","data":' + "[" * 2_000 + "]" * 2_000 + "}}",
        '{"id":2,"publish":{"channel":"queue:L1","data":' + "[" * 30_000 + "]" * 30_000 + "}}",
        '{"id":2,"subscribe":{"channel":"queue:L1"}}' + " " * 60_000,
        '{"' + "x" * 60_000 + '":1}',
        "\0",
        "\ufeff{}",
        '{"id":2,"subscribe":{"channel":NaN}}',
        "9" * 60_000,
    ],
)  # fmt: skip
def test_odd_ones(line: str) -> None:
    stage = connected("patient")
    stage.do(stage.session.receive(line.replace("ENDLESS", ENDLESS)))
    judge(stage)
    assert stage.closed is not None or stage.sent or stage.asked
    assert len(json.dumps(stage.sent)) < 2_000
