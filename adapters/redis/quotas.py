"""``core.quota.Quotas`` shared by every process through Redis; this process alone while Redis is away.

One script takes under every name or none, by Redis's own clock. All names have one home: they are few (only
what is rare is counted here) and must be taken together. Redis sees keyed hashes, no address and no account.
"""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from adapters.memory.quotas import MemoryQuotas
from adapters.redis.scripts import Script
from adapters.redis.topology import Topology
from core import limits
from core.clock import Clock
from core.quota import Wish
from realtime.broker import BrokerUnavailable

log = structlog.get_logger()

_MICRO = 1_000_000

TAKE = Script("""
-- KEYS one a name; ARGV every, ahead (microseconds) and so on
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local longest, after = 0, {}
for i = 1, #KEYS do
  local until_ = tonumber(redis.call('GET', KEYS[i]) or '0')
  if until_ < now then until_ = now end
  after[i] = until_ + tonumber(ARGV[2 * i - 1])
  longest = math.max(longest, after[i] - tonumber(ARGV[2 * i]) - now)
end
if longest > 1 then return math.ceil(longest) end
for i = 1, #KEYS do
  redis.call('SET', KEYS[i], string.format('%.0f', after[i]), 'PX', math.ceil((after[i] - now) / 1000))
end
return 0
""")
"""Answers 0, or the microseconds after which to ask again."""


class RedisQuotas:
    """``hashed`` turns a name into what Redis may see; the same in every process."""

    def __init__(
        self, redis: Topology, *, hashed: Callable[[str], bytes], clock: Clock, prefix: str = "houzhen"
    ) -> None:
        self._redis = redis
        self._hashed = hashed
        self._clock = clock
        # Braces: one slot of a cluster, because a script's keys must share one.
        self._home = f"{prefix}:{{quota}}"
        self._own = MemoryQuotas(clock)
        self._again_at = clock.monotonic()

    async def take(self, wishes: Sequence[Wish]) -> float:
        if self._clock.monotonic() >= self._again_at:
            try:
                async with asyncio.timeout(limits.QUOTA_REPLY_SECONDS):
                    return await self._taken(wishes)
            except (BrokerUnavailable, TimeoutError) as away:
                self._again_at = self._clock.monotonic() + limits.QUOTA_ALONE_SECONDS
                log.warning("quota.alone", error=type(away).__name__)
        return self._own.take_now(wishes)

    async def _taken(self, wishes: Sequence[Wish]) -> float:
        keys = tuple(f"{self._home}:{self._hashed(wish.name).hex()}" for wish in wishes)
        values = [
            round(seconds * _MICRO) for wish in wishes for seconds in (wish.allowed.every, wish.allowed.ahead)
        ]
        waits: int = await self._redis.run(self._home, TAKE, keys, *values)
        return waits / _MICRO
