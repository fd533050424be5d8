"""The access token through the simulated WeChat: one request for many, replaced when it dies early."""

import asyncio

import pytest

from accounts.providers import ProviderAway, ProviderLimited
from tests.flow.platforms.conftest import Hospital
from tests.services.open_platforms import MINI, SERVICE

TOKEN, TICKET, PHONE = (
    "/cgi-bin/stable_token",
    "/cgi-bin/ticket/getticket",
    "/wxa/business/getuserphonenumber",
)


async def phone(hospital: Hospital) -> str:
    wechat = hospital.platforms.wechat
    who = await hospital.mini.identify(
        wechat.give_code("mini", MINI, "lin"), phone_code=wechat.give_code("phone", MINI, "lin")
    )
    return who.phone


async def test_many_at_once_fetch_one_token(hospital: Hospital) -> None:
    phones = await asyncio.gather(*(phone(hospital) for _ in range(30)))
    assert len(set(phones)) == 1
    assert hospital.calls(TOKEN) == 1


async def test_a_token_that_died_is_replaced_once_for_all(hospital: Hospital) -> None:
    await phone(hospital)
    hospital.later(minutes=10)
    hospital.platforms.wechat.kill_token(MINI)
    await asyncio.gather(*(phone(hospital) for _ in range(30)))
    assert hospital.calls(TOKEN) == 2


async def test_a_token_that_is_dead_when_it_comes(hospital: Hospital) -> None:
    hospital.platforms.faults.order(TOKEN, "dies_early")
    await phone(hospital)
    assert hospital.calls(TOKEN) == 2


async def test_a_token_that_is_never_accepted_is_asked_for_twice_and_no_more(hospital: Hospital) -> None:
    await phone(hospital)
    asked, called = hospital.calls(TOKEN), hospital.calls(PHONE)
    hospital.later(minutes=10)
    hospital.platforms.faults.order(PHONE, "40001", times=5)
    with pytest.raises(ProviderAway) as away:
        await phone(hospital)
    assert away.value.facts["why"] == "token_refused"
    assert hospital.calls(PHONE) - called == 2
    assert hospital.calls(TOKEN) - asked == 1
    hospital.platforms.faults.clear()
    await phone(hospital)


@pytest.mark.parametrize("errcode", ["40001", "40014", "42001"])
async def test_every_word_for_a_dead_token_is_understood(hospital: Hospital, errcode: str) -> None:
    hospital.platforms.faults.order(PHONE, errcode)
    assert await phone(hospital)


async def test_the_quota_is_said_and_not_hammered(hospital: Hospital) -> None:
    hospital.platforms.faults.order(TOKEN, "45009", times=100)
    told = await asyncio.gather(*(phone(hospital) for _ in range(20)), return_exceptions=True)
    assert {type(each) for each in told} == {ProviderLimited}
    assert hospital.calls(TOKEN) == 1


async def test_a_token_is_renewed_before_it_ends(hospital: Hospital) -> None:
    first = await hospital.mini_app.access_token()
    hospital.later(hours=2, minutes=-2)
    async with asyncio.timeout(20):
        while await hospital.mini_app.access_token() == first:
            await asyncio.sleep(0.02)
    assert hospital.calls(TOKEN) == 2


async def test_a_ticket_is_fetched_once_and_survives_a_dead_token(hospital: Hospital) -> None:
    hospital.platforms.faults.order(TOKEN, "dies_early")
    tickets = await asyncio.gather(*(hospital.service.ticket() for _ in range(30)))
    assert set(tickets) == {hospital.platforms.wechat.ticket_of(SERVICE)}
    assert (hospital.calls(TICKET), hospital.calls(TOKEN)) == (2, 2)


async def test_half_an_answer_to_the_token_is_one_refusal_for_all(hospital: Hospital) -> None:
    hospital.platforms.faults.order(TOKEN, "half")
    told = await asyncio.gather(*(phone(hospital) for _ in range(10)), return_exceptions=True)
    assert {type(each) for each in told} == {ProviderAway}
    assert hospital.calls(TOKEN) == 1
