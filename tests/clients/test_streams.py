"""The fallbacks of the protocol: long responses down, small requests up, also to another process."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from core import limits
from tests.clients.node_client import NEWEST, OLDER, NodeClient
from tests.clients.served import PATIENT, Served, streams, token

pytestmark = pytest.mark.acceptance("T2")

LINE = "log:L0301"
WAYS = ("http_stream", "sse")


@pytest.fixture
async def server() -> AsyncIterator[Served]:
    async with Served(streams(), unveiling=True) as served:
        yield served


@pytest.fixture(params=[pytest.param(each, marks=pytest.mark.node) for each in (NEWEST, OLDER)])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[NodeClient]:
    if (missing := NodeClient.missing(request.param)) is not None:
        pytest.skip(missing)
    made = NodeClient(request.param)
    await made.prepare()
    yield made
    await made.close()


def by(way: str, served: Served, *, port: int | None = None) -> dict[str, Any]:
    base = f"http://127.0.0.1:{port or served.port}"
    return {
        "transports": [{"transport": way, "endpoint": f"{base}/connection/{way}"}],
        "emulation": f"{base}/emulation",
    }


@pytest.mark.parametrize("way", WAYS)
async def test_the_stock_client_hears_asks_and_recovers(client: NodeClient, way: str) -> None:
    shared = streams()
    async with Served(shared) as first, Served(shared) as other:
        port = first.port
        await client.connect("", (token(PATIENT),), **by(way, first))
        await client.subscribe(LINE)
        await client.events.until("connected")
        await client.events.until("subscribed", channel=LINE)
        await first.publish(LINE, '{"n":1,"号":"A017"}'.encode())
        heard = await client.events.until("publication", channel=LINE)
        assert heard["data"] == {"n": 1, "号": "A017"}
        await first.publish("user:#u42", b'{"n":1}')
        await client.events.until("publication", channel="user:#u42")
        answer = await client.history(LINE, limit=10)
        assert answer["offsets"] == [1]
        assert len(first.streams) == 1
        await first.__aexit__()
        for number in (2, 3):
            await other.publish(LINE, b'{"n":%d}' % number)
        async with Served(shared, port=port) as again:
            await client.events.until("publication", channel=LINE, offset=3)
            assert len(again.streams) == 1
            offsets = [
                e["offset"] for e in client.events.all if e["event"] == "publication" and e["channel"] == LINE
            ]
            assert offsets == [1, 2, 3]
        assert not again.streams


@pytest.mark.parametrize("way", WAYS)
async def test_pings_keep_it_alive_and_a_bad_token_ends_it(client: NodeClient, way: str) -> None:
    async with Served(streams(), ping_seconds=0.4, pong_seconds=0.3) as served:
        await client.connect("", (token(PATIENT),), **by(way, served))
        await client.events.until("connected")
        await asyncio.sleep(1.0)
        assert len(served.streams) == 1
        assert not [e for e in client.events.all if e["event"] == "disconnected"]
    other = NodeClient()
    await other.prepare()
    async with Served(streams()) as served:
        await other.connect("", ("nonsense",), **by(way, served))
        told = await other.events.until("disconnected")
        assert (told["code"], told["reason"]) == (3500, "invalid token")
    await other.close()


class Down:
    """A stream over plain HTTP."""

    def __init__(self, http: aiohttp.ClientSession, response: aiohttp.ClientResponse) -> None:
        self.http = http
        self.response = response
        self.session = self.node = ""

    async def next(self) -> Any:
        async with asyncio.timeout(10):
            while True:
                line = await self.response.content.readline()
                assert line, "ended"
                text = line.decode().strip().removeprefix("data: ")
                if text and text != "{}":
                    return json.loads(text)

    async def says(self, served: Served, *commands: object, **change: str) -> tuple[int, Any]:
        data = "\n".join(json.dumps(each) for each in commands)
        body = {"session": self.session, "node": self.node, "data": data} | change
        async with self.http.post(f"{served.base}/emulation", json=body) as answer:
            return answer.status, await answer.json(content_type=None) if answer.status != 204 else None


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def opened(http: aiohttp.ClientSession, served: Served, way: str = "http_stream") -> Down:
    connect = json.dumps({"id": 1, "connect": {}})
    if way == "sse":
        response = await http.get(f"{served.base}/connection/sse?cf_connect={quote(connect)}")
    else:
        response = await http.post(f"{served.base}/connection/http_stream", data=connect)
    assert response.status == 200
    down = Down(http, response)
    told = (await down.next())["connect"]
    down.session, down.node = told["session"], told["node"]
    assert len(down.session) >= 32
    return down


@pytest.mark.parametrize("way", WAYS)
async def test_another_process_passes_on_what_is_said_to_it(http: aiohttp.ClientSession, way: str) -> None:
    shared = streams()
    async with Served(shared, unveiling=True) as here, Served(shared, unveiling=True) as there:
        down = await opened(http, here, way)
        status, _ = await down.says(there, {"id": 2, "subscribe": {"channel": LINE}})
        assert status == 204
        assert (await down.next())["id"] == 2
        await here.publish(LINE, b'{"n":1}')
        assert (await down.next())["push"]["pub"]["data"] == {"n": 1}
        status, told = await down.says(there, {"id": 3, "ping": {}}, session="of-nobody")
        assert (status, told["code"]) == (404, "realtime.no_such_session")
        down.response.close()
        await here.until(lambda: len(here.streams) == 0)


async def test_a_node_that_is_no_more_is_said_so_in_bounded_time(
    http: aiohttp.ClientSession, server: Served
) -> None:
    down = await opened(http, server)
    async with asyncio.timeout(limits.REALTIME_EMULATION_SECONDS + 3):
        status, told = await down.says(server, {"id": 2, "ping": {}}, session="x", node="gone")
    assert (status, told["code"]) == (404, "realtime.no_such_session")
    status, told = await down.says(server, {"id": 2, "ping": {}}, session="x")
    assert (status, told["code"]) == (404, "realtime.no_such_session")


async def test_what_cannot_be_read_and_who_may_not_come_is_refused(
    http: aiohttp.ClientSession, server: Served
) -> None:
    for content in (b"", b"{", b"[]", b'{"session":1,"data":""}', b"\xff\xfe"):
        async with http.post(f"{server.base}/emulation", data=content) as answer:
            assert answer.status == 400
    origin = {"Origin": "https://evil.example"}
    for method, path in (
        ("POST", "/connection/http_stream"),
        ("GET", "/connection/sse"),
        ("POST", "/emulation"),
    ):
        async with http.request(method, server.base + path, headers=origin) as answer:
            assert (answer.status, (await answer.json(content_type=None))["code"]) == (
                403,
                "realtime.origin_refused",
            )
        async with http.request("DELETE", server.base + path) as answer:
            assert answer.status == 405
    # No command at all, or none that connects: told why, and ended.
    for connect in ("", "{}", "nonsense", '{"id":1,"subscribe":{"channel":"x"}}'):
        async with http.post(f"{server.base}/connection/http_stream", data=connect) as answer:
            ends = (await answer.text()).strip().splitlines()
            assert "disconnect" in json.loads(ends[-1])["push"]
    assert not server.streams


async def test_a_stream_of_our_own_page_may_come_from_its_origin(http: aiohttp.ClientSession) -> None:
    async with Served(streams(), allowed_origins=("https://h5.hospital.example",)) as served:
        headers = {"Origin": "https://h5.hospital.example", "Access-Control-Request-Method": "POST"}
        async with http.options(f"{served.base}/emulation", headers=headers) as answer:
            assert answer.status == 204
            assert answer.headers["Access-Control-Allow-Origin"] == "https://h5.hospital.example"
            assert "POST" in answer.headers["Access-Control-Allow-Methods"]


async def test_whoever_reads_nothing_gives_way_and_the_others_notice_nothing(
    http: aiohttp.ClientSession, server: Served
) -> None:
    down = await opened(http, server)
    await down.says(server, {"id": 2, "subscribe": {"channel": LINE}})
    await down.next()
    lazy = socket.create_connection(("127.0.0.1", server.port))
    lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connect = json.dumps({"id": 1, "connect": {}})
    head = f"POST /connection/http_stream HTTP/1.1\r\nHost: x\r\nContent-Length: {len(connect)}\r\n\r\n"
    lazy.sendall((head + connect).encode())
    await server.until(lambda: len(server.streams) == 2)
    (session,) = set(server.streams._open) - {down.session}
    slow = server.streams._open[session]
    await server.until(lambda: slow.client)
    await down.says(server, {"id": 3, "subscribe": {"channel": LINE}}, session=session)
    await server.until(lambda: LINE in slow._client.session.subscriptions)
    big = b'{"x":"' + b"x" * 16_000 + b'"}'
    heard = 0
    for _ in range(600):
        await server.publish(LINE, big)
        await down.next()
        heard += 1
        if len(server.streams) == 1 or slow._over:
            break
    assert slow._over, heard
    lazy.close()
    await server.until(lambda: len(server.streams) == 1)


async def test_too_many_commands_at_once_wait_in_bounds(http: aiohttp.ClientSession, server: Served) -> None:
    down = await opened(http, server)
    stream = server.streams._open[down.session]
    told = [stream.hear(json.dumps({"id": at, "history": {"channel": LINE}})) for at in range(2, 80)]
    assert told.count(False) > 0
    assert told.count(True) >= limits.REALTIME_EMULATED_WAITING
    for _ in range(told.count(True)):
        await down.next()
