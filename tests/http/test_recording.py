"""One record for each request of a recorded action, and what happens when none can be written."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import msgspec
import pytest
from prometheus_client import CollectorRegistry, Histogram
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from accounts.policy import Reach, Rule, Touches
from adapters.memory.audit import MemoryAuditStore
from audit.log import AuditLog
from audit.record import Record, Result
from conf.words import Words
from core import limits
from core.actor import Actor, Role
from core.clock import ManualClock
from core.refusals import NotFound, Unauthenticated
from handlers.client_address import ClientAddresses
from handlers.endpoint import Edge, JsonEndpoint
from handlers.recording import Recording
from handlers.routes import Routes
from tests.http.test_edge import MemoryReplays

routes = Routes(tag="test")
done: list[str] = []
before_answer: list[Callable[[], None]] = []


class Made(msgspec.Struct):
    id: str
    digest: str = "abc"
    session: str = "not a fact"


class Wish(msgspec.Struct):
    name: str = ""


@routes.get("/health/{patient}", action="line.look", summary="x")
async def health(deps: Any, actor: Actor, patient: str) -> Made:
    """A HEALTH endpoint."""
    if patient == "someone-elses":
        raise NotFound(patient=patient)
    return await _act(patient)


@routes.post("/money", action="line.look", summary="x", replayable=True, facts=("digest",))
async def money(deps: Any, actor: Actor, body: Wish) -> Made:
    """A MONEY endpoint."""
    return await _act("order-1")


@routes.post("/work/{line}", action="line.look", summary="x")
async def work(deps: Any, actor: Actor, line: str) -> Made:
    """A WORK endpoint."""
    return await _act(line)


@routes.post("/account", action="line.look", summary="x")
async def account(deps: Any, actor: Actor) -> Made:
    """An ACCOUNT endpoint."""
    return await _act("01ACCOUNT")


@routes.get("/public/{line}", action="line.look", summary="x")
async def public(deps: Any, actor: Actor, line: str) -> Made:
    """Recorded only when it is refused for who asks."""
    raise NotFound(line=line)


RULES = {
    "/health/{patient}": Rule(frozenset({Role.PATIENT}), Touches.HEALTH, Reach.OWN),
    "/money": Rule(frozenset({Role.PATIENT}), Touches.MONEY, Reach.OWN),
    "/work/{line}": Rule(frozenset({Role.NURSE}), Touches.WORK, Reach.LINES),
    "/account": Rule(None, Touches.ACCOUNT, Reach.OPEN),
    "/public/{line}": Rule(None, Touches.NOTHING, Reach.OPEN),
}


async def _act(name: str) -> Made:
    if name == "bug":
        raise RuntimeError("张三")
    if name == "slow":
        await asyncio.sleep(60)
    done.append(name)
    for each in before_answer:
        each()
    return Made(name)


def identify(token: str) -> Actor:
    role, _, session = token.partition(".")
    if role not in set(Role):
        raise Unauthenticated()
    return Actor(id=f"{role}.7", role=Role(role), session=session)


@dataclass
class House:
    client: aiohttp.ClientSession
    store: MemoryAuditStore
    log: AuditLog
    clock: ManualClock

    async def records(self) -> list[Record]:
        """Everything recorded, once it is written."""
        async with asyncio.timeout(20):
            while self.log.backlog:
                await asyncio.sleep(0.005)
        return [link.record for link in self.store.chain]

    async def only(self) -> Record:
        [record] = await self.records()
        return record

    async def ask(self, method: str, path: str, token: str = "patient.s1", **options: Any) -> tuple[int, str]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= options.pop("headers", {})
        if method == "POST":
            options.setdefault("json", {})
        async with self.client.request(method, path, headers=headers, **options) as answer:
            return answer.status, (await answer.json()).get("code", "")


@pytest.fixture
async def house(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr(limits, "AUDIT_RETRY_SECONDS", 0.02)
    done.clear()
    before_answer.clear()
    clock = ManualClock(datetime(2026, 11, 23, 4, tzinfo=UTC))
    store = MemoryAuditStore()
    log = AuditLog(store, clock=clock, backlog=5)
    log.start()
    edge = Edge(
        deps=None,  # type: ignore[arg-type]
        identify=identify,
        words=Words.read(),
        clock=clock,
        replays=MemoryReplays(),
        recording=Recording(log, clock=clock, addresses=ClientAddresses(["127.0.0.1"])),
        seconds=Histogram("s", "s", ["route", "status"], registry=CollectorRegistry()),
    )
    ruled = [replace(route, rule=RULES[route.path]) for route in routes]
    application = Application(
        [(route.pattern, JsonEndpoint, {"edge": edge, "routes": {route.method: route}}) for route in ruled],
        default_handler_class=JsonEndpoint,
        default_handler_args={"edge": edge, "routes": {}},
        log_function=lambda handler: None,
    )
    sockets = bind_sockets(0, "127.0.0.1")
    server = HTTPServer(application)
    server.add_sockets(sockets)
    address = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
    async with aiohttp.ClientSession(address) as client:
        yield House(client, store, log, clock)
    server.stop()
    await server.close_all_connections()
    store.away = False
    await log.close()


async def test_a_record_says_who_did_what_from_where(house: House) -> None:
    through = {"X-Forwarded-For": "203.0.113.9"}
    assert await house.ask("GET", "/health/01PATIENT", headers=through) == (200, "")
    record = await house.only()
    assert record == Record(
        at_us=record.at_us,
        actor="patient.7",
        role="patient",
        address="203.0.113.9",
        action="line.look",
        object="/health/01PATIENT",
        result=Result.DONE,
        facts='{"session":"s1"}',
    )
    assert datetime.fromtimestamp(record.at_us / 1e6, UTC) == house.clock.now()


@pytest.mark.parametrize(
    ("method", "path", "token", "status", "result", "code", "object_"),
    [
        ("GET", "/health/p1", "patient", 200, "done", "", "/health/p1"),
        (
            "GET",
            "/health/someone-elses",
            "patient",
            404,
            "refused",
            "core.not_found",
            "/health/someone-elses",
        ),
        ("GET", "/health/p1", "nurse", 403, "refused", "core.forbidden", "/health/p1"),
        ("GET", "/health/p1", "", 401, "refused", "core.unauthenticated", "/health/p1"),
        ("GET", "/health/p1", "forged", 401, "refused", "core.unauthenticated", "/health/p1"),
        ("GET", "/health/bug", "patient", 500, "failed", "RuntimeError", "/health/bug"),
        ("POST", "/money", "patient", 200, "done", "", "/money#order-1"),
        ("POST", "/work/L1", "nurse", 200, "done", "", "/work/L1"),
        ("POST", "/work/L1", "patient", 403, "refused", "core.forbidden", "/work/L1"),
        ("POST", "/account", "", 200, "done", "", "/account#01ACCOUNT"),
        ("GET", "/public/L1", "forged", 401, "refused", "core.unauthenticated", "/public/L1"),
        # What a person may have typed is not kept.
        ("GET", "/health/张三", "patient", 200, "done", "", "/health/?"),
        ("GET", "/health/13800138000", "patient", 200, "done", "", "/health/?"),
        ("GET", "/health/11010119900307851X", "patient", 200, "done", "", "/health/?"),
    ],
)
async def test_each_request_leaves_one_record(
    house: House, method: str, path: str, token: str, status: int, result: str, code: str, object_: str
) -> None:
    assert (await house.ask(method, path, token))[0] == status
    record = await house.only()
    assert (record.result, record.code, record.object) == (result, code, object_)


async def test_a_body_that_cannot_be_read_is_a_refusal_too(house: House) -> None:
    assert (await house.ask("POST", "/money", json={"name": 1}))[0] == 422
    assert (await house.only()).code == "core.bad_input"


async def test_what_is_public_leaves_no_record(house: House) -> None:
    assert await house.ask("GET", "/public/L1", "") == (404, "core.not_found")
    assert await house.ask("GET", "/nowhere", "forged") == (404, "core.no_such_path")
    assert await house.records() == []


async def test_what_takes_too_long_may_have_been_done(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HTTP_ANSWER_SECONDS", 0.05)
    assert await house.ask("GET", "/health/slow") == (503, "core.took_too_long")
    assert (await house.only()).result is Result.UNKNOWN


async def test_facts_are_those_that_the_route_names(house: House) -> None:
    key = {"Idempotency-Key": "12345678"}
    assert await house.ask("POST", "/money", headers=key) == (200, "")
    assert await house.ask("POST", "/money", headers=key) == (200, "")
    first, second = [json.loads(record.facts) for record in await house.records()]
    assert first == {"session": "s1", "digest": "abc"}
    assert second == {"session": "s1", "replayed": True}
    assert done == ["order-1"]


async def test_the_answer_leaves_after_its_record_is_durable(house: House) -> None:
    for number in range(3):
        await house.ask("POST", "/money")
        assert len(house.store.chain) == number + 1


async def test_nothing_is_done_while_nothing_can_be_recorded(house: House) -> None:
    house.store.away = True
    assert await house.ask("GET", "/health/p1") == (503, "audit.unavailable")
    assert await house.ask("POST", "/money") == (503, "audit.unavailable")
    assert done == []
    # The clinic goes on, until the records that wait are too many.
    assert await house.ask("POST", "/work/L1", "nurse") == (200, "")
    while house.log.backlog < 5:
        assert await house.ask("POST", "/account", "") == (200, "")
    for path in ("/work/L1", "/account"):
        assert await house.ask("POST", path, "nurse") == (503, "audit.unavailable")
    assert await house.ask("GET", "/health/p1", "") == (503, "audit.unavailable")
    house.store.away = False
    waiting = house.log.backlog
    assert len(await house.records()) == waiting
    assert await house.ask("POST", "/money") == (200, "")
    assert done[-1] == "order-1"


async def test_what_was_done_and_cannot_be_recorded_is_said_and_recorded_later(house: House) -> None:
    await house.ask("POST", "/money")
    before_answer.append(lambda: setattr(house.store, "away", True))
    assert await house.ask("POST", "/money") == (503, "audit.done_not_recorded")
    assert done == ["order-1", "order-1"]
    assert await house.ask("POST", "/money") == (503, "audit.unavailable")
    assert len(done) == 2
    before_answer.clear()
    house.store.away = False
    records = await house.records()
    assert [(record.result, record.code) for record in records[:2]] == [(Result.DONE, "")] * 2
    assert records[2].code == "audit.unavailable"
    assert await house.ask("POST", "/money") == (200, "")


async def test_what_only_looks_shows_nothing_when_it_cannot_be_recorded(house: House) -> None:
    await house.ask("POST", "/money")
    before_answer.append(lambda: setattr(house.store, "away", True))
    assert await house.ask("GET", "/health/p1") == (503, "audit.unavailable")


async def test_a_log_that_went_away_unseen_is_noticed_before_anything_is_done(house: House) -> None:
    assert await house.ask("POST", "/money") == (200, "")
    house.store.away = True
    house.clock.advance(timedelta(seconds=limits.AUDIT_PROOF_SECONDS + 0.1))
    assert await house.ask("POST", "/money") == (503, "audit.unavailable")
    assert done == ["order-1"]


async def test_many_at_once_are_written_together(house: House) -> None:
    house.log._bound = 1_000
    answers = await asyncio.gather(*(house.ask("GET", f"/health/p{n}") for n in range(60)))
    assert set(answers) == {(200, "")}
    assert sorted(record.object for record in await house.records()) == sorted(
        f"/health/p{n}" for n in range(60)
    )
