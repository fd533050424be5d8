"""Codes and states on both databases: kept as hashes, good once, whoever comes at once."""

import asyncio
import random as chance
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from accounts.oauth_state import StateRefused, States, StateUsed
from accounts.providers import CodeExpired, CodeUsed, ProviderAway, WayKind, WayNotSetUp, Ways
from accounts.proving import Claim, Proving
from accounts.sms import (
    SmsBusy,
    SmsCodeWrong,
    SmsNotThere,
    SmsRules,
    SmsTooMany,
    SmsTooSoon,
    SmsTriesOver,
)
from accounts.user import IdentityKind, Proof
from adapters.memory.nudge import MemoryNudge
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from core import limits
from core.clock import ManualClock
from core.refusals import BadInput
from server.accounts_parts import account_forgetting
from tests.contract.sql_examples import NOON
from tests.services.ways import FakeWays
from tests.unit.crypto.rings import a_sealing

PHONE = "+8613800000000"
PAGE = "https://hospital.example/h5/"


class House:
    def __init__(self, database: Database) -> None:
        self.clock = ManualClock(NOON)
        self.units = SqlUnits(database, clock=self.clock, nudge=MemoryNudge(), sealing=a_sealing())
        self.fakes = FakeWays()
        self.proving = self.proves(self.fakes.ways)

    def proves(self, ways: Ways, sms_rules: SmsRules | None = None) -> Proving:
        states = States(b"key", random=chance.Random(1).randbytes)
        return Proving(units=self.units, clock=self.clock, ways=ways, states=states, sms_rules=sms_rules)

    async def asks(self, phone: str = "138 0000 0000", *, address: str = "") -> str:
        await self.proving.send_code(phone, address=address)
        return self.fakes.sms.last(PHONE)

    async def types(self, code: str, phone: str = PHONE) -> tuple[Proof, ...]:
        return await self.proving.prove(Claim(WayKind.SMS, code, phone=phone))


@pytest.fixture
def house(database: Database) -> House:
    return House(database)


async def test_a_code_proves_the_phone_once(house: House) -> None:
    code = await house.asks()
    assert await house.types(code, "13800000000") == (Proof(IdentityKind.SMS, "", PHONE),)
    with pytest.raises(SmsCodeWrong):
        await house.types(code)


async def test_a_code_that_is_used_twice_at_once_is_good_once(house: House) -> None:
    code = await house.asks()
    done = await asyncio.gather(*(house.types(code) for _ in range(5)), return_exceptions=True)
    assert [type(one) for one in done].count(tuple) == 1


async def test_tries_are_counted_however_many_come_at_once(house: House) -> None:
    code = await house.asks()
    wrong = "000000" if code != "000000" else "000001"
    tries = [house.types(wrong) for _ in range(limits.SMS_TRIES + 3)]
    done = await asyncio.gather(*tries, return_exceptions=True)
    assert [type(one) for one in done].count(SmsTriesOver) == 3
    with pytest.raises(SmsTriesOver):
        await house.types(code)


async def test_two_requests_at_once_send_one_message(house: House) -> None:
    done = await asyncio.gather(*(house.asks() for _ in range(4)), return_exceptions=True)
    assert len(house.fakes.sms.sent) == 1
    assert [type(one) for one in done].count(SmsTooSoon) == 3
    house.clock.advance(timedelta(seconds=limits.SMS_PAUSE_SECONDS))
    await house.asks()


async def test_codes_expire(house: House) -> None:
    code = await house.asks()
    house.clock.advance(timedelta(seconds=limits.SMS_CODE_SECONDS))
    with pytest.raises(CodeExpired):
        await house.types(code)


async def test_an_address_asks_for_so_many_an_hour(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SMS_PER_ADDRESS_PER_HOUR", 3)
    for number in range(3):
        await house.proving.send_code(f"1380000000{number}", address="203.0.113.7")
    with pytest.raises(SmsTooMany):
        await house.proving.send_code("13800000009", address="203.0.113.7")
    await house.proving.send_code("13800000009", address="203.0.113.8")
    house.clock.advance(timedelta(hours=1))
    await house.proving.send_code("13800000005", address="203.0.113.7")


async def test_a_sender_that_is_away_costs_no_pause_and_leaves_no_code(house: House) -> None:
    house.fakes.sms.trouble = ProviderAway(provider="sms", why="timeout")
    with pytest.raises(ProviderAway):
        await house.asks()
    house.fakes.sms.trouble = None
    await house.types(await house.asks())


async def test_neither_phone_nor_code_is_in_the_database(house: House, database: Database) -> None:
    code = await house.asks()
    dumped = await dump(database)
    assert "sms_code" in dumped
    assert "13800000000" not in dumped["sms_code"]
    assert code not in dumped["sms_code"]


async def dump(database: Database) -> dict[str, str]:
    from sqlalchemy import select

    from adapters.sql.schema import metadata

    async with database.read() as transaction:
        return {table.name: repr(await transaction.rows(select(table))) for table in metadata.sorted_tables}


async def test_what_is_good_no_more_is_forgotten(house: House, database: Database) -> None:
    await house.asks(address="203.0.113.7")
    state = await begun(house)
    house.fakes.wechat_h5.knows("c", "openid")
    await house.proving.prove(state("c"))
    house.clock.advance(timedelta(days=limits.SMS_REMEMBERED_DAYS + 1))
    await account_forgetting(house.units, house.clock)()
    dumped = await dump(database)
    assert {dumped[name] for name in ("sms_code", "sms_sending", "used_state")} <= {"()", "[]"}


# Page authorisation.


async def begun(house: House) -> Callable[..., Claim]:
    """A browser that was sent to WeChat's page: what it brings back."""
    start = house.proving.start(return_to=PAGE, nonce="")

    def comes_back(code: str, **changes: Any) -> Claim:
        brought = {"state": start.state, "browser": start.nonce} | changes
        return Claim(WayKind.WECHAT_H5, code, **brought)

    assert start.state in start.address
    assert start.nonce not in start.address
    return comes_back


async def test_a_browser_that_began_comes_back_once(house: House) -> None:
    claim = await begun(house)
    way = house.fakes.wechat_h5
    way.knows("first", "openid", union="u")
    proofs = await house.proving.prove(claim("first"))
    assert [one.kind for one in proofs] == [IdentityKind.WECHAT_H5, IdentityKind.WECHAT_UNION]
    way.knows("second", "openid")
    with pytest.raises(StateUsed):
        await house.proving.prove(claim("second"))
    with pytest.raises(CodeUsed):
        await house.proving.prove((await begun(house))("first"))


async def test_a_link_with_somebody_elses_code_signs_nobody_in(house: House) -> None:
    attackers, victims = await begun(house), house.proving.start(return_to=PAGE, nonce="")
    house.fakes.wechat_h5.knows("theirs", "attacker")
    with pytest.raises(StateRefused):
        await house.proving.prove(attackers("theirs", browser=victims.nonce))
    with pytest.raises(StateRefused):
        await house.proving.prove(attackers("theirs", browser=""))
    # The code was not even shown to WeChat.
    assert house.fakes.wechat_h5.used == set()


async def test_while_wechat_is_away_the_state_stays_good(house: House) -> None:
    claim = await begun(house)
    house.fakes.wechat_h5.trouble = ProviderAway(provider="wechat", why="timeout")
    with pytest.raises(ProviderAway):
        await house.proving.prove(claim("c"))
    house.fakes.wechat_h5.trouble = None
    house.fakes.wechat_h5.knows("c", "openid")
    await house.proving.prove(claim("c"))


async def test_a_browser_may_begin_in_two_tabs(house: House) -> None:
    first = house.proving.start(return_to=PAGE, nonce="")
    second = house.proving.start(return_to=PAGE, nonce=first.nonce)
    assert (second.nonce, second.state != first.state) == (first.nonce, True)


async def test_a_way_that_is_not_connected_says_so(house: House) -> None:
    nothing = house.proves(Ways())
    for claim in (Claim(WayKind.SMS, "1", phone=PHONE), Claim(WayKind.WECHAT_MINI, "c")):
        with pytest.raises(WayNotSetUp):
            await nothing.prove(claim)
    with pytest.raises(WayNotSetUp):
        await nothing.send_code(PHONE, address="")
    with pytest.raises(WayNotSetUp):
        nothing.start(return_to=PAGE, nonce="")
    with pytest.raises(BadInput):
        await house.asks("110")


async def test_everybody_together_gets_so_many_codes_in_an_hour(house: House) -> None:
    proving = house.proves(house.fakes.ways, SmsRules(per_hour=3))
    for last in range(3):
        await proving.send_code(f"1380000000{last}", address=f"203.0.113.{last}")
    with pytest.raises(SmsBusy):
        await proving.send_code("13800000009", address="203.0.113.9")
    house.clock.advance(timedelta(hours=1))
    await proving.send_code("13800000009", address="203.0.113.9")
    assert len(house.fakes.sms.sent) == 4


async def test_codes_go_to_the_countries_that_were_named(house: House) -> None:
    proving = house.proves(house.fakes.ways, SmsRules(countries=("+86", "+852")))
    with pytest.raises(SmsNotThere):
        await proving.send_code("+1 900 555 0100", address="")
    await proving.send_code("+852 5123 4567", address="")
    await proving.send_code("13800000000", address="")
    assert len(house.fakes.sms.sent) == 2
