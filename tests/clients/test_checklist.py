"""The protocol's checklist, line by line, with every stock client over a WebSocket.

``test_stock_clients`` has the lines of an ordinary day (gaps, refresh, a killed process); here are those
that need a bad network, a slow reader, or a look at the frames themselves.
"""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from core import limits
from handlers.realtime_connection import Connection
from realtime import frames as protocol
from realtime import websocket
from realtime.channels import Channels
from realtime.codes import Closings, Disconnect
from realtime.stream import Publication
from tests.clients import frames
from tests.clients.node_client import NodeClient
from tests.clients.served import CHANNELS, NURSE, PATIENT, Served, streams, token
from tests.clients.stock import Stock
from tests.services.proxy import Path

pytestmark = pytest.mark.acceptance("T2")

LINE, OTHER, THIRD = "log:L0301", "log:L0302", "log:L0303"
MINE = "user:#u42"
KEPT = limits.QUEUE_HISTORY_ITEMS


@pytest.fixture
async def server() -> AsyncIterator[Served]:
    async with Served(streams()) as served:
        yield served


def said(path: Path) -> list[list[dict[str, object]]]:
    """The commands that the client sent over its newest connection, frame by frame."""
    _, _, body = bytes(path.upward[-1].carried).partition(b"\r\n\r\n")
    events = websocket.Decoder(bound=limits.REALTIME_MESSAGE_BYTES).feed(body)
    return [
        [json.loads(line) for line in event.text.split("\n")]
        for event in events
        if isinstance(event, websocket.Text)
    ]


def told(path: Path) -> list[list[dict[str, object]]]:
    """What the server sent over the newest connection, frame by frame."""
    _, _, body = bytes(path.downward[-1].carried).partition(b"\r\n\r\n")
    return [
        [json.loads(line) for line in got.text.split("\n")]
        for got in frames.Reader().feed(body)
        if got.opcode == frames.TEXT
    ]


def url(path: Path) -> str:
    return f"ws://127.0.0.1:{path.port}/connection/websocket"


def only(server: Served) -> Connection:
    """The one connection there is."""
    (connection,) = server.sockets._connections
    return connection


async def test_connect_and_three_subscribes_are_answered_in_order(client: Stock, server: Served) -> None:
    async with Path(server.port) as path:
        await client.connect(url(path), channels=(LINE, OTHER, THIRD))
        for channel in (LINE, OTHER, THIRD):
            await client.events.until("subscribed", channel=channel)
        first = said(path)[0]
        assert [next(iter(command.keys() - {"id"})) for command in first] == (
            ["connect", "subscribe", "subscribe", "subscribe"] if client.optimistic else ["connect"]
        )
        answered = [reply["id"] for frame in told(path) for reply in frame]
        assert answered == [command["id"] for frame in said(path) for command in frame]


async def test_two_pushes_and_a_reply_in_one_frame(
    client: Stock, server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    await client.connect(server.url, channels=(LINE,))
    await client.events.until("subscribed", channel=LINE)
    head = protocol.push_head(LINE)
    pushes = [protocol.push(head, Publication(b'{"n":%d}' % n, n, "e")) for n in (1, 2)]
    write = Connection.write
    with monkeypatch.context() as patched:
        patched.setattr(Connection, "write", lambda self, reply: write(self, b"\n".join((*pushes, reply))))
        assert await client.history(LINE, limit=1) == {"offset": 0, "offsets": []}
    await client.events.until("publication", channel=LINE, offset=2)
    assert client.events.of(LINE) == [1, 2]


async def test_every_reply_carries_its_result_and_every_error_a_message(
    client: Stock, server: Served
) -> None:
    async with Path(server.port) as path:
        await client.connect(url(path), (token(NURSE),), (LINE, "nothing:x", "log:号"))
        await client.events.until("subscribed", channel=LINE)
        await client.events.until("unsubscribed", channel="nothing:x", code=102)
        assert (await client.history(LINE, limit=1))["offset"] == 0
        assert (await client.publish(LINE, {}))["error"] == 108
        assert (await client.rpc("im.send", {}))["error"] == 104
        assert (await client.presence("user:#u1"))["error"] in (103, 108)
        await client.unsubscribe(LINE)
        await client.events.until("unsubscribed", channel=LINE)
        methods = {one["id"]: set(one) - {"id"} for frame in said(path) for one in frame if one}

        def replies() -> list[dict[str, object]]:
            return [one for frame in told(path) for one in frame if "id" in one]

        await server.until(lambda: {reply["id"] for reply in replies()} == set(methods))
        for reply in replies():
            if "error" in reply:
                error = reply["error"]
                assert isinstance(error, dict)
                assert error["message"]
            else:
                assert set(reply) - {"id"} == methods[reply["id"]]
            assert b"null" not in json.dumps(reply).encode()


# Pings.


async def test_a_client_answers_each_ping_once(client: Stock) -> None:
    async with Served(streams(), ping_seconds=2.0, pong_seconds=1.9) as server, Path(server.port) as path:
        await client.connect(url(path))
        await client.events.until("connected")

        def pings() -> int:
            return sum(one == {} for frame in told(path) for one in frame)

        await server.until(lambda: pings() >= 2)
        await server.until(lambda: sum(one == {} for frame in said(path) for one in frame) >= 2)
        assert [e["event"] for e in client.events.all].count("connected") == 1
        assert server.metrics.closed.labels(Closings.BAD_REQUEST.name)._value.get() == 0


async def test_a_firewall_that_forgets_is_noticed_on_both_sides_and_nothing_is_lost(client: Stock) -> None:
    async with Served(streams(), ping_seconds=1.5, pong_seconds=1.4) as server, Path(server.port) as path:
        await client.connect(url(path), (token(PATIENT),), (LINE,), ping_slack=1.0)
        await client.events.until("subscribed", channel=LINE)
        await server.publish(LINE, b"{}")
        await server.publish(MINE, b"{}")
        await client.events.until("publication", channel=MINE)
        path.forget()
        for _ in range(3):
            await server.publish(LINE, b"{}")
            await server.publish(MINE, b"{}")
        await client.events.until("connecting")
        no_pong = server.metrics.closed.labels(Closings.NO_PONG.name)._value
        await server.until(lambda: no_pong.get() >= 1)
        path.heal()
        await client.events.until("connected")
        await server.until(lambda: client.events.of(LINE) == client.events.of(MINE) == [1, 2, 3, 4])
        assert not [e for e in client.events.all if e["event"] == "disconnected"]


# Recovery.


async def epoch_of(server: Served) -> str:
    policy, _ = server.channels.find(LINE)
    assert policy.keep is not None
    return (await server.broker.history(LINE, keep=policy.keep)).position.epoch


@pytest.mark.parametrize(
    ("published", "offset", "epoch", "recovered", "missed"),
    [
        pytest.param(5, 5, "current", True, [], id="exact"),
        pytest.param(5, 3, "current", True, [4, 5], id="some missed"),
        pytest.param(0, 0, "current", True, [], id="empty"),
        pytest.param(KEPT + 6, 3, "current", False, [], id="truncated"),
        pytest.param(KEPT + 6, 6, "current", True, list(range(7, KEPT + 7)), id="all that is kept"),
        pytest.param(5, 3, "another", False, [], id="wrong epoch"),
        pytest.param(5, 3, "", True, [4, 5], id="empty epoch"),
        pytest.param(5, 9, "current", False, [], id="above the top"),
    ],
)
async def test_how_a_position_is_resumed(
    client: Stock,
    server: Served,
    published: int,
    offset: int,
    epoch: str,
    recovered: bool,
    missed: list[int],
) -> None:
    current = await epoch_of(server)
    for number in range(published):
        await server.publish(LINE, b'{"n":%d}' % (number + 1))
    await client.connect(server.url)
    await client.events.until("connected")
    await client.subscribe(LINE, since=(offset, current if epoch == "current" else epoch))
    begun = await client.events.until("subscribed", channel=LINE)
    assert (begun["was_recovering"], begun["recovered"]) == (True, recovered)
    await server.publish(LINE, b'{"n":0}')
    await client.events.until("publication", channel=LINE, offset=published + 1)
    assert client.events.of(LINE) == [*missed, published + 1]


async def test_a_publication_racing_the_subscribe_comes_exactly_once(client: Stock, server: Served) -> None:
    current = await epoch_of(server)
    await client.connect(server.url)
    await client.events.until("connected")
    begun = False

    async def publish() -> None:
        for number in range(50):
            await server.publish(LINE, b'{"n":%d}' % number)
            await asyncio.sleep(0 if begun else 0.002)

    publishing = asyncio.create_task(publish())
    await client.subscribe(LINE, since=(0, current))
    await client.events.until("subscribed", channel=LINE, recovered=True)
    begun = True
    await publishing
    await client.events.until("publication", channel=LINE, offset=50)
    assert client.events.of(LINE) == list(range(1, 51))


# Subscriptions of the server.


async def test_one_that_is_gone_when_the_client_returns_is_told_as_unsubscribed(client: Stock) -> None:
    shared = streams()
    nothing_personal = Channels(replace(policy, personal=False) for policy in CHANNELS._policies.values())
    async with Served(shared) as first:
        port = first.port
        await client.connect(first.url, (token(PATIENT),))
        await client.events.until("subscribed", channel=MINE)
        await first.die()
        async with Served(shared, port=port, channels=nothing_personal):
            await client.events.until("unsubscribed", channel=MINE)
            assert [e["event"] for e in client.events.all].count("connected") == 2


async def test_one_that_is_given_while_connected_is_heard_and_one_taken_away_is_not(
    client: Stock, server: Served
) -> None:
    await client.connect(server.url, (token(PATIENT),))
    await client.events.until("subscribed", channel=MINE)
    session = only(server)._client
    session.server_subscribe(OTHER)
    await client.events.until("subscribed", channel=OTHER)
    await server.publish(OTHER, b'{"n":1}')
    await client.events.until("publication", channel=OTHER, offset=1)
    session.server_unsubscribe(OTHER)
    await client.events.until("unsubscribed", channel=OTHER)


# Tokens.


async def test_a_token_refreshed_too_late_ends_the_connection_and_the_next_one_is_taken(
    client: Stock,
) -> None:
    async with Served(streams(), expiry_grace_seconds=0.3) as server:
        tokens = (token(PATIENT, 3), *(token(PATIENT) for _ in range(5)))
        await client.connect(server.url, tokens, (LINE,), token_takes=2.0)
        await client.events.until("subscribed", channel=LINE)
        await client.events.until("connecting", code=Closings.EXPIRED.code)
        await client.events.until("connected")
        assert not [e for e in client.events.all if e["event"] == "disconnected"]


# Closes.


@pytest.mark.parametrize("why", [Closings.FORCE_RECONNECT, Closings.SHUTDOWN, Closings.STATE_INVALIDATED])
async def test_a_close_that_is_not_final_brings_the_client_back(
    client: Stock, server: Served, why: Disconnect
) -> None:
    await client.connect(server.url, channels=(LINE,))
    await client.events.until("subscribed", channel=LINE)
    only(server).close(why)
    await client.events.until("connecting", code=why.code)
    await client.events.until("connected")
    await client.events.until("subscribed", channel=LINE)


@pytest.mark.parametrize(
    "why", [Closings.FORCE_DISCONNECT, Closings.CONNECTION_LIMIT, Closings.TOO_MANY_ERRORS]
)
async def test_a_close_that_is_final_is_so(client: Stock, server: Served, why: Disconnect) -> None:
    await client.connect(server.url, channels=(LINE,))
    await client.events.until("subscribed", channel=LINE)
    only(server).close(why)
    ended = await client.events.until("disconnected")
    assert (ended["code"], ended["reason"]) == (why.code, why.reason)
    await server.until(lambda: len(server.sockets) == 0)
    assert [e["event"] for e in client.events.all].count("connected") == 1


# Slow readers.


async def test_a_client_that_stops_reading_is_closed_as_slow_and_loses_nothing(
    client: Stock, server: Served
) -> None:
    async with Path(server.port) as path:
        await client.connect(url(path), (token(PATIENT),))
        await client.events.until("subscribed", channel=MINE)
        stop, go_on = pauses(client, path)
        stop()
        slow = server.metrics.closed.labels(Closings.SLOW.name)._value
        body = b'{"x":"' + b"x" * 30_000 + b'"}'
        published = 0
        while not slow.get():
            await server.publish(MINE, body)
            published += 1
            assert published < limits.USER_HISTORY_ITEMS, "never closed"
            await asyncio.sleep(0)
        go_on()
        await client.events.until("publication", channel=MINE, offset=published)
        await server.publish(MINE, b"{}")
        await client.events.until("publication", channel=MINE, offset=published + 1)
        assert client.events.of(MINE) == list(range(1, published + 2))
        assert [e["event"] for e in client.events.all].count("connected") == 2


def pauses(client: Stock, path: Path) -> tuple[Callable[[], None], Callable[[], None]]:
    """How to stop this client from reading, and let it go on: its process, or the path to it."""
    if isinstance(client, NodeClient):
        pid = client.pid
        return lambda: os.kill(pid, signal.SIGSTOP), lambda: os.kill(pid, signal.SIGCONT)
    return path.hold_down, path.let_down
