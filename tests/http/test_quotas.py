"""Who asks too often is told when to ask again; others at the same address, account or process go on."""

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Histogram
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from accounts.policy import POLICY, Reach, Rule, Touches
from accounts.quota import ALLOWED, Asker, Pace, TooManyRequests, pace_of
from adapters.memory.quotas import MemoryQuotas
from conf.words import Words
from core.actor import Actor, Role
from core.clock import ManualClock
from core.refusals import Unauthenticated
from handlers.client_address import ClientAddresses
from handlers.endpoint import Edge, JsonEndpoint
from handlers.quota import RequestQuotas
from handlers.routes import Routes
from tests.http.recordings import unheard
from tests.http.test_edge import Answer, MemoryReplays

routes = Routes(tag="test")
SIGN_IN = Rule(None, Touches.ACCOUNT, Reach.OPEN)


@routes.get("/looks", action="line.look", summary="x")
async def look(deps: Any, actor: Actor) -> Answer:
    return Answer(actor.id)


@routes.post("/changes", action="line.look", summary="x")
async def change(deps: Any, actor: Actor) -> Answer:
    return Answer(actor.id)


@routes.get("/guarded", action="line.work", summary="x")
async def guarded(deps: Any, actor: Actor) -> Answer:
    return Answer(actor.id)


def identify(token: str) -> Actor:
    if token.startswith("forged"):
        raise Unauthenticated()
    return Actor(id=token, role=Role.PATIENT)


class Crowd:
    """Askers before one server whose clock stands still."""

    def __init__(self, http: aiohttp.ClientSession, clock: ManualClock) -> None:
        self.http = http
        self.clock = clock

    async def asks(
        self,
        times: int,
        *,
        method: str = "POST",
        address: str = "203.0.113.1",
        token: str = "",
        device: str = "",
        path: str = "",
    ) -> list[int]:
        """The statuses of that many requests, after one another."""
        headers = {"X-Forwarded-For": address, "X-Device": device}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        path = path or ("/looks" if method == "GET" else "/changes")
        statuses = []
        for _ in range(times):
            async with self.http.request(method, path, headers=headers) as response:
                statuses.append(response.status)
                self.last = response
                self.said = await response.json()
        return statuses


@pytest.fixture
async def crowd() -> AsyncIterator[Crowd]:
    clock = ManualClock(datetime(2026, 11, 26, tzinfo=UTC))
    own = MemoryQuotas(clock)
    edge = Edge(
        deps=None,  # type: ignore[arg-type]
        identify=identify,
        words=Words.read(),
        clock=clock,
        replays=MemoryReplays(),
        recording=unheard(clock),
        seconds=Histogram("s", "s", ["route", "status"], registry=CollectorRegistry()),
        addresses=ClientAddresses(["127.0.0.1"]),
        quotas=RequestQuotas(own=own, shared=own, scale=0.1),
    )
    rules: list[Any] = [
        (route.pattern, JsonEndpoint, {"edge": edge, "routes": {route.method: route}}) for route in routes
    ]
    sockets = bind_sockets(0, "127.0.0.1")
    server = HTTPServer(Application(rules, log_function=lambda handler: None))
    server.add_sockets(sockets)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{sockets[0].getsockname()[1]}") as http:
        yield Crowd(http, clock)
    server.stop()
    await server.close_all_connections()


def narrow(pace: Pace, asker: Asker) -> int:
    """How many at once, at a tenth."""
    return ALLOWED[pace][asker].times(0.1).at_once


async def test_an_account_that_asks_too_often_is_told_when_to_come_back(crowd: Crowd) -> None:
    many = narrow(Pace.CHANGE, Asker.ACCOUNT)
    assert await crowd.asks(many + 2, token="a") == [200] * many + [429] * 2
    assert crowd.last.content_type == "application/problem+json"
    assert crowd.said["code"] == "core.too_many_requests"
    again = crowd.said["params"]["again_after_seconds"]
    assert crowd.last.headers["Retry-After"] == str(again) == "1"
    assert await crowd.asks(1, token="b") == [200]
    assert await crowd.asks(1, token="a", method="GET") == [200]
    crowd.clock.advance(timedelta(seconds=again))
    assert await crowd.asks(1, token="a") == [200]


async def test_what_an_account_is_refused_does_not_count_for_its_address(crowd: Crowd) -> None:
    """One phone gone wild does not lock the waiting hall's Wi-Fi out."""
    address, account = narrow(Pace.CHANGE, Asker.ADDRESS), narrow(Pace.CHANGE, Asker.ACCOUNT)
    await crowd.asks(address + 20, token="wild")
    left = address - account
    taken = []
    for number in range(left // account + 1):
        taken += await crowd.asks(account, token=f"calm{number}")
    assert taken.count(200) == left


async def test_an_address_is_counted_whoever_asks_from_it(crowd: Crowd) -> None:
    many = narrow(Pace.CHANGE, Asker.ADDRESS)
    assert (await crowd.asks(many + 3)).count(200) == many
    assert await crowd.asks(1, address="203.0.113.2") == [200]
    # Of IPv6 a customer has a whole /64.
    statuses = await crowd.asks(many, address="2001:db8::1") + await crowd.asks(1, address="2001:db8::2")
    assert statuses == [200] * many + [429]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_guessing_tokens_is_counted_by_itself(crowd: Crowd, method: str) -> None:
    """Each refusal is a record: who has no token cannot fill the log as fast as others read."""
    many = narrow(Pace.REFUSAL, Asker.ADDRESS)
    statuses = [
        status
        for number in range(many + 2)
        for status in await crowd.asks(1, token=f"forged{number}", method=method)
    ]
    assert statuses == [401] * many + [429] * 2
    assert await crowd.asks(1, token="a", method=method) == [200]
    assert await crowd.asks(1, address="203.0.113.2", token="forged", method=method) == [401]


async def test_asking_for_what_needs_a_token_without_one_is_counted_so_too(crowd: Crowd) -> None:
    many = narrow(Pace.REFUSAL, Asker.ADDRESS)
    assert await crowd.asks(many + 2, path="/guarded", method="GET") == [401] * many + [429] * 2


async def test_a_device_is_counted_by_the_name_it_has(crowd: Crowd) -> None:
    many, device = narrow(Pace.CHANGE, Asker.DEVICE), "0123456789abcdef"
    statuses = [
        status
        for number in range(many + 1)
        for status in await crowd.asks(1, address=f"203.0.113.{number + 1}", device=device)
    ]
    assert statuses == [200] * many + [429]
    for odd in ("", "short", "x" * 65, "名字" * 10, "0123456789abcde|"):
        assert (await crowd.asks(many + 1, address=f"198.51.100.{len(odd)}", device=odd)).count(
            200
        ) == many + 1


async def test_this_machine_itself_has_no_address(crowd: Crowd) -> None:
    many = narrow(Pace.CHANGE, Asker.ADDRESS)
    assert set(await crowd.asks(many + 5, address="127.0.0.1")) == {200}


def test_trying_to_sign_in_is_strict_and_reading_is_wide() -> None:
    assert pace_of(SIGN_IN, "POST") is Pace.SIGN_IN
    assert pace_of(SIGN_IN, "GET") is Pace.READ
    assert pace_of(POLICY["line.work"], "POST") is pace_of(POLICY["session.refresh"], "POST") is Pace.CHANGE
    for asker in (Asker.ADDRESS, Asker.DEVICE):
        rates = [
            ALLOWED[pace][asker].per_second for pace in (Pace.SIGN_IN, Pace.REFUSAL, Pace.CHANGE, Pace.READ)
        ]
        assert rates == sorted(set(rates))


async def test_refusals_are_counted_by_their_pace() -> None:
    own, told = MemoryQuotas(ManualClock(datetime(2026, 11, 26, tzinfo=UTC))), list[Pace]()
    quotas = RequestQuotas(own=own, shared=own, scale=0.001, refused=told.append)
    patient = Actor("a", Role.PATIENT)
    for pace in (Pace.READ, Pace.CHANGE, Pace.CHANGE):
        with contextlib.suppress(TooManyRequests):
            await quotas.admit(pace, patient, address=b"", device=None)
    assert told == [Pace.CHANGE]


async def test_a_scale_of_nothing_is_no_limit() -> None:
    own = MemoryQuotas(ManualClock(datetime(2026, 11, 26, tzinfo=UTC)))
    quotas = RequestQuotas(own=own, shared=own, scale=0)
    for _ in range(5_000):
        await quotas.admit(Pace.CHANGE, Actor("a", Role.PATIENT), address=b"\xcb\0\x71\1", device=None)
