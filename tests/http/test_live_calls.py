"""An endpoint called over a socket: the same policy, the same count and the same record as over HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry, Histogram

from accounts.policy import Reach, Rule, Touches
from accounts.quota import TooManyRequests
from adapters.memory.audit import MemoryAuditStore
from adapters.memory.quotas import MemoryQuotas
from audit.log import AuditLog, AuditUnavailable
from audit.record import Record, Result
from conf.words import Words
from core import limits
from core.actor import ANONYMOUS, Actor, Role
from core.clock import ManualClock
from core.refusals import BadInput, Forbidden, NotFound, Refusal, Unauthenticated
from handlers.client_address import ClientAddresses
from handlers.endpoint import Edge
from handlers.live_calls import LiveCalls
from handlers.quota import RequestQuotas
from handlers.recording import Recording
from handlers.routes import RawBody, Routes
from realtime.terms import Asking
from tests.http.test_edge import MemoryReplays

routes = Routes(tag="test")
PATIENT = Actor(id="u42", role=Role.PATIENT, session="s1")
NURSE = Actor(id="nurse.7", role=Role.NURSE)


class Wish(msgspec.Struct, forbid_unknown_fields=True):
    text: str
    at: datetime | None = None


class Made(msgspec.Struct):
    id: str
    text: str
    by: str


@routes.post("/v1/talk/{talk}/say", action="line.look", summary="x", live="talk.say")
async def say(deps: Any, actor: Actor, talk: str, body: Wish) -> Made:
    """A HEALTH endpoint."""
    if talk == "somebody-elses":
        raise NotFound(talk=talk)
    if talk == "bug":
        raise RuntimeError("张三")
    return Made(talk, body.text, actor.id)


@routes.post("/v1/talk/plain", action="line.look", summary="x", live="talk.plain")
async def plain(deps: Any, actor: Actor) -> Made:
    """Takes nothing."""
    return Made("p", "", actor.id)


class Calls:
    def __init__(self, touches: Touches = Touches.HEALTH, scale: float = 0) -> None:
        self.clock = ManualClock(datetime(2026, 11, 23, 4, tzinfo=UTC))
        self.store = MemoryAuditStore()
        self.log = AuditLog(self.store, clock=self.clock)
        self.log.start()
        own = MemoryQuotas(self.clock)
        rule = Rule(frozenset({Role.PATIENT}), touches, Reach.OWN)
        self.methods = LiveCalls([replace(route, rule=rule) for route in routes])
        self.methods.open(
            Edge(
                deps=None,  # type: ignore[arg-type]
                identify=lambda token: ANONYMOUS,
                words=Words.read(),
                clock=self.clock,
                replays=MemoryReplays(),
                recording=Recording(self.log, clock=self.clock, addresses=ClientAddresses()),
                seconds=Histogram("s", "s", ["route", "status"], registry=CollectorRegistry()),
                quotas=RequestQuotas(own=own, shared=own, scale=scale),
            )
        )

    async def says(self, data: object, *, actor: Actor = PATIENT, name: str = "talk.say") -> Any:
        text = data if isinstance(data, bytes) else json.dumps(data).encode()
        return json.loads(await self.methods[name](Asking(actor, "203.0.113.9"), text))

    async def only(self) -> Record:
        async with asyncio.timeout(20):
            while self.log.backlog:
                await asyncio.sleep(0.005)
        [link] = self.store.chain
        return link.record


@pytest.fixture
async def calls() -> AsyncIterator[Calls]:
    made = Calls()
    yield made
    made.store.away = False
    await made.log.close()


async def test_parts_of_the_path_are_fields_and_the_rest_is_the_body(calls: Calls) -> None:
    told = {"talk": "c7", "text": "您好", "at": "2026-11-23T12:00:00+08:00"}
    assert await calls.says(told) == {"id": "c7", "text": "您好", "by": "u42"}
    record = await calls.only()
    assert record == Record(
        at_us=record.at_us,
        actor="u42",
        role="patient",
        address="203.0.113.9",
        action="line.look",
        object="/v1/talk/c7/say",
        result=Result.DONE,
        facts='{"over":"socket","session":"s1"}',
    )


async def test_nothing_need_be_said_where_nothing_is_taken(calls: Calls) -> None:
    assert (await calls.says(b"", name="talk.plain"))["by"] == "u42"
    assert set(calls.methods) == {"talk.say", "talk.plain"}
    assert len(calls.methods) == 2
    assert calls.methods.get("talk.nothing") is None


@pytest.mark.parametrize(
    ("actor", "data", "refusal"),
    [
        (NURSE, {"talk": "c7", "text": "x"}, Forbidden),
        (ANONYMOUS, {"talk": "c7", "text": "x"}, Unauthenticated),
        (PATIENT, {"talk": "somebody-elses", "text": "x"}, NotFound),
        (PATIENT, {"talk": "c7"}, BadInput),
        (PATIENT, {"text": "x"}, BadInput),
        (PATIENT, {"talk": 7, "text": "x"}, BadInput),
        (PATIENT, {"talk": "c7", "text": "x", "other": 1}, BadInput),
        (PATIENT, {"talk": "c7", "text": 7}, BadInput),
        (PATIENT, b"[1]", BadInput),
        (PATIENT, b"{", BadInput),
        (NURSE, b"{", Forbidden),
    ],
)
async def test_a_no_is_recorded_as_over_http(
    calls: Calls, actor: Actor, data: object, refusal: type[Refusal]
) -> None:
    with pytest.raises(refusal):
        await calls.says(data, actor=actor)
    record = await calls.only()
    assert (record.result, record.code, record.actor) == (Result.REFUSED, refusal.code, actor.id)


async def test_a_fault_of_ours_is_recorded_without_its_words(calls: Calls) -> None:
    with pytest.raises(RuntimeError):
        await calls.says({"talk": "bug", "text": "x"})
    record = await calls.only()
    assert (record.result, record.code) == (Result.FAILED, "RuntimeError")
    assert "张三" not in repr(record)


async def test_nothing_is_said_while_nothing_can_be_recorded() -> None:
    for touches in (Touches.HEALTH, Touches.TALK):
        calls = Calls(touches)
        calls.store.away = True
        with pytest.raises(AuditUnavailable):
            await calls.says({"talk": "c7", "text": "x"})
        calls.store.away = False
        assert await calls.says({"talk": "c7", "text": "x"})
        await calls.log.close()


async def test_what_its_own_chain_keeps_does_not_wait_for_the_logs_record() -> None:
    calls = Calls(Touches.TALK)
    assert await calls.says({"talk": "c7", "text": "x"})
    assert calls.log.backlog == 1
    assert (await calls.only()).result is Result.DONE
    await calls.log.close()


async def test_an_account_is_counted_over_sockets_too() -> None:
    calls = Calls(scale=0.01)
    for _ in range(limits.QUOTA_CHANGES_OF_AN_ACCOUNT[0] // 100):
        assert await calls.says({"talk": "c7", "text": "x"})
    with pytest.raises(TooManyRequests):
        await calls.says({"talk": "c7", "text": "x"})
    await calls.log.close()


def test_what_only_a_request_has_is_no_method() -> None:
    strange = Routes(tag="test")

    @strange.post("/v1/raw", action="line.look", summary="x", live="raw")
    async def raw_endpoint(deps: Any, actor: Actor, raw: RawBody) -> Made:
        """Takes the body as it came."""
        raise AssertionError

    with pytest.raises(TypeError):
        LiveCalls(strange)
