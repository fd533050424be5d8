"""Passwords are hashed beside the loop, in turns, and no more wait than may."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from argon2 import PasswordHasher

from accounts.passwords import PasswordsBusy
from adapters.crypto.passwords import Argon2Passwords


@pytest.fixture
async def passwords() -> AsyncIterator[Argon2Passwords]:
    quick = Argon2Passwords(memory_kib=64, passes=1, at_once=2, waiting=3)
    yield quick
    quick.close()


async def test_a_password_is_known_again_and_no_other(passwords: Argon2Passwords) -> None:
    async with passwords.turn():
        kept = await passwords.hash("Tq7#mV9x!pLw")
        assert kept.startswith("$argon2id$v=19$m=64,t=1,p=1$")
        assert await passwords.verify(kept, "Tq7#mV9x!pLw")
        for wrong in ("", "tq7#mv9x!plw", "Tq7#mV9x!pLw ", "x" * 10_000):
            assert not await passwords.verify(kept, wrong)
        assert not await passwords.verify("not a hash", "Tq7#mV9x!pLw")


async def test_nobodys_password_is_checked_like_any_other_and_never_right(
    passwords: Argon2Passwords,
) -> None:
    async with passwords.turn():
        kept = await passwords.hash("x")
        assert not await passwords.verify(None, "x")
    # The same work: the same parameters, the same sizes.
    assert [len(part) for part in passwords._nobodys.split("$")] == [len(part) for part in kept.split("$")]
    assert passwords._nobodys.split("$")[:4] == kept.split("$")[:4]
    assert not passwords.is_outdated(passwords._nobodys)


async def test_a_weaker_hash_of_older_days_is_outdated_and_still_good(passwords: Argon2Passwords) -> None:
    older = PasswordHasher(time_cost=1, memory_cost=32, parallelism=1).hash("x")
    assert passwords.is_outdated(older)
    async with passwords.turn():
        assert await passwords.verify(older, "x")
        assert not passwords.is_outdated(await passwords.hash("x"))


async def test_no_more_wait_than_may(passwords: Argon2Passwords) -> None:
    free = asyncio.Event()
    inside = 0

    async def somebody() -> None:
        nonlocal inside
        async with passwords.turn():
            inside += 1
            await free.wait()

    waiting = [asyncio.create_task(somebody()) for _ in range(5)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert inside == 2
    with pytest.raises(PasswordsBusy):
        async with passwords.turn():
            pass
    # Who goes away gives the place back.
    waiting[4].cancel()
    await asyncio.gather(waiting[4], return_exceptions=True)
    waiting[4] = asyncio.create_task(somebody())
    free.set()
    await asyncio.gather(*waiting)
    assert inside == 5
    async with passwords.turn():
        assert not await passwords.verify(None, "x")
