"""Durable sends: messages acknowledged after their commit on MariaDB, beside the same statements without us.

    python -m bench.im_send [--seconds 8] [--senders 200] [--rounds 3]

One process with the pool of a web process; ``--senders`` people talk without a pause, two to a conversation.
Beside it, in turn and on the same server, a loop over aiomysql that sends the same statements in the same two
packets, with as many connections: no rules, no seals, no chain. Then what a sync costs: a doctor with 500
conversations of which 5 changed, beside one with 5. And what a search costs that finds nothing.
"""

# ruff: noqa: E501  (statements read better whole)

import argparse
import asyncio
import itertools
import os
import time
from dataclasses import dataclass

import aiomysql  # type: ignore[import-untyped]
from pymysql.constants import CLIENT  # type: ignore[import-untyped]
from rich.table import Table

from adapters.memory.nudge import MemoryNudge
from adapters.sql import migrations
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from bench.clinic import CONSOLE, quantile
from core import limits
from core.actor import Actor, Role
from core.clock import SystemClock
from im import posting, wire
from im.messaging import Manners, Messaging
from im.reading import Reading
from im.searching import Searching
from im.store import NewConversation
from im.thread import Kind, Part, Seat, State
from tests.services.mariadb import MariadbServer
from tests.unit.crypto.rings import a_sealing

TEXT = "医生您好，我今天早上起来以后还是有一点头疼，昨天的药已经吃完了，请问还需要继续吃吗？"


@dataclass
class Figures:
    """One round."""

    sends: int
    seconds: float
    cpu: float
    waits: list[float]

    @property
    def rate(self) -> float:
        return self.sends / self.seconds


class Ours:
    """The service over the pool."""

    def __init__(self, url: str) -> None:
        self.clock = SystemClock()
        self.database = Database.open(url)
        self.units = SqlUnits(self.database, clock=self.clock, nudge=MemoryNudge(), sealing=a_sealing())

        async def nobody(*_: object) -> list[str]:
            return []

        self.messaging = Messaging(
            units=self.units,
            clock=self.clock,
            random=os.urandom,
            whisper=nobody,  # type: ignore[arg-type]
            present=nobody,
            may_type=lambda name: True,
            manners=Manners(),
        )
        self.reading = Reading(units=self.units)
        self._cids = itertools.count(1)

    async def conversation(self, name: str, *users: str) -> None:
        seats = tuple(Seat(user=user, part=Part.DOCTOR, shown="") for user in users)
        draft = NewConversation(id=name, kind=Kind.TEAM, state=State.ACTIVE, key=name, seats=seats)
        async with self.units.begin() as unit:
            await posting.create(unit, draft, at=self.clock.now())
            await unit.commit()

    async def send(self, pair: int, side: int) -> None:
        body = wire.Send(
            conversation=f"c{pair:04}", cid=f"bench-{next(self._cids):012}", body=wire.TextBody(text=TEXT)
        )
        await self.messaging.send(Actor(id=f"u{pair:04}-{side}", role=Role.DOCTOR), body)


_LOOK = (
    "START TRANSACTION;"
    "SELECT id FROM im_conversation WHERE id = '{c}' FOR UPDATE;"
    "SELECT c.id, CONCAT_WS(' ', c.kind, c.state, c.last_seq, COALESCE(c.expires_us, -1), COALESCE(c.turns_left, -1)), "
    "c.digest, c.department, c.patient, d.seq, m.user, m.role, m.shown, CONCAT_WS(' ', m.join_seq, m.read_seq, "
    "m.recv_seq, m.unread, m.muted, m.pinned, COALESCE(m.left_seq, -1)) "
    "FROM im_conversation c LEFT JOIN im_member m ON m.conversation = c.id AND (c.kind <> 'broadcast' OR "
    "m.user = '{u}') LEFT JOIN im_message d ON d.conversation = c.id AND d.sender = '{u}' AND d.cid = '{cid}' "
    "WHERE c.id = '{c}' ORDER BY m.user"
)
_PUT = (
    "UPDATE im_conversation SET last_seq = {seq}, digest = _binary X'{digest}', turns_left = NULL, "
    "changed_us = {at} WHERE id = '{c}';"
    "INSERT INTO im_message VALUES ('{c}', {seq}, '{id}', '{u}', 'doctor', '{cid}', 'text', _binary X'{body}', "
    "NULL, 'sent', {at}, _binary X'{digest}', _binary X'{digest}');"
    "INSERT INTO im_user (user, uver, unread) VALUES ('{a}', 1, 1), ('{b}', 1, 1) "
    "ON DUPLICATE KEY UPDATE uver = uver + 1, unread = unread + VALUES(unread);"
    "UPDATE im_member SET uver = (SELECT uver FROM im_user WHERE im_user.user = im_member.user), "
    "unread = unread + CASE WHEN user = '{u}' THEN 0 ELSE 1 END, notice_us = CASE WHEN user = '{u}' OR muted = 1 "
    "OR notice_us IS NOT NULL THEN notice_us ELSE {at} END WHERE conversation = '{c}' AND left_seq IS NULL;"
    "INSERT INTO outbox (channel, data, created_us) VALUES ('user:#{a}', _binary X'{data}', {at}), "
    "('user:#{b}', _binary X'{data}', {at});"
    "COMMIT"
)


class Bare:
    """The same statements, and nothing else."""

    def __init__(self, server: MariadbServer, database: str) -> None:
        self._server = server
        self._database = database
        self._pool: aiomysql.Pool | None = None
        self._cids = itertools.count(1)
        self._body = os.urandom(len(TEXT.encode()) + 32 + 60).hex()
        self._data = os.urandom(len(TEXT.encode()) + 330).hex()
        self._digest = os.urandom(32).hex()

    async def open(self) -> None:
        self._pool = await aiomysql.create_pool(
            host="127.0.0.1",
            port=self._server.port,
            user="root",
            db=self._database,
            autocommit=True,
            minsize=limits.SQL_POOL_CONNECTIONS,
            maxsize=limits.SQL_POOL_CONNECTIONS,
            client_flag=CLIENT.MULTI_STATEMENTS,
            charset="utf8mb4",
            init_command="SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
        )

    async def close(self) -> None:
        assert self._pool is not None
        self._pool.close()
        await self._pool.wait_closed()

    async def send(self, pair: int, side: int) -> None:
        assert self._pool is not None
        number = next(self._cids)
        a, b = f"u{pair:04}-0", f"u{pair:04}-1"
        given = {"c": f"c{pair:04}", "u": (a, b)[side], "a": a, "b": b, "cid": f"bare-{number:012}"}
        async with self._pool.acquire() as connection, connection.cursor() as cursor:
            await cursor.execute(_LOOK.format(**given))
            while await cursor.nextset():
                pass
            seq = int((await cursor.fetchall())[0][1].split(" ")[2]) + 1
            await cursor.execute(
                _PUT.format(
                    **given,
                    seq=seq,
                    id=f"B{number:025}",
                    at=time.time_ns() // 1000,
                    body=self._body,
                    data=self._data,
                    digest=self._digest,
                )
            )
            while await cursor.nextset():
                pass


async def measured(who: Ours | Bare, *, senders: int, seconds: float) -> Figures:
    """So many people send without a pause."""
    ends = time.monotonic() + seconds
    waits: list[float] = []

    async def talks(number: int) -> None:
        while (began := time.monotonic()) < ends:
            await who.send(number // 2, number % 2)
            waits.append(time.monotonic() - began)

    cpu, began = time.process_time(), time.monotonic()
    await asyncio.gather(*(talks(number) for number in range(senders)))
    return Figures(len(waits), time.monotonic() - began, time.process_time() - cpu, waits)


async def syncs(ours: Ours) -> Table:
    """What a sync costs by what there is and what changed."""
    table = Table(title="sync: milliseconds, and CPU", title_style="bold")
    for column in ("conversations", "changed", "p50", "CPU µs"):
        table.add_column(column, justify="right")
    for there, changed in ((5, 5), (500, 5), (500, 50)):
        doctor = Actor(id=f"doctor.{there}-{changed}", role=Role.DOCTOR)
        for number in range(there):
            await ours.conversation(f"s{there}-{changed}-{number:04}", doctor.id, f"p{number:04}")
        before = (await ours.reading.sync(doctor, wire.Sync(limit=1))).uver
        while (page := await ours.reading.sync(doctor, wire.Sync(uver=before, limit=200))).more:
            before = page.uver
        before = page.uver
        for number in range(changed):
            body = wire.Send(
                conversation=f"s{there}-{changed}-{number:04}",
                cid="bench-0001",
                body=wire.TextBody(text=TEXT),
            )
            await ours.messaging.send(Actor(id=f"p{number:04}", role=Role.PATIENT), body)
        waits = []
        cpu = time.process_time()
        for _ in range(200):
            began = time.monotonic()
            told = await ours.reading.sync(doctor, wire.Sync(uver=before, limit=200))
            waits.append(time.monotonic() - began)
            assert len(told.conversations) == changed
        took = (time.process_time() - cpu) / 200
        table.add_row(str(there), str(changed), f"{quantile(waits, 0.5) * 1000:.2f}", f"{took * 1e6:.0f}")
    return table


async def searches(ours: Ours) -> Table:
    """What a search costs that finds nothing: it opens all that one call may."""
    table = Table(title="search without a hit: one call, and all calls", title_style="bold")
    for column in ("messages", "calls", "CPU ms a call", "CPU µs a message"):
        table.add_column(column, justify="right")
    searching = Searching(units=ours.units)
    for there in (1_000, 5_000):
        who = Actor(id=f"search-{there}", role=Role.DOCTOR)
        await ours.conversation(f"f{there}", who.id, "somebody")
        for number in range(there):
            body = wire.Send(
                conversation=f"f{there}", cid=f"bench-{number:06}", body=wire.TextBody(text=TEXT)
            )
            await ours.messaging.send(who, body)
        calls, cursor, cpu = 0, None, time.process_time()
        while calls == 0 or cursor is not None:
            calls += 1
            cursor = (await searching.search(who, wire.Search(text="没有这句话", cursor=cursor))).next
        took = time.process_time() - cpu
        table.add_row(str(there), str(calls), f"{took / calls * 1e3:.1f}", f"{took / there * 1e6:.0f}")
    return table


async def run(server: MariadbServer, *, seconds: float, senders: int, rounds: int) -> None:
    name = server.create_database()
    url = server.url(name)
    await migrations.upgrade(url)
    ours, bare = Ours(url), Bare(server, name)
    await bare.open()
    for pair in range(senders // 2):
        await ours.conversation(f"c{pair:04}", f"u{pair:04}-0", f"u{pair:04}-1")
    await measured(ours, senders=senders, seconds=1.0)
    await measured(bare, senders=senders, seconds=1.0)
    found: dict[str, list[Figures]] = {"ours": [], "bare aiomysql": []}
    for _ in range(rounds):
        found["ours"].append(await measured(ours, senders=senders, seconds=seconds))
        found["bare aiomysql"].append(await measured(bare, senders=senders, seconds=seconds))
    table = Table(title=f"{senders} senders, durable on MariaDB", title_style="bold")
    for column in ("who", "sends/s", "p50 ms", "p99 ms", "CPU µs a send"):
        table.add_column(column, justify="left" if column == "who" else "right")
    for who, all_rounds in found.items():
        middle = sorted(all_rounds, key=lambda one: one.rate)[len(all_rounds) // 2]
        table.add_row(
            who,
            f"{middle.rate:.0f}",
            f"{quantile(middle.waits, 0.5) * 1000:.0f}",
            f"{quantile(middle.waits, 0.99) * 1000:.0f}",
            f"{middle.cpu / middle.sends * 1e6:.0f}",
        )
    CONSOLE.print(table)
    ratios = sorted(
        one.rate / other.rate for one, other in zip(found["ours"], found["bare aiomysql"], strict=True)
    )
    CONSOLE.print(
        f"ours ÷ bare: {ratios[len(ratios) // 2]:.2f} (rounds {', '.join(f'{one:.2f}' for one in ratios)})"
    )
    CONSOLE.print(await syncs(ours))
    CONSOLE.print(await searches(ours))
    await bare.close()
    await ours.database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--senders", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    server = MariadbServer.start_private()
    try:
        asyncio.run(run(server, seconds=asked.seconds, senders=asked.senders, rounds=asked.rounds))
    finally:
        server.stop()


if __name__ == "__main__":
    main()
