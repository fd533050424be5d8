"""``clinic.health_cards.HealthCards``: the same promises of offline, provincial and Tencent issuers."""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiohttp import web
from hypothesis import given as hypothesis_given
from hypothesis import settings
from hypothesis import strategies as st

from adapters.health_card.offline import OfflineCards
from adapters.health_card.provincial import ProvincialCards, ProvincialKeys
from adapters.health_card.tencent import TencentCards, TencentKeys, signature
from adapters.memory.lent_credentials import MemoryCredentials
from adapters.outgoing.exchange import Exchange
from clinic.health_cards import (
    CardRefused,
    CardsAway,
    CodeExpired,
    CodeKind,
    CodeRefused,
    CodeUsed,
    HealthCards,
    OtherIssuer,
    Scene,
)
from clinic.real_name import Person, read_person
from core.clock import ManualClock, SystemClock
from demo.health_card import HealthCardServer
from tests.contract.sql_examples import NOON
from tests.unit.clinic.papers import SAMPLE, TODAY, given, resident_number, years_ago

SEALED_AT_PROVINCE = ("李大明", SAMPLE, "13800138000")


def person(number: str = SAMPLE) -> Person:
    return read_person(given(number), today=TODAY)


class Issuing:
    """One issuer, its clock, and its simulator where it has one."""

    def __init__(self, cards: HealthCards, clock: ManualClock, server: HealthCardServer | None) -> None:
        self.cards = cards
        self.clock = clock
        self.server = server

    @property
    def simulated(self) -> HealthCardServer:
        assert self.server is not None
        return self.server

    async def code(self, kind: CodeKind = CodeKind.DYNAMIC) -> str:
        card = await self.cards.apply(person())
        return (await self.cards.show(card, person(), kind)).text


@pytest.fixture
async def simulator() -> AsyncIterator[tuple[HealthCardServer, ManualClock, str]]:
    clock = ManualClock(SystemClock().now())
    server = HealthCardServer(now=lambda: clock.now().timestamp())
    runner = web.AppRunner(server.application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield server, clock, f"http://127.0.0.1:{runner.addresses[0][1]}"
    server.faults.held.set()
    await runner.cleanup()


async def opened(
    name: str, simulator: tuple[HealthCardServer, ManualClock, str], seconds: float
) -> AsyncIterator[Issuing]:
    server, clock, address = simulator
    agreed = server.agreed
    if name == "offline":
        offline = OfflineCards(
            b"k" * 32, issuer=agreed.issuer, code_seconds=60, clock=clock, random=os.urandom
        )
        yield Issuing(offline, clock, None)
        return
    async with Exchange(name, base=address, reply_seconds=seconds) as exchange:
        if name == "provincial":
            keys = ProvincialKeys(agreed.app, agreed.issuer, agreed.secret.encode(), agreed.fields)
            yield Issuing(ProvincialCards(keys, exchange=exchange, path="/ehc", clock=clock), clock, server)
            return
        tencent = TencentCards(
            TencentKeys(agreed.app, agreed.hospital, agreed.issuer, 60, secret=agreed.secret),
            exchange=exchange,
            store=MemoryCredentials(clock),
            clock=clock,
        )
        yield Issuing(tencent, clock, server)
        await tencent.close()


@pytest.fixture(params=["offline", "provincial", "tencent"])
async def issuing(
    request: pytest.FixtureRequest, simulator: tuple[HealthCardServer, ManualClock, str]
) -> AsyncIterator[Issuing]:
    async for made in opened(request.param, simulator, 30):
        yield made


@pytest.fixture(params=["provincial", "tencent"])
async def outside(
    request: pytest.FixtureRequest, simulator: tuple[HealthCardServer, ManualClock, str]
) -> AsyncIterator[Issuing]:
    async for made in opened(request.param, simulator, 30):
        yield made


async def test_a_person_has_one_card(issuing: Issuing) -> None:
    assert await issuing.cards.query(person()) is None
    card = await issuing.cards.apply(person())
    assert await issuing.cards.apply(person()) == await issuing.cards.query(person()) == card
    other = await issuing.cards.apply(person(resident_number(years_ago(30))))
    assert other.card != card.card
    assert len(card.main_index) == 64
    assert other.main_index != card.main_index
    assert SAMPLE not in card.card + card.main_index


async def test_a_dynamic_code_says_whose_it_is_until_it_ends(issuing: Issuing) -> None:
    card = await issuing.cards.apply(person())
    code = await issuing.cards.show(card, person(), CodeKind.DYNAMIC)
    assert code.kind is CodeKind.DYNAMIC
    assert code.good_until is not None
    assert timedelta(seconds=58) <= code.good_until - issuing.clock.now() <= timedelta(seconds=61)
    assert await issuing.cards.verify(code.text, scene=Scene.REGISTRATION) == card
    again = await issuing.cards.show(card, person(), CodeKind.DYNAMIC)
    assert again.text != code.text
    issuing.clock.advance(timedelta(seconds=61))
    with pytest.raises(CodeExpired):
        await issuing.cards.verify(again.text, scene=Scene.REGISTRATION)


async def test_a_static_code_does_not_end(issuing: Issuing) -> None:
    card = await issuing.cards.apply(person())
    code = await issuing.cards.show(card, person(), CodeKind.STATIC)
    assert (code.text, code.good_until) == (f"{card.main_index}:1", None)
    issuing.clock.advance(timedelta(days=1))
    assert await issuing.cards.verify(code.text, scene=Scene.PAYMENT) == card


async def test_what_was_altered_is_refused(issuing: Issuing) -> None:
    code = await issuing.code()
    for place in (3, 64, 66, 70, 78, 82, 95):
        other = "0" if code[place] != "0" else "1"
        with pytest.raises((CodeRefused, OtherIssuer)):
            await issuing.cards.verify(code[:place] + other + code[place + 1 :], scene=Scene.PAYMENT)
    for nothing in ("x", "0" * 64, code + "0", code.replace(":0:", ":2:")):
        with pytest.raises((CodeRefused, OtherIssuer)):
            await issuing.cards.verify(nothing, scene=Scene.PAYMENT)


async def test_a_code_of_another_issuer_is_told_apart(issuing: Issuing) -> None:
    code = await issuing.code()
    with pytest.raises(OtherIssuer):
        await issuing.cards.verify(code.rpartition(":")[0] + ":OTHER9", scene=Scene.PAYMENT)


async def test_an_issuer_outside_knows_what_was_used(outside: Issuing) -> None:
    code = await outside.code()
    await outside.cards.verify(code, scene=Scene.PAYMENT)
    with pytest.raises(CodeUsed):
        await outside.cards.verify(code, scene=Scene.PAYMENT)
    await outside.cards.verify(code, scene=Scene.PHARMACY)


@pytest.mark.parametrize("trouble", ["error", "garbage"])
async def test_an_issuer_in_trouble_is_away_and_comes_back(outside: Issuing, trouble: str) -> None:
    outside.simulated.faults.kind = trouble
    with pytest.raises(CardsAway):
        await outside.cards.apply(person())
    assert outside.simulated.province.applied == outside.simulated.tencent.applied == 0
    outside.simulated.faults.kind = ""
    async with asyncio.timeout(30):
        while True:
            try:
                await outside.cards.apply(person())
                return
            except CardsAway:  # a token that could not be fetched is not asked for again at once
                outside.clock.advance(timedelta(seconds=1))


@settings(deadline=None, max_examples=200)
@hypothesis_given(st.data())
def test_no_slip_in_an_offline_code_is_taken(data: st.DataObject) -> None:
    clock = ManualClock(NOON)
    cards = OfflineCards(b"k" * 32, issuer="ORG001", code_seconds=60, clock=clock, random=bytes)

    async def told() -> None:
        card = await cards.apply(person())
        code = (await cards.show(card, person(), CodeKind.DYNAMIC)).text
        place = data.draw(st.integers(0, len(code) - 1))
        other = data.draw(st.sampled_from("0123456789abcdef:OX").filter(lambda each: each != code[place]))
        with pytest.raises((CodeRefused, OtherIssuer)):
            await cards.verify(code[:place] + other + code[place + 1 :], scene=Scene.PAYMENT)
        ahead = data.draw(st.integers(0, 200))
        clock.advance(timedelta(seconds=ahead))
        try:
            assert await cards.verify(code, scene=Scene.PAYMENT) == card
            assert ahead < 61
        except CodeExpired:
            assert ahead >= 59

    asyncio.run(told())


@pytest.mark.parametrize("name", ["provincial", "tencent"])
async def test_an_issuer_that_hangs_is_given_up(
    simulator: tuple[HealthCardServer, ManualClock, str], name: str
) -> None:
    async for issuing in opened(name, simulator, 0.3):
        simulator[0].faults.kind = "hang"
        with pytest.raises(CardsAway) as away:
            await issuing.cards.apply(person())
        assert away.value.facts == {"why": "timeout"}


@pytest.mark.parametrize("trouble", ["unsigned", "old"])
async def test_a_province_that_is_none_is_not_believed(
    simulator: tuple[HealthCardServer, ManualClock, str], trouble: str
) -> None:
    async for issuing in opened("provincial", simulator, 30):
        simulator[0].faults.kind = trouble
        with pytest.raises(CardsAway):
            await issuing.cards.apply(person())


async def test_nothing_that_names_a_person_travels_plain_to_the_province(
    simulator: tuple[HealthCardServer, ManualClock, str],
) -> None:
    async for issuing in opened("provincial", simulator, 30):
        await issuing.code()
        await issuing.cards.query(person())
        sent = b"".join(simulator[0].bodies).decode()
        assert len(simulator[0].bodies) == 3
        for secret in SEALED_AT_PROVINCE:
            assert secret not in sent
            assert secret.encode("unicode_escape").decode() not in sent


async def test_wrong_keys_are_refused(simulator: tuple[HealthCardServer, ManualClock, str]) -> None:
    server, clock, address = simulator
    async with Exchange("x", base=address) as exchange:
        keys = ProvincialKeys("app", "ORG001", b"another", server.agreed.fields)
        with pytest.raises(CardsAway):  # its answers are signed with the right one
            await ProvincialCards(keys, exchange=exchange, path="/ehc", clock=clock).apply(person())
        tencent = TencentCards(
            TencentKeys("app", "H", "I", 60, secret="another"),
            exchange=exchange,
            store=MemoryCredentials(clock),
            clock=clock,
        )
        with pytest.raises(CardRefused):
            await tencent.apply(person())
        await tencent.close()
    assert server.province.applied == server.tencent.applied == 0


async def test_a_token_that_died_is_replaced_once(
    simulator: tuple[HealthCardServer, ManualClock, str],
) -> None:
    async for issuing in opened("tencent", simulator, 30):
        await issuing.cards.apply(person())
        simulator[0].tokens.clear()
        await issuing.cards.apply(person())
        assert len(simulator[0].tokens) == 1
        simulator[0].faults.kind = "token"
        with pytest.raises(CardsAway) as away:
            await issuing.cards.apply(person())
        assert away.value.facts == {"why": "token_refused"}


def test_tencents_signature_leaves_out_what_is_empty_and_keeps_zero() -> None:
    members: dict[str, str | int] = {"b": "2", "a": 1, "empty": "", "channelNum": 0}
    # echo -n 'a=1&b=2&channelNum=0secret' | openssl dgst -sha256 -binary | base64
    assert signature(members, "secret") == "Q1+j+2hfSio8YNfsWvqv+8j8oMcUCryvHmHkIripU90="
