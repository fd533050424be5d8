"""The consent ledger on both databases, and what stands on it."""

import asyncio
from datetime import timedelta

import pytest

from accounts.consent import ConsentNeeded, Entry, Kind, OtherVersion, holds, require_consent
from accounts.consent_wire import ConsentQuery
from accounts.consents import ConsentService
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from conf.consent_texts import read_consent_texts
from core.clock import ManualClock
from core.ids import SessionId, UserId
from core.refusals import NotFound
from tests.contract.patient_examples import owner, units_of
from tests.contract.sql_examples import NOON

TEXTS = read_consent_texts()
IN_FORCE = TEXTS.in_force


@pytest.fixture
def units(database: Database) -> SqlUnits:
    return units_of(database)


@pytest.fixture
def consents(units: SqlUnits) -> ConsentService:
    return ConsentService(units=units, texts=TEXTS, clock=ManualClock(NOON))


async def stands(units: SqlUnits, user: str = "u1", kind: Kind = Kind.SENSITIVE_HEALTH) -> bool:
    async with units.read() as unit:
        latest = await unit.consents.latest(UserId(user))
        if holds(latest, kind, in_force=IN_FORCE[kind]):
            await require_consent(unit, UserId(user), kind, in_force=IN_FORCE)
            return True
        with pytest.raises(ConsentNeeded) as refused:
            await require_consent(unit, UserId(user), kind, in_force=IN_FORCE)
    assert refused.value.facts == {"kind": kind.value, "version": IN_FORCE[kind]}
    return False


async def test_given_counts_until_taken_back_and_is_never_forgotten(
    units: SqlUnits, consents: ConsentService
) -> None:
    assert not await stands(units)
    version = IN_FORCE[Kind.SENSITIVE_HEALTH]
    for _ in range(2):
        told = await consents.give(owner(), "sensitive_health", version)
        assert (told.given_version, told.given_at) == (version, NOON)
    assert await stands(units)
    assert not await stands(units, "u2")
    assert not await stands(units, kind=Kind.TERMS)
    for _ in range(2):
        assert (await consents.withdraw(owner(), "sensitive_health")).given_version is None
    assert not await stands(units)
    async with units.read() as unit:
        ledger = await unit.consents.ledger(UserId("u1"))
    assert [(entry.is_given, entry.session) for entry in ledger] == [
        (True, "session-u1"),
        (False, "session-u1"),
    ]


async def test_the_list_tells_text_and_standing_in_both_languages(consents: ConsentService) -> None:
    await consents.give(owner(), "terms", IN_FORCE[Kind.TERMS])
    chinese = (await consents.all(owner(), ConsentQuery())).consents
    english = (await consents.all(owner(), ConsentQuery(lang="en"))).consents
    assert [row.kind for row in chinese] == ["terms", "privacy", "sensitive_health"]
    assert [row.required for row in chinese] == [True, True, False]
    assert [row.given_version is not None for row in english] == [True, False, False]
    assert all(one.text != other.text for one, other in zip(chinese, english, strict=True))


async def test_only_the_text_in_force_can_be_agreed_to(consents: ConsentService) -> None:
    with pytest.raises(OtherVersion):
        await consents.give(owner(), "privacy", "2020-01-01")
    for kind in ("nothing", "", "号"):
        with pytest.raises(NotFound):
            await consents.give(owner(), kind, "1")
        with pytest.raises(NotFound):
            await consents.withdraw(owner(), kind)


async def test_many_words_at_once_leave_a_ledger_that_says_the_last(
    units: SqlUnits, consents: ConsentService
) -> None:
    version = IN_FORCE[Kind.TERMS]
    await asyncio.gather(
        *(consents.give(owner(), "terms", version) for _ in range(4)),
        *(consents.withdraw(owner(), "terms") for _ in range(4)),
    )
    async with units.read() as unit:
        ledger = await unit.consents.ledger(UserId("u1"))
        latest = await unit.consents.latest(UserId("u1"))
    assert latest[Kind.TERMS] == ledger[-1]


async def test_of_two_accounts_that_become_one_the_later_word_counts(units: SqlUnits) -> None:
    def word(kind: Kind, minutes: int, *, given: bool) -> Entry:
        at = NOON + timedelta(minutes=minutes)
        return Entry(kind, IN_FORCE[kind], is_given=given, at=at, session=SessionId("s"))

    async with units.begin() as unit:
        unit.consents.append(UserId("u1"), word(Kind.TERMS, 1, given=True))
        unit.consents.append(UserId("u1"), word(Kind.PRIVACY, 3, given=True))
        unit.consents.append(UserId("u2"), word(Kind.TERMS, 2, given=False))
        unit.consents.append(UserId("u2"), word(Kind.PRIVACY, 2, given=False))
        unit.consents.append(UserId("u2"), word(Kind.SENSITIVE_HEALTH, 2, given=True))
        await unit.consents.adopt(UserId("u1"), UserId("u2"))
        await unit.commit()
    assert [await stands(units, kind=kind) for kind in Kind] == [False, True, True]
