"""Making a connection: redis-py knows TLS, passwords and Sentinels; what it has opened is then ours.

A connection reads the server's run id when it is made. Since it ends with the server, or when the server
stops answering, a command that is told the run id of its own connection cannot be told a wrong one.
"""

import asyncio
from typing import Any, Protocol

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from adapters.redis.places import BadBrokerUrl, Door, Host, One, Watched, named
from adapters.redis.wire import Dialled
from core import limits

TROUBLE = (RedisError, OSError, TimeoutError, EOFError)
_RUN_ID_CHARACTERS = 8


class WrongServer(RedisError):
    """The server is not of the kind that ``broker.url`` says, or no longer."""


class Address(Protocol):
    """Where a server is found, each time anew."""

    @property
    def name(self) -> str:
        """The server's name in logs and checks."""

    @property
    def may_move(self) -> bool:
        """Whether it can be another server tomorrow."""

    async def dial(self) -> Dialled:
        """Open a connection. Raises one of ``TROUBLE``."""

    async def moved(self, at: str) -> bool:
        """Whether another server than the one at ``at`` is to be used by now. Not knowing is no."""

    async def close(self) -> None:
        """Give back what was opened for finding."""


class Fixed:
    """A server that stays where it is."""

    may_move = False

    def __init__(
        self, name: str, host: Host, door: Door, *, reply_seconds: float, in_cluster: bool = False
    ) -> None:
        self.name = name
        self.host = host
        self._door = door
        self._mode = "cluster" if in_cluster else "standalone"
        self._reply_seconds = reply_seconds

    async def dial(self) -> Dialled:
        return await _dial(self._door, self.host, self._mode, reply_seconds=self._reply_seconds)

    async def moved(self, at: str) -> bool:
        return False

    async def close(self) -> None:
        return


class ByName:
    """Whichever server the Sentinels call the master; one that does not think so itself is not used."""

    may_move = True

    def __init__(self, watched: Watched, *, reply_seconds: float) -> None:
        self.name = watched.name
        self._master = watched.master
        self._door = watched.door
        self._reply_seconds = reply_seconds
        self._sentinels = Sentinel([])  # type: ignore[no-untyped-call]
        self._sentinels.sentinels = [
            Redis.from_url(watched.sentinel_door.url(host), **_bounds(limits.BROKER_DIRECTORY_SECONDS))
            for host in watched.sentinels
        ]
        # redis-py moves the Sentinel that answered to the front of its list, between awaits.
        self._one_at_a_time = asyncio.Lock()

    async def _find(self) -> Host:
        async with self._one_at_a_time:
            host, port = await self._sentinels.discover_master(self._master)
        return host.decode() if isinstance(host, bytes) else str(host), int(port)

    async def dial(self) -> Dialled:
        host = await self._find()
        return await _dial(self._door, host, "standalone", reply_seconds=self._reply_seconds)

    async def moved(self, at: str) -> bool:
        try:
            return named(await self._find()) != at
        except TROUBLE:
            return False

    async def close(self) -> None:
        await self._sentinels.aclose()


def address_of(place: One | Watched, *, reply_seconds: float) -> Address:
    """The address of one shard. Raises ``BadBrokerUrl`` for an option that nobody understands."""
    check_options(place.door)
    if isinstance(place, Watched):
        return ByName(place, reply_seconds=reply_seconds)
    return Fixed(place.name, place.host, place.door, reply_seconds=reply_seconds)


async def slots_told_by(door: Door, host: Host) -> dict[tuple[int, int], Host]:
    """Ask one node of a cluster for the master of each range of slots. Raises one of ``TROUBLE``."""
    async with Redis.from_url(door.url(host), **_bounds(limits.BROKER_DIRECTORY_SECONDS)) as node:
        told = await node.execute_command("CLUSTER SLOTS")  # type: ignore[no-untyped-call]
    # A node that does not know its own address leaves it out.
    return {
        (int(first), int(last)): (master[0].decode() if master[0] else host[0], int(master[1]))
        for first, last, master, *_ in told
    }


def check_options(door: Door) -> None:
    """Raise ``BadBrokerUrl`` for an option that redis-py does not know, before anything is opened."""
    try:
        _connection(door, ("localhost", 1), 1.0)
    except (TypeError, ValueError, RedisError):
        names = ", ".join(name for name, _ in door.options)
        raise BadBrokerUrl(f"an option is not known or has no sensible value: {names}") from None


def _bounds(seconds: float) -> dict[str, Any]:
    return {
        "protocol": 2,
        "retry": Retry(NoBackoff(), 0),
        "socket_timeout": seconds,
        "socket_connect_timeout": seconds,
        "socket_keepalive": True,
        "health_check_interval": 0,
    }


async def _dial(door: Door, host: Host, mode: str, *, reply_seconds: float) -> Dialled:
    connection = _connection(door, host, reply_seconds)
    try:
        async with asyncio.timeout(reply_seconds):
            await connection.connect()  # type: ignore[no-untyped-call]
            run = await _introduced(connection, mode)
    except BaseException:
        await connection.disconnect(nowait=True)
        raise
    # The stream is handed over: redis-py's object neither reads nor closes it any more.
    reader, writer = connection._reader, connection._writer  # noqa: SLF001
    connection._reader = connection._writer = None  # noqa: SLF001
    if reader is None or writer is None or reader.at_eof() or writer.is_closing():
        raise EOFError
    return Dialled(writer, run, named(host))


def _connection(door: Door, host: Host, reply_seconds: float) -> AbstractConnection:
    # The pool is only a factory: it understands every option of a URL.
    pool = ConnectionPool.from_url(door.url(host), **_bounds(reply_seconds))
    connection: AbstractConnection = pool.make_connection()  # type: ignore[no-untyped-call]
    return connection


async def _introduced(connection: AbstractConnection, mode: str) -> str:
    """The run id of a server that is of the wanted kind and may be written to."""
    await connection.send_command("INFO", "server")
    info = await connection.read_response()
    facts = dict(line.partition(b":")[::2] for line in info.splitlines())
    run = str(facts.get(b"run_id", b""), "ascii")
    found = str(facts.get(b"redis_mode", b"standalone"), "ascii")
    if not run:
        raise WrongServer("it does not tell its run id")
    if found != mode:
        raise WrongServer(f"it is {found}, not {mode}")
    await connection.send_command("ROLE")
    role = await connection.read_response()
    if role[0] != b"master":
        raise WrongServer("it is not a master")
    return run[:_RUN_ID_CHARACTERS]
