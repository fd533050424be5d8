"""The edge: from bytes to a call and back; every no is a problem with a stable code, never a 500."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import aiohttp
import msgspec
import pytest
from prometheus_client import CollectorRegistry, Histogram
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from conf.words import Words
from core import limits
from core.actor import Actor, Role
from core.clock import ManualClock
from core.refusals import Kind, Refusal, StorageUnavailable, Unauthenticated
from core.replays import Kept, KeyInFlight, KeyReused
from handlers.endpoint import Edge, JsonEndpoint
from handlers.routes import Plain, Routes
from tests.http.recordings import unheard

routes = Routes(tag="test")
calls: list[str] = []


class Wish(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    times: int = 1


class Filter(msgspec.Struct):
    limit: int = 10


class Answer(msgspec.Struct):
    said: str


class AlreadyGone(Refusal):
    code = "core.idempotency_key_in_flight"
    kind = Kind.CONFLICT


@routes.get("/hello/{name}", action="line.look", summary="x")
async def hello(deps: Any, actor: Actor, name: str, query: Filter) -> Answer:
    return Answer(f"{name} {query.limit} {actor.role}")


@routes.post("/wishes", action="line.look", summary="x", status=201, replayable=True)
async def wish(deps: Any, actor: Actor, body: Wish) -> Answer:
    calls.append(body.name)
    if body.name == "full":
        raise StorageUnavailable(why="full")
    if body.name == "gone":
        raise AlreadyGone()
    if body.name == "bug":
        raise RuntimeError("张三 110101199003078515")
    if body.name == "slow":
        await asyncio.sleep(5)
    return Answer(f"{body.name}×{body.times}")


@routes.get("/staff", action="line.work", summary="x")
async def staff_only(deps: Any, actor: Actor) -> Answer:
    return Answer(actor.id)


@routes.get("/plain", action="line.look", summary="x")
async def plain(deps: Any, actor: Actor) -> Plain:
    return Plain(b"m 1\n", "text/plain")


def identify(token: str) -> Actor:
    try:
        return Actor(id=token, role=Role(token))
    except ValueError:
        raise Unauthenticated() from None


class MemoryReplays:
    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], tuple[bytes, Kept | None]] = {}

    async def claim(self, *, scope: str, key: str, fingerprint: bytes, at: datetime) -> Kept | None:
        if (scope, key) not in self.kept:
            self.kept[scope, key] = (fingerprint, None)
            return None
        first, kept = self.kept[scope, key]
        if first != fingerprint:
            raise KeyReused()
        if kept is None:
            raise KeyInFlight()
        return kept

    async def keep(self, *, scope: str, key: str, kept: Kept) -> None:
        self.kept[scope, key] = (self.kept[scope, key][0], kept)

    async def release(self, *, scope: str, key: str) -> None:
        del self.kept[scope, key]


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    edge = Edge(
        deps=None,  # type: ignore[arg-type]
        identify=identify,
        words=Words.read(),
        clock=ManualClock(datetime(2026, 11, 23, tzinfo=UTC)),
        replays=MemoryReplays(),
        recording=unheard(ManualClock(datetime(2026, 11, 23, tzinfo=UTC))),
        seconds=Histogram("s", "s", ["route", "status"], registry=CollectorRegistry()),
    )
    calls.clear()
    by_path: dict[str, dict[str, Any]] = {}
    for route in routes:
        by_path.setdefault(route.pattern, {})[route.method] = route
    application = Application(
        [(pattern, JsonEndpoint, {"edge": edge, "routes": found}) for pattern, found in by_path.items()],
        default_handler_class=JsonEndpoint,
        default_handler_args={"edge": edge, "routes": {}},
        log_function=lambda handler: None,
    )
    sockets = bind_sockets(0, "127.0.0.1")
    server = HTTPServer(application, max_body_size=limits.HTTP_BODY_BYTES)
    server.add_sockets(sockets)
    base = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
    async with aiohttp.ClientSession(base) as session:
        yield session
    server.stop()
    await server.close_all_connections()


async def problem(response: aiohttp.ClientResponse) -> tuple[int, str, str | None]:
    assert response.content_type == "application/problem+json"
    body = await response.json()
    assert body["status"] == response.status
    assert body["title"]
    assert body["detail"]
    return response.status, body["code"], body.get("field")


async def test_path_query_and_actor_reach_the_function(client: aiohttp.ClientSession) -> None:
    async with client.get("/hello/wang?limit=3") as response:
        assert response.status == 200
        assert await response.json() == {"said": "wang 3 anonymous"}
        assert response.headers["Cache-Control"] == "no-store"
        assert "Server" not in response.headers or "Tornado" not in response.headers["Server"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"times": 2}', "$.name"),
        (b'{"name": 1}', "$.name"),
        (b'{"name": "a", "times": "x"}', "$.times"),
        (b'{"name": "a", "colour": 1}', "$.colour"),
        (b"[]", "$"),
        (b"{", "$"),
        (b"\xff\xfe", "$"),
        (b"", "$.name"),
    ],
)
async def test_a_wrong_body_names_the_field(client: aiohttp.ClientSession, body: bytes, field: str) -> None:
    headers = {"Content-Type": "application/json"}
    async with client.post("/wishes", data=body, headers=headers) as response:
        assert await problem(response) == (422, "core.bad_input", field)
    assert calls == []


async def test_a_wrong_query_names_the_parameter(client: aiohttp.ClientSession) -> None:
    async with client.get("/hello/x?limit=many") as response:
        assert await problem(response) == (422, "core.bad_input", "?limit")
    async with client.get("/hello/x?colour=red") as response:
        assert await problem(response) == (422, "core.bad_input", "?colour")


async def test_another_media_type_is_refused(client: aiohttp.ClientSession) -> None:
    async with client.post("/wishes", data=b"name=a", headers={"Content-Type": "text/plain"}) as response:
        assert await problem(response) == (422, "core.bad_input", "Content-Type")


async def test_who_may_not_is_told_apart_from_who_is_unknown(client: aiohttp.ClientSession) -> None:
    async with client.get("/staff") as response:
        assert (await problem(response))[:2] == (401, "core.unauthenticated")
        assert response.headers["WWW-Authenticate"] == "Bearer"
    for wrong in ("Bearer forged", "Basic abc", "Bearer", "x"):
        async with client.get("/staff", headers={"Authorization": wrong}) as response:
            assert (await problem(response))[0] == 401
    async with client.get("/staff", headers={"Authorization": "Bearer patient"}) as response:
        assert (await problem(response))[:2] == (403, "core.forbidden")
    async with client.get("/staff", headers={"Authorization": "Bearer nurse"}) as response:
        assert response.status == 200


async def test_no_such_path_and_wrong_method(client: aiohttp.ClientSession) -> None:
    async with client.get("/nothing") as response:
        assert (await problem(response))[:2] == (404, "core.no_such_path")
    async with client.post("/plain") as response:
        assert (await problem(response))[:2] == (405, "core.method_not_allowed")
        assert response.headers["Allow"] == "GET, OPTIONS"
    for method in ("PUT", "DELETE", "PATCH"):
        async with client.request(method, "/plain") as response:
            assert (await problem(response))[:2] == (405, "core.method_not_allowed")
            assert response.headers["Allow"] == "GET, OPTIONS"


async def test_refusals_and_storage_trouble_are_problems(client: aiohttp.ClientSession) -> None:
    async with client.post("/wishes", json={"name": "full"}) as response:
        assert (await problem(response))[:2] == (503, "core.storage_unavailable")
        assert "Retry-After" in response.headers
    async with client.post("/wishes", json={"name": "gone"}) as response:
        assert (await problem(response))[0] == 409


async def test_our_own_fault_tells_a_number_and_nothing_of_its_inside(
    client: aiohttp.ClientSession, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    async with client.post("/wishes", json={"name": "bug"}) as response:
        text = await response.text()
        assert (await problem(response))[:2] == (500, "core.internal")
    output = capfd.readouterr()
    for seen in (text, output.out, output.err, caplog.text):
        assert "张三" not in seen
        assert "110101" not in seen


async def test_an_answer_that_takes_too_long_is_said_to_be_unknown(
    client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HTTP_ANSWER_SECONDS", 0.05)
    async with client.post("/wishes", json={"name": "slow"}) as response:
        assert (await problem(response))[:2] == (503, "core.took_too_long")


async def test_the_same_key_gets_the_first_answer_and_is_done_once(client: aiohttp.ClientSession) -> None:
    headers = {"Idempotency-Key": "key-00000001"}
    for _ in range(2):
        async with client.post("/wishes", json={"name": "once"}, headers=headers) as response:
            assert response.status == 201
            assert await response.json() == {"said": "once×1"}
    assert calls == ["once"]
    async with client.post("/wishes", json={"name": "other"}, headers=headers) as response:
        assert (await problem(response))[:2] == (422, "core.idempotency_key_reused")
    for wrong in ("short", ""):
        async with client.post("/wishes", json={"name": "x"}, headers={"Idempotency-Key": wrong}) as response:
            assert await problem(response) == (422, "core.bad_input", "Idempotency-Key")


async def test_a_failed_request_gives_its_key_back(client: aiohttp.ClientSession) -> None:
    headers = {"Idempotency-Key": "key-00000002"}
    for _ in range(2):
        async with client.post("/wishes", json={"name": "full"}, headers=headers) as response:
            assert response.status == 503
    assert calls == ["full", "full"]


async def test_a_body_over_the_bound_is_not_read(client: aiohttp.ClientSession) -> None:
    big = b'{"name": "' + b"x" * limits.HTTP_BODY_BYTES + b'"}'
    try:
        async with client.post("/wishes", data=big, headers={"Content-Type": "application/json"}) as response:
            assert response.status in (400, 413)
    except aiohttp.ClientError:
        pass
    assert calls == []


async def test_problems_speak_both_languages(client: aiohttp.ClientSession) -> None:
    said = set()
    for language in ("zh-CN", "en"):
        async with client.get("/nothing", headers={"Accept-Language": language}) as response:
            said.add((await response.json())["detail"])
    assert len(said) == 2


async def test_a_plain_answer_keeps_its_media_type(client: aiohttp.ClientSession) -> None:
    async with client.get("/plain") as response:
        assert response.content_type == "text/plain"
        assert await response.read() == b"m 1\n"
