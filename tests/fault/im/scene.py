"""A ward that talks before a process tree: nurses in teams, each with phones, and a judgement in the end.

Half of the phones ask over their socket, half over HTTP. One user has two devices, one of which only listens.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pymysql  # type: ignore[import-untyped]

from conf.loader import load
from core.actor import Role
from core.clock import SystemClock
from realtime.tokens import HmacTokens
from server.tokens import Issuer, staff_actor, token_key
from tests.fault.im.checker import Stored, Trouble, judge
from tests.fault.im.history import History
from tests.fault.im.people import employ
from tests.fault.im.phone import Phone
from tests.fault.serving import Serve
from tests.services.mariadb import MariadbServer
from tests.services.process import free_port
from tests.services.proxy import FAIR
from tests.services.proxy import Path as Road
from tests.services.redis import RedisServer

SETTLE_SECONDS = 60.0
HOUR = timedelta(hours=1)
_COUNTED = {
    "unread of a member": """
        SELECT m.conversation, m.user, m.unread, (
            SELECT COUNT(*) FROM im_message x
            WHERE x.conversation = m.conversation AND x.seq > m.read_seq AND x.sender <> m.user
              AND x.state = 'sent' AND x.type IN ('text', 'image', 'voice', 'file', 'card'))
        FROM im_member m""",
    "unread of a user": """
        SELECT '', u.user, u.unread, (
            SELECT COALESCE(SUM(m.unread), 0) FROM im_member m WHERE m.user = u.user)
        FROM im_user u""",
    "number of a conversation": """
        SELECT c.id, '', c.last_seq, (SELECT COUNT(*) FROM im_message x WHERE x.conversation = c.id)
        FROM im_conversation c""",
}
"""What each count is, beside what it must be."""


@dataclass(frozen=True, slots=True)
class Roads:
    """The ways of a ward: from the phones to the web processes, and from those and the worker to what they
    stand on."""

    phones: Road
    redis: Road
    mariadb: Road

    @property
    def all(self) -> tuple[Road, Road, Road]:
        return self.phones, self.redis, self.mariadb

    def clear(self) -> None:
        """Everything passes again."""
        for road in self.all:
            road.weather = FAIR
            road.go_on()


class Ward:
    """The parts, and the judgement."""

    def __init__(
        self,
        serve: Serve,
        redis: RedisServer,
        mariadb: MariadbServer,
        database: str,
        *,
        roads: Roads | None = None,
    ) -> None:
        self.serve = serve
        self.redis = redis
        self.mariadb = mariadb
        self.database = database
        self.roads = roads
        self.port = serve.port if roads is None else roads.phones.port
        """Where phones connect: a bad network may lie between."""
        self.history = History(serve.log.with_name("history.jsonl"))
        self.phones: list[Phone] = []
        self.conversations: list[str] = []
        key = token_key(serve.file.parent / "data" / "keys" / "tokens.key")
        self.issuer = Issuer(HmacTokens([key]), SystemClock())
        self.members: dict[str, list[str]] = {}
        """The conversations of each user."""

    async def gather(self, *, people: int, conversations: int, listeners: int = 3) -> None:
        """Employ them, begin the conversations, connect the phones."""
        await self.meet(people=people, conversations=conversations)
        for at, user in enumerate(self.members):
            self.phones.append(self._phone(user, "hand", over="rpc" if at % 2 else "http"))
        for user in list(self.members)[:listeners]:
            self.phones.append(self._phone(user, "desk", over="http"))
        for phone in self.phones:
            await phone.start()

    async def meet(self, *, people: int, conversations: int) -> None:
        """Employ them and begin the conversations; nobody has a phone yet."""
        numbers = [f"n{at:02}" for at in range(people)]
        await employ(load(self.serve.file, environment={}), numbers)
        users = [f"nurse.{number}" for number in numbers]
        for at in range(conversations):
            members = [users[(at + step * 3) % people] for step in range(max(3, people // 4))]
            conversation = await self._begin(at, sorted(set(members)))
            self.conversations.append(conversation)
            for user in set(members):
                self.members.setdefault(user, []).append(conversation)

    async def _begin(self, at: int, members: Sequence[str]) -> str:
        token = self.token(members[0])
        body = {"cid": f"team-{at:05}", "kind": "team", "users": list(members[1:]), "title": f"组{at}"}
        async with (
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as http,
            http.post(f"http://127.0.0.1:{self.serve.port}/v1/im/start", json=body) as response,
        ):
            told = await response.json()
            assert response.status == 200, told
            return str(told["id"])

    def token(self, user: str) -> str:
        return self.issuer.issue(staff_actor(Role.NURSE, user.partition(".")[2]), good_for=HOUR).token

    def _phone(self, user: str, kind: str, *, over: str) -> Phone:
        return Phone(
            f"{user}-{kind}".replace(".", "-"),
            user=user,
            port=self.port,
            token=self.token(user),
            conversations=self.members[user],
            over=over,
            history=self.history,
        )

    def talk(self, *, pause: float, prefix: str) -> None:
        """Everybody with a phone in the hand talks."""
        for phone in self.phones:
            if phone.name.endswith("-hand"):
                phone.talks(pause=pause, prefix=prefix)

    async def hush(self) -> None:
        """Nobody begins anything more; what was begun is answered."""
        await asyncio.gather(*(phone.hush() for phone in self.phones))

    async def settles(self) -> tuple[list[Trouble], str, float]:
        """Wait until every device shows what the server holds, then judge; how long that took too."""
        began = time.monotonic()
        while True:
            stored = await asyncio.to_thread(self.stored)
            seen = [phone.seen for phone in self.phones]
            troubles, counts = judge(self.history.ops, stored, seen)
            took = time.monotonic() - began
            if not any(trouble.what == "unequal" for trouble in troubles) or took > SETTLE_SECONDS:
                return troubles + self._wrong_counts(), str(counts), took
            await asyncio.sleep(0.1)

    def stored(self) -> dict[str, list[Stored]]:
        """What the database itself holds."""
        found: dict[str, list[Stored]] = {conversation: [] for conversation in self.conversations}
        for conversation, seq, sender, cid in self.query(
            "SELECT conversation, seq, sender, cid FROM im_message ORDER BY conversation, seq"
        ):
            found[conversation].append((seq, sender, cid))
        return found

    def _wrong_counts(self) -> list[Trouble]:
        """Members, users and conversations whose count is not what can be counted."""
        return [
            Trouble(what, str(row[0]), f"{row[1]}: {row[2]}, not {row[3]}")
            for what, sql in _COUNTED.items()
            for row in self.query(sql)
            if row[2] != row[3]
        ]

    def cut_connections(self) -> None:
        """End every connection to the database at the server's side."""
        for (number,) in self.query("SELECT id FROM information_schema.processlist WHERE db = DATABASE()"):
            # It may have ended by itself, or be the one that asked.
            with contextlib.suppress(pymysql.MySQLError):
                self.mariadb.execute(f"KILL {number}")

    def query(self, sql: str) -> list[Any]:
        """Ask the database itself."""
        connection = pymysql.connect(
            host="127.0.0.1", port=self.mariadb.port, user="root", database=self.database, connect_timeout=5
        )
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return list(cursor.fetchall())
        finally:
            connection.close()

    @property
    def acknowledged(self) -> int:
        return sum(op.kind == "ok" for op in self.history.ops)

    async def goes_on(self, count: int, *, seconds: float = 60.0) -> None:
        """Wait until so many more messages were acknowledged."""
        wanted = self.acknowledged + count
        async with asyncio.timeout(seconds):
            while self.acknowledged < wanted:
                await asyncio.sleep(0.02)

    async def caught_up(self, *, seconds: float = SETTLE_SECONDS) -> float:
        """Wait until every device has all that is stored now; how long that took."""
        began = time.monotonic()
        wanted = {name: len(held) for name, held in (await asyncio.to_thread(self.stored)).items()}
        async with asyncio.timeout(seconds):
            while any(
                len(held) < wanted[name]
                for phone in self.phones
                for name, held in phone.conversations.items()
            ):
                await asyncio.sleep(0.05)
        return time.monotonic() - began

    async def stop(self) -> None:
        await asyncio.gather(*(phone.stop() for phone in self.phones))
        self.history.close()


@contextlib.asynccontextmanager
async def a_ward(
    folder: Path,
    redis: RedisServer,
    mariadb: MariadbServer,
    *,
    people: int = 20,
    conversations: int = 10,
    roads: bool = False,
    webs: int = 2,
    phones: bool = True,
) -> AsyncIterator[Ward]:
    """Start everything; end it in reverse, whatever a test did to it. ``roads``: all ways can go bad."""
    async with contextlib.AsyncExitStack() as stack:
        ways = None
        port = free_port()
        if roads:
            ways = Roads(
                *[await stack.enter_async_context(Road(to)) for to in (port, redis.port, mariadb.port)]
            )
        database = mariadb.create_database()
        stack.callback(mariadb.drop_database, database)
        to_mariadb = mariadb.port if ways is None else ways.mariadb.port
        serve = Serve(
            folder,
            {
                "port": port,
                "processes": webs,
                "database": f"mysql://root@127.0.0.1:{to_mariadb}/{database}",
                "broker": redis.url if ways is None else f"redis://127.0.0.1:{ways.redis.port}/0",
            },
        )
        await serve.start()
        stack.push_async_callback(serve.end)
        ward = Ward(serve, redis, mariadb, database, roads=ways)
        stack.push_async_callback(ward.stop)
        stack.callback(mariadb.ensure_running)
        stack.callback(redis.ensure_running)
        if ways is not None:
            stack.callback(ways.clear)
        await serve.webs()
        gather = ward.gather if phones else ward.meet
        await gather(people=people, conversations=conversations)
        yield ward
