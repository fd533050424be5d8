"""Requests that break the server's bounds get a problem with a code, not HTML, a bare line or a reset."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry, Histogram
from tornado.netutil import bind_sockets

from conf.settings import Web
from conf.words import Words
from core import limits
from core.actor import Actor
from core.clock import SystemClock
from handlers.endpoint import Edge
from handlers.routes import Routes
from server.web import WebServer, make_application
from tests.http.recordings import unheard
from tests.services.open_door import OpenDoor

routes = Routes(tag="test")
WAIT = 20.0
"""Seconds after which a test gives up; nothing here takes a second."""


class Sentence(msgspec.Struct):
    words: str


@routes.post("/v1/said", action="line.look", summary="x")
async def said(deps: Any, actor: Actor, body: Sentence) -> Sentence:
    return body


@dataclass
class Answer:
    """One response, and whether the connection ended properly behind it."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def problem(self) -> dict[str, Any]:
        assert self.headers["content-type"] == "application/problem+json"
        found = json.loads(self.body)
        assert found["status"] == self.status
        return dict(found)


class Client:
    """Somebody who writes HTTP by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def say(self, *parts: bytes) -> None:
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()

    async def answer(self) -> Answer:
        async with asyncio.timeout(WAIT):
            head = await self.reader.readuntil(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").strip().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return Answer(int(first.split()[1]), headers, body)

    async def is_over(self) -> bool:
        """The server ended the connection, by saying so and not by a reset."""
        async with asyncio.timeout(WAIT):
            return await self.reader.read() == b""


@dataclass
class House:
    """A running server."""

    port: int
    clients: list[Client] = field(default_factory=list)

    async def client(self) -> Client:
        self.clients.append(Client(*await asyncio.open_connection("127.0.0.1", self.port)))
        return self.clients[-1]

    async def close(self) -> None:
        for client in self.clients:
            client.writer.close()
            with contextlib.suppress(OSError):
                await client.writer.wait_closed()

    async def told(self, *parts: bytes) -> tuple[Answer, Client]:
        client = await self.client()
        await client.say(*parts)
        return await client.answer(), client


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    edge = Edge(
        deps=None,  # type: ignore[arg-type]
        identify=lambda token: pytest.fail("nobody shows a token here"),
        words=Words.read(),
        clock=SystemClock(),
        replays=None,  # type: ignore[arg-type]
        recording=unheard(SystemClock()),
        seconds=Histogram("seconds", "x", ["route", "status"], registry=CollectorRegistry()),
    )
    monkeypatch.setattr(limits, "HTTP_WATCH_SECONDS", 0.02)
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "start.html").write_text("<title>start</title>")
    web = Web(pages="dist", patient_pages="h5")
    listening = bind_sockets(0, "127.0.0.1")
    application = make_application(edge, list(routes), [], web, tmp_path)
    server = WebServer(application, listening, words=Words.read(), door_of=OpenDoor)  # type: ignore[arg-type]
    server.start()
    house = House(server.port)
    yield house
    await house.close()
    await server.close()


def post(body: bytes, *headers: bytes, length: int | None = None) -> bytes:
    said = b"Content-Length: %d" % (len(body) if length is None else length)
    return b"\r\n".join((b"POST /v1/said HTTP/1.1", b"Host: x", said, *headers, b"", body))


async def test_a_good_request_is_answered_and_the_next_one_too(house: House) -> None:
    client = await house.client()
    for number in range(3):
        await client.say(b"\r\n" if number else b"", post(b'{"words":"%d"}' % number))
        answer = await client.answer()
        assert (answer.status, json.loads(answer.body)) == (200, {"words": str(number)})


async def test_a_head_and_a_body_may_come_byte_by_byte(house: House) -> None:
    request = post(b'{"words":"slow"}')
    answer, _ = await house.told(*(request[at : at + 1] for at in range(len(request))))
    assert answer.status == 200


async def test_two_requests_in_one_packet_are_two_requests(house: House) -> None:
    answer, client = await house.told(post(b'{"words":"a"}') + post(b'{"words":"b"}'))
    assert json.loads(answer.body) == {"words": "a"}
    assert json.loads((await client.answer()).body) == {"words": "b"}


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"NONSENSE\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"POST /v1/said HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
        b"POST /v1/said HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"POST /v1/said HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"POST /v1/said HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
        b"POST /v1/said HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 100,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
    ids=lambda text: text[:40].decode("latin-1").strip(),
)
async def test_what_cannot_be_read_is_a_bad_request(house: House, request_bytes: bytes) -> None:
    answer, client = await house.told(request_bytes)
    assert (answer.status, answer.problem["code"]) == (400, "core.bad_request")
    assert await client.is_over()


async def test_a_head_without_an_end_is_too_large(house: House) -> None:
    endless = b"GET / HTTP/1.1\r\nHost: x\r\nCookie: " + b"a" * (limits.HTTP_HEADER_BYTES + 300_000)
    answer, client = await house.told(endless)
    assert (answer.status, answer.problem["code"]) == (431, "core.headers_too_large")
    assert await client.is_over()


async def test_the_largest_head_that_is_allowed_is_read(house: House) -> None:
    head = b"GET /v1/said HTTP/1.1\r\nHost: x\r\nCookie: "
    fits = limits.HTTP_HEADER_BYTES - len(head) - 4
    answer, _ = await house.told(head + b"a" * fits + b"\r\n\r\n")
    assert answer.status == 405
    answer, _ = await house.told(head + b"a" * (fits + 1) + b"\r\n\r\n")
    assert answer.status == 431


async def test_a_large_body_behind_a_small_head_is_not_taken_for_a_head(house: House) -> None:
    words = b"a" * (limits.HTTP_BODY_BYTES - 20)
    answer, _ = await house.told(post(b'{"words":"' + words + b'"}'))
    assert answer.status == 200


async def test_a_body_that_is_announced_too_large_is_refused_before_it_comes(house: House) -> None:
    request = post(b"", b"Accept-Language: en", b"Expect: 100-continue", length=limits.HTTP_BODY_BYTES + 1)
    answer, client = await house.told(request)
    assert (answer.status, answer.problem["code"]) == (413, "core.body_too_large")
    assert answer.problem["detail"] == "The request's body is too large."
    assert await client.is_over()


async def test_who_sends_a_large_body_anyhow_can_read_the_answer(house: House) -> None:
    answer, client = await house.told(post(b"x" * (limits.HTTP_BODY_BYTES * 10)))
    assert (answer.status, answer.problem["code"]) == (413, "core.body_too_large")
    assert await client.is_over()


async def test_chunks_count_together(house: House) -> None:
    head = b"POST /v1/said HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    small = b'8\r\n{"words"\r\n4\r\n:"a"\r\n1\r\n}\r\n0\r\n\r\n'
    answer, client = await house.told(head, small)
    assert answer.status == 200
    chunk = b"4000\r\n" + b"a" * 0x4000 + b"\r\n"
    await client.say(head, *[chunk] * 12)
    answer = await client.answer()
    assert (answer.status, answer.problem["code"]) == (413, "core.body_too_large")
    assert await client.is_over()


@pytest.mark.parametrize(
    "request_bytes",
    [b"GET /v1/said HT", b"\r\nG", post(b"", length=10), post(b"{", length=10),
     b"POST /v1/said HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4"],
)  # fmt: skip
async def test_who_does_not_go_on_is_told_so_and_sent_away(
    house: House, request_bytes: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HTTP_HEAD_SECONDS", 0.2)
    monkeypatch.setattr(limits, "HTTP_BODY_SECONDS", 0.2)
    answer, client = await house.told(request_bytes)
    assert (answer.status, answer.problem["code"]) == (408, "core.request_too_slow")
    assert await client.is_over()


async def test_a_trickle_of_header_bytes_ends_at_the_deadline(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HTTP_HEAD_SECONDS", 0.3)
    client = await house.client()

    async def trickle() -> None:
        await client.say(b"GET / HTTP/1.1\r\n")
        while True:
            await client.say(b"a")
            await asyncio.sleep(0.01)

    dripping = asyncio.create_task(trickle())
    answer = await client.answer()
    dripping.cancel()
    await asyncio.gather(dripping, return_exceptions=True)
    assert (answer.status, answer.problem["code"]) == (408, "core.request_too_slow")


async def test_a_connection_at_rest_is_closed_without_a_word(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HTTP_IDLE_SECONDS", 0.2)
    assert await (await house.client()).is_over()
    answer, client = await house.told(post(b'{"words":"a"}'))
    assert answer.status == 200
    assert await client.is_over()


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/said", "OPTIONS, POST"),
        ("BREW", "/v1/said", "OPTIONS, POST"),
        ("POST", "/", "GET, HEAD"),
        ("PUT", "/h5", "GET, HEAD"),
    ],
)
async def test_another_method_is_a_problem_everywhere(
    house: House, method: str, path: str, allowed: str
) -> None:
    answer, _ = await house.told(f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
    assert (answer.status, answer.problem["code"]) == (405, "core.method_not_allowed")
    assert answer.headers["allow"] == allowed


async def test_nobody_is_cut_off_when_the_server_ends_at_once(house: House) -> None:
    answer, client = await house.told(post(b'{"words":"a"}', b"Connection: close"))
    assert answer.status == 200
    assert await client.is_over()
