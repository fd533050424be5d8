"""Who may hold how many sockets: by address before the upgrade, by user at connect; nothing counted twice."""

import asyncio
import base64
import contextlib
import json
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
import websockets
from structlog.testing import capture_logs

from core.refusals import StorageUnavailable
from realtime.crowds import Crowds, TurnedAway
from tests.clients.node_client import NodeClient
from tests.clients.python_client import PythonClient
from tests.clients.served import CLOCK, PATIENT, Served, streams, token
from tests.clients.stock import Stock
from tests.clients.test_sockets import CONNECT, SUBSCRIBE, ends, frame, raw

HOUSE = "203.0.113.7"


def connecting(server: Served, address: str = HOUSE) -> websockets.connect:
    return websockets.connect(server.url, proxy=None, additional_headers={"X-Forwarded-For": address})


async def connected(server: Served, address: str = HOUSE, token: str = "") -> websockets.ClientConnection:
    client = await connecting(server, address)
    await client.send(json.dumps({"id": 1, "connect": {"token": token} if token else {}}))
    assert "error" not in json.loads(str(await client.recv()).split("\n")[0])
    return client


async def refusal(server: Served, address: str = HOUSE) -> tuple[int, str]:
    """Status and code that a newcomer gets."""
    headers = {
        "X-Forwarded-For": address,
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(b"0123456789abcdef").decode(),
    }
    async with (
        aiohttp.ClientSession() as session,
        session.get(server.url.replace("ws:", "http:"), headers=headers) as response,
    ):
        assert response.content_type == "application/problem+json"
        assert response.headers["Retry-After"]
        return response.status, (await response.json())["code"]


@pytest.fixture
async def server() -> AsyncIterator[Served]:
    bounds = Crowds(CLOCK, most_open=6, most_unconnected=3, connects_per_second=1_000)
    async with Served(streams(), trusted_proxies=("127.0.0.1",), crowds=bounds) as served:
        yield served


async def test_an_address_that_holds_enough_is_refused_before_the_upgrade(server: Served) -> None:
    clients = [await connected(server) for _ in range(6)]
    with capture_logs() as lines:
        for _ in range(5):
            assert await refusal(server) == (429, "realtime.too_many_connections")
    assert [line["event"] for line in lines] == ["realtime.turned_away"]
    assert HOUSE not in str(lines)
    assert server.metrics.refused.labels("too_many_connections")._value.get() == 5
    other = await connected(server, "203.0.113.8")
    await clients.pop().close()
    await server.until(lambda: len(server.sockets) == 6)
    clients += [other, await connected(server)]
    for client in clients:
        await client.close()
    await server.until(lambda: len(server.sockets) == 0)


async def test_sockets_that_say_nothing_are_bounded_apart(server: Served) -> None:
    silent = [await connecting(server) for _ in range(3)]
    assert await refusal(server) == (429, "realtime.too_many_unconnected")
    await silent[0].send(CONNECT)
    await silent[0].recv()
    silent.append(await connecting(server))
    assert await refusal(server) == (429, "realtime.too_many_unconnected")
    for client in silent:
        await client.close()


async def test_too_many_connects_a_second_wait() -> None:
    bounds = Crowds(CLOCK, most_open=5, connects_per_second=0.001)
    async with Served(streams(), trusted_proxies=("127.0.0.1",), crowds=bounds) as server:
        for _ in range(5):
            await (await connecting(server)).close()
        assert await refusal(server) == (429, TurnedAway.RATE.value)


async def test_whoever_cannot_be_told_apart_is_not_counted() -> None:
    """Behind a proxy that nobody named every client has the proxy's address."""
    async with Served(streams(), crowds=Crowds(CLOCK, most_open=2)) as server:
        clients = [await connected(server) for _ in range(5)]
        assert len(server.crowds) == 0
        for client in clients:
            await client.close()


# Every way in which a socket ends gives its place back.


async def _closes(client: websockets.ClientConnection, server: Served) -> None:
    await client.close()


async def _resets(client: websockets.ClientConnection, server: Served) -> None:
    taken = client.transport.get_extra_info("socket")
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.transport.abort()


async def _talks_nonsense(client: websockets.ClientConnection, server: Served) -> None:
    await client.send("nonsense")
    await ends(client)


async def _breaks_the_framing(client: websockets.ClientConnection, server: Served) -> None:
    client.transport.write(b"\xff\xff\xff")
    await ends(client)


async def _connects_twice(client: websockets.ClientConnection, server: Served) -> None:
    await client.send(f"{CONNECT}\n{CONNECT}")
    await ends(client)


async def _forges(client: websockets.ClientConnection, server: Served) -> None:
    await client.send('{"id":1,"connect":{"token":"forged"}}')
    await ends(client)


async def _leaves_while_joining(client: websockets.ClientConnection, server: Served) -> None:
    await client.send(f'{{"id":1,"connect":{{"token":"{token(PATIENT)}"}}}}\n{SUBSCRIBE}')
    client.transport.abort()


async def _is_expired(client: websockets.ClientConnection, server: Served) -> None:
    await client.send(f'{{"id":1,"connect":{{"token":"{token(PATIENT, -5)}"}}}}')
    # Refused, or a second connect: either way the next command is one too many.
    await client.send(SUBSCRIBE)
    await ends(client)


async def _is_sent_away(client: websockets.ClientConnection, server: Served) -> None:
    for connection in tuple(server.sockets._connections):
        connection.fail()


async def _is_abandoned(client: websockets.ClientConnection, server: Served) -> None:
    for connection in tuple(server.sockets._connections):
        connection.abandon()


ENDINGS: tuple[Callable[[websockets.ClientConnection, Served], Awaitable[None]], ...] = (
    _closes,
    _resets,
    _talks_nonsense,
    _breaks_the_framing,
    _connects_twice,
    _forges,
    _leaves_while_joining,
    _is_expired,
    _is_sent_away,
    _is_abandoned,
)


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending.__name__.strip("_"))
async def test_however_a_socket_ends_its_place_is_free_again(
    server: Served, ending: Callable[[websockets.ClientConnection, Served], Awaitable[None]]
) -> None:
    crowd = server.crowds.enter(bytes([203, 0, 113, 7]))
    assert crowd is not None
    for before in (False, True):
        client = await connecting(server)
        if before:
            await client.send(f'{{"id":1,"connect":{{"token":"{token(PATIENT)}"}}}}')
            await client.recv()
            assert (crowd.open, crowd.unconnected, len(server.hub.roster)) == (2, 1, 1)
        await ending(client, server)
        client.transport.abort()
        await server.until(lambda: len(server.sockets) == 0)
        assert (crowd.open, crowd.unconnected, len(server.hub.roster)) == (1, 1, 0)


async def test_many_at_once_in_any_order_leave_nothing_behind(server: Served) -> None:
    chance = random.Random(7)

    async def one() -> None:
        await asyncio.sleep(chance.random() / 10)
        reader, writer = await raw(server, X_Forwarded_For=HOUSE)
        text = chance.choice([CONNECT, f'{{"id":1,"connect":{{"token":"{token(PATIENT)}"}}}}', "x", ""])
        writer.write(frame(text) if text else b"")
        await asyncio.sleep(chance.random() / 10)
        if chance.random() < 0.5:
            writer.transport.abort()
        writer.close()
        await reader.read(65_536)

    await asyncio.gather(*(one() for _ in range(120)), return_exceptions=True)
    await server.until(lambda: len(server.sockets) == 0)
    assert [(crowd.open, crowd.unconnected) for crowd in server.crowds._crowds.values()] in ([], [(0, 0)])
    assert len(server.hub.roster) == 0


# Users.


@pytest.fixture(params=["python", pytest.param("node", marks=pytest.mark.node)])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[Stock]:
    missing = NodeClient.missing() if request.param == "node" else None
    if missing:
        pytest.skip(missing)
    made: Stock = PythonClient() if request.param == "python" else NodeClient()
    yield made
    await made.close()


async def test_a_users_newest_connection_gets_in_and_the_oldest_stays_away(client: Stock) -> None:
    async with Served(streams(), connections_per_user=2) as server:
        await client.connect(server.url, (token(PATIENT), token(PATIENT)))
        await client.events.until("connected")
        for _ in range(2):
            await connected(server, token=token(PATIENT))
        told = await client.events.until("disconnected")
        assert (told["code"], told["reason"]) == (3504, "connection limit")
        await asyncio.sleep(0.5)
        assert [e["event"] for e in client.events.all].count("connected") == 1
        assert len(server.hub.roster.of(PATIENT.id)) == 2
        for _ in range(5):
            await connected(server)
        assert len(server.hub.roster) == 1
        assert server.metrics.closed.labels("connection_limit")._value.get() == 1


# Floods.


async def test_a_flood_of_bad_tokens_is_one_line(server: Served) -> None:
    with capture_logs() as lines:
        for _ in range(20):
            client = await connecting(server)
            await client.send('{"id":1,"connect":{"token":"forged"}}')
            assert await ends(client) == (3500, "invalid token")
    assert [(line["event"], line["kind"]) for line in lines] == [("realtime.turned_away", "invalid_token")]
    assert server.metrics.closed.labels("invalid_token")._value.get() == 20


async def test_a_flood_of_subscribes_ends_the_connection_and_is_one_line(server: Served) -> None:
    asks = "\n".join(f'{{"id":{n},"subscribe":{{"channel":"queue:L{n}"}}}}' for n in range(2, 1_002))
    with capture_logs() as lines:
        for _ in range(3):
            client = await connecting(server)
            await client.send(f"{CONNECT}\n{asks}")
            with contextlib.suppress(websockets.ConnectionClosed):
                async for _ in client:
                    pass
            assert await ends(client) == (3013, "too many requests")
    assert [(line["event"], line["kind"]) for line in lines] == [
        ("realtime.turned_away", "too_many_requests")
    ]
    # At most what one client may hold, of each of them, until they are given up.
    assert len(server.hub._taps) <= 128


class Lines:
    """There is one line, and a database that may be away."""

    away = False

    def __contains__(self, line: object) -> bool:
        return False

    async def look(self, line: str) -> bool:
        if self.away:
            raise StorageUnavailable(why="away")
        return line == "L1"


async def test_nobody_makes_channels_of_names_that_no_line_has(client: Stock) -> None:
    lines, held = Lines(), streams()
    async with Served(held, known={"queue": lines}) as server:
        await client.connect(server.url, (), ("queue:L1", "queue:L2"))
        await client.events.until("subscribed", channel="queue:L1")
        await client.events.until("unsubscribed", channel="queue:L2", code=102)
        assert await client.history("queue:L3", limit=5) == {"error": 102}
        assert list(server.hub._taps) == ["queue:L1"]
        assert list(held._streams) == ["queue:L1"]
        lines.away = True
        await client.subscribe("queue:L4")
        await client.events.until("subscription_error", channel="queue:L4", code=100)
        lines.away = False
        await client.events.until("unsubscribed", channel="queue:L4", code=102)
        assert [e["event"] for e in client.events.all].count("connected") == 1
