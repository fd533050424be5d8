"""The broker's Lua: each step that must be one, as one. All keys of a channel share its hash tag.

The epoch begins with the run id of the Redis that made it. A Redis that was restarted from an older
snapshot, or a replica that took over, has another run id: the first script that reaches it starts a new epoch
instead of silently counting on from an offset that clients are already past. The caller knows the run id of
the very connection it uses, so a script can never be told the wrong one.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Script:
    """A script and the name the server caches it under."""

    text: str
    told_run: bool = False
    """Whether its first value is the run id of the server that runs it; the connection adds it."""

    @cached_property
    def digest(self) -> str:
        return hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


_PUBLISH = """
-- KEYS stream, meta, answer, channel
-- ARGV run, nonce, data, items (0 = keep nothing), stream ttl, meta ttl, answer ttl (0 = no idempotency key)
local remembers = ARGV[7] ~= '0'
if remembers then
  local known = redis.call('GET', KEYS[3])
  if known then return known end
end
local offset, epoch = '0', ''
if ARGV[4] ~= '0' then
  epoch = redis.call('HGET', KEYS[2], 'epoch')
  if not epoch or string.sub(epoch, 1, #ARGV[1]) ~= ARGV[1] then
    epoch = ARGV[1] .. ARGV[2]
    redis.call('DEL', KEYS[1], KEYS[2])
    redis.call('HSET', KEYS[2], 'epoch', epoch)
  end
  local count = redis.call('HINCRBY', KEYS[2], 'offset', 1)
  if count == 1 then redis.call('DEL', KEYS[1]) end
  offset = string.format('%.0f', count)
  redis.call('XADD', KEYS[1], 'MAXLEN', ARGV[4], offset, 'd', ARGV[3])
  redis.call('EXPIRE', KEYS[1], ARGV[5])
  redis.call('EXPIRE', KEYS[2], ARGV[6])
end
local position = offset .. ':' .. epoch
redis.call('PUBLISH', KEYS[4], position .. ':' .. ARGV[3])
if remembers then redis.call('SET', KEYS[3], position, 'EX', ARGV[7]) end
return position
"""
PUBLISH = Script(_PUBLISH, told_run=True)
"""Answers ``offset:epoch``."""
PUBLISH_SHARDED = Script(_PUBLISH.replace("'PUBLISH'", "'SPUBLISH'"), told_run=True)
"""The same in a cluster: heard by whoever subscribed at the node that has the channel's slot."""

HISTORY = Script(
    """
-- KEYS stream, meta
-- ARGV run, nonce, ttl of a stream never published to, epoch of since ('' = any), from, to, limit, reverse
local epoch = redis.call('HGET', KEYS[2], 'epoch')
if not epoch or string.sub(epoch, 1, #ARGV[1]) ~= ARGV[1] then
  epoch = ARGV[1] .. ARGV[2]
  redis.call('DEL', KEYS[1], KEYS[2])
  redis.call('HSET', KEYS[2], 'epoch', epoch)
end
if redis.call('TTL', KEYS[2]) < tonumber(ARGV[3]) then redis.call('EXPIRE', KEYS[2], ARGV[3]) end
local top = redis.call('HGET', KEYS[2], 'offset') or '0'
if ARGV[7] == '0' or (ARGV[4] ~= '' and ARGV[4] ~= epoch) then return {epoch, top, {}} end
local command = 'XRANGE'
if ARGV[8] == '1' then command = 'XREVRANGE' end
return {epoch, top, redis.call(command, KEYS[1], ARGV[5], ARGV[6], 'COUNT', ARGV[7])}
""",
    told_run=True,
)
"""Answers epoch, top offset and the entries."""

PRESENCE_ADD = Script("""
-- KEYS ends (sorted set client -> when), users (hash client -> user, newline, what others are shown)
-- ARGV seconds, client, user and so on, client, ...
local ends = tonumber(redis.call('TIME')[1]) + tonumber(ARGV[1])
for i = 2, #ARGV, 2 do
  redis.call('ZADD', KEYS[1], ends, ARGV[i])
  redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
end
redis.call('EXPIRE', KEYS[1], ARGV[1])
redis.call('EXPIRE', KEYS[2], ARGV[1])
return 1
""")

PRESENCE_REMOVE = Script("""
-- KEYS ends, users; ARGV clients
for i = 1, #ARGV do
  redis.call('ZREM', KEYS[1], ARGV[i])
  redis.call('HDEL', KEYS[2], ARGV[i])
end
return 1
""")

PRESENCE_STATS = Script("""
-- KEYS ends, users
local now = redis.call('TIME')[1]
for _, client in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do
  redis.call('ZREM', KEYS[1], client)
  redis.call('HDEL', KEYS[2], client)
end
local seen, users = {}, 0
for _, value in ipairs(redis.call('HVALS', KEYS[2])) do
  local user = string.match(value, '^[^\\n]*')
  if not seen[user] then seen[user] = true; users = users + 1 end
end
return {redis.call('ZCARD', KEYS[1]), users}
""")
"""Answers clients and distinct users."""

PRESENCE = Script("""
-- KEYS ends, users; ARGV limit
local now = redis.call('TIME')[1]
for _, client in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do
  redis.call('ZREM', KEYS[1], client)
  redis.call('HDEL', KEYS[2], client)
end
if redis.call('HLEN', KEYS[2]) > tonumber(ARGV[1]) then return false end
return redis.call('HGETALL', KEYS[2])
""")
"""Answers client, value, client, …; nil when they are more than the limit."""
