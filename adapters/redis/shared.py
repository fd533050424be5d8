"""What processes share through Redis besides the broker: credentials of providers, and what was seen before.

Redis holds nothing here that cannot be had again: a token is fetched anew, a message that comes twice is told
by the database's own keys.
"""

import asyncio
from collections.abc import Awaitable
from datetime import datetime
from typing import Any, TypeVar

import msgspec
import structlog

from accounts.lent_credentials import Credential, CredentialsAway
from adapters.redis.scripts import Script
from adapters.redis.topology import Topology
from core import limits
from core.clock import Clock
from core.seen import Seen
from realtime.broker import BrokerUnavailable

log = structlog.get_logger()

Answer = TypeVar("Answer")

_READ = Script("return redis.call('GET', KEYS[1])")

_CLAIM = Script("""
-- KEYS lock, count; ARGV milliseconds
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local claim = redis.call('INCR', KEYS[2])
redis.call('SET', KEYS[1], claim, 'PX', ARGV[1])
return claim
""")

_KEEP = Script("""
-- KEYS lock, kept; ARGV claim, what, milliseconds
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return 1
""")

_RELEASE = Script("""
-- KEYS lock; ARGV claim
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
""")

_FIRST = Script("""
-- KEYS mark; ARGV mark, milliseconds
local known = redis.call('GET', KEYS[1])
if known then return known end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return false
""")


class _Stored(msgspec.Struct, frozen=True):
    """A credential as Redis holds it."""

    text: str
    issued_at: datetime
    good_until: datetime


async def _soon(asking: Awaitable[Answer]) -> Answer:
    """An answer in time. Raises ``BrokerUnavailable``."""
    try:
        async with asyncio.timeout(limits.CREDENTIAL_STORE_SECONDS):
            return await asking
    except TimeoutError:
        raise BrokerUnavailable() from None


class RedisCredentials:
    """``CredentialStore`` between processes. The topology is closed by who made it."""

    def __init__(self, redis: Topology, *, clock: Clock, prefix: str = "houzhen") -> None:
        self._redis = redis
        self._clock = clock
        self._prefix = prefix

    async def read(self, name: str) -> Credential | None:
        found = await self._run(name, _READ, ("kept",))
        if found is None:
            return None
        try:
            stored = msgspec.json.decode(found, type=_Stored)
        except msgspec.DecodeError:
            return None
        kept = Credential(stored.text, stored.issued_at, stored.good_until)
        return kept if kept.good(self._clock.now()) else None

    async def claim(self, name: str, *, seconds: float) -> int | None:
        claim = int(await self._run(name, _CLAIM, ("lock", "count"), str(int(seconds * 1000))))
        return claim or None

    async def keep(self, name: str, credential: Credential, *, claim: int) -> bool:
        left = int((credential.good_until - self._clock.now()).total_seconds() * 1000)
        if left <= 0:
            return False
        stored = _Stored(credential.text, credential.issued_at, credential.good_until)
        what = msgspec.json.encode(stored)
        return bool(await self._run(name, _KEEP, ("lock", "kept"), str(claim), what, str(left)))

    async def release(self, name: str, *, claim: int) -> None:
        await self._run(name, _RELEASE, ("lock",), str(claim))

    async def _run(self, name: str, script: Script, parts: tuple[str, ...], *values: str | bytes) -> Any:
        home = f"{self._prefix}:{{credential:{name}}}"
        keys = tuple(f"{home}:{part}" for part in parts)
        try:
            return await _soon(self._redis.run(home, script, keys, *values))
        except BrokerUnavailable:
            raise CredentialsAway from None


class RedisSeen:
    """``core.seen.Seen`` between processes; ``alone`` remembers while Redis is away."""

    def __init__(self, redis: Topology, *, alone: Seen, prefix: str = "houzhen") -> None:
        self._redis = redis
        self._alone = alone
        self._prefix = prefix

    async def first(self, name: str, *, mark: str, seconds: float) -> str | None:
        here = await self._alone.first(name, mark=mark, seconds=seconds)
        home = f"{self._prefix}:{{seen:{name}}}"
        try:
            known = await _soon(self._redis.run(home, _FIRST, (home,), mark, str(int(seconds * 1000))))
        except BrokerUnavailable:
            log.warning("seen.not_shared")
            return here
        return here if known is None else bytes(known).decode()
