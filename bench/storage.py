"""What storage costs: one own-mode command, and one second of a mirrored clinic.

    python -m bench.storage [--commands 1500] [--rounds 20]

Processor time is of this process (SQLite's thread included, the MariaDB server not). "Bare" issues the same
statements, with the same values, one by one on the driver without anything of ours or SQLAlchemy's.
Tables and ratios, no asserts: the numbers are of the machine that prints them.
"""
# ruff: noqa: SLF001  (the bare driver must run exactly the statements of the stores)

import argparse
import asyncio
import contextlib
import resource
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiomysql  # type: ignore[import-untyped]
from sqlalchemy import bindparam, column, insert, table

from adapters.memory.nudge import MemoryNudge
from adapters.sql import migrations, outbox, queue_store
from adapters.sql.instants import to_us
from adapters.sql.line_rows import line_row, ticket_row, transition_row
from adapters.sql.outbox import SqlOutbox
from adapters.sql.statement import Prepared
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from core.clock import ManualClock
from core.events import Outgoing
from core.ids import LineId, TicketNumber
from queue_display.events import transitions
from queue_display.line import Line
from queue_display.store import Change
from queue_display.ticket import TicketState
from server.relay import Relay
from tests.contract.sql_examples import NOON, a_line, moved, new
from tests.services.mariadb import MariadbServer
from tests.services.process import ProgramIsMissing

LINES, TICKETS, CHANGED = 200, 50, 0.05
BOARD = b'{"line":"L0301","version":412,"waiting":[' + b'"A018",' * 60 + b'"A099"]}'
# SQLAlchemy cannot send bytes through aiomysql 0.3 with PyMySQL 1.2: the hex text goes instead.
_ADD_UNTYPED = insert(table("outbox", column("channel"), column("data"), column("created_us"))).values(
    channel=bindparam("channel"), data=bindparam("data"), created_us=bindparam("created_us")
)


@dataclass(frozen=True)
class Cost:
    """Per round, in microseconds."""

    cpu: float
    wall: float


async def measured(rounds: int, work: Callable[[int], Awaitable[None]]) -> Cost:
    """Run a few rounds to warm up, then measure."""
    for at in range(max(2, rounds // 20)):
        await work(at)
    cpu, wall = _cpu(), time.perf_counter()
    for at in range(rounds):
        await work(at)
    return Cost((_cpu() - cpu) / rounds * 1e6, (time.perf_counter() - wall) / rounds * 1e6)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def next_change(line: Line, at: int) -> Change:
    """The next command on a line: one ticket moves on."""
    number = f"A{at % TICKETS + 1:03d}"
    return moved(line, number, to=_other_state(line, number))


def _other_state(line: Line, number: str) -> TicketState:
    now = line.tickets[TicketNumber(number)].state
    return TicketState.IN_SERVICE if now is TicketState.CALLED else TicketState.CALLED


async def one_command(units: SqlUnits, line: LineId, at: int) -> None:
    """What a use case does."""
    async with units.begin() as unit:
        before = await unit.lines.load_for_change(line)
        change = next_change(before, at)
        await unit.lines.keep(change)
        unit.publish(Outgoing(f"queue:{line}", BOARD))
        await unit.commit()


def bare_statements(database: Database, line: Line) -> Callable[[int], list[tuple[str, tuple[Any, ...]]]]:
    """The statements of ``one_command`` with their values, for a line kept in memory."""
    statements = database.statements
    state = line

    def texts(at: int) -> list[tuple[str, tuple[Any, ...]]]:
        nonlocal state
        change = next_change(state, at)
        state = change.after
        day = state.day.isoformat()
        (ticket,) = change.changed_tickets
        (transition,) = transitions(state, change.events)
        rows: list[tuple[Prepared, tuple[Any, ...]]] = [
            (statements[queue_store._LINE_FOR_CHANGE], (state.id,)),
            (statements[queue_store._PUT_LINE], line_row(state)),
            (statements[queue_store._PUT_TICKET], ticket_row(state.id, day, ticket)),
            (statements[queue_store._INSERT_TRANSITION], transition_row(state.id, transition)),
            (statements[outbox._ADD], ("queue:L", BOARD, to_us(NOON))),
        ]
        return [(prepared.text, values) for prepared, values in rows]

    return texts


async def bare_sqlite(file: Path, database: Database, line: Line, rounds: int) -> Cost:
    texts = bare_statements(database, line)
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA synchronous=FULL")

    async def command(at: int) -> None:
        connection.execute("BEGIN IMMEDIATE")
        for text, values in texts(at):
            connection.execute(text, values).fetchall()
        connection.execute("COMMIT")

    cost = await measured(rounds, command)
    connection.close()
    return cost


async def bare_mysql(server: MariadbServer, name: str, database: Database, line: Line, rounds: int) -> Cost:
    texts = bare_statements(database, line)
    connection = await aiomysql.connect(
        host="127.0.0.1", port=server.port, user="root", db=name, charset="utf8mb4", autocommit=True
    )

    async def command(at: int) -> None:
        async with connection.cursor() as cursor:
            await connection.begin()
            for text, values in texts(at):
                escaped = tuple(
                    [f"X'{v.hex()}'" if isinstance(v, bytes) else connection.literal(v) for v in values]
                )
                await cursor.execute(text % escaped)
                await cursor.fetchall()
            await connection.commit()

    cost = await measured(rounds, command)
    connection.close()
    return cost


async def core_command(database: Database, line: Line, rounds: int) -> Cost:
    """The same statements through SQLAlchemy Core's own execution."""
    values = bare_statements(database, line)
    expressions: list[Any] = [
        queue_store._LINE_FOR_CHANGE,
        queue_store._PUT_LINE,
        queue_store._PUT_TICKET,
        queue_store._INSERT_TRANSITION,
        _ADD_UNTYPED,
    ]
    picked = [getattr(each, database.kind, each) for each in expressions]
    names = [database.statements[each].names for each in expressions]
    is_mysql = database.kind == "mysql"
    begin = "START TRANSACTION" if is_mysql else "BEGIN IMMEDIATE"

    async def command(at: int) -> None:
        async with database.engine.connect() as connection:
            await connection.exec_driver_sql(begin)
            for statement, keys, (_, row) in zip(picked, names, values(at), strict=True):
                texts = [v.hex() if isinstance(v, bytes) and is_mysql else v for v in row]
                result = await connection.execute(statement, dict(zip(keys, texts, strict=True)))
                if result.returns_rows:
                    result.fetchall()
            await connection.exec_driver_sql("COMMIT")

    return await measured(rounds, command)


async def mirror_batches(units: SqlUnits, rounds: int) -> Cost:
    """One second of a mirrored clinic a round: load all, change 5 % of the tickets, confirm, publish."""
    lines = [a_line(f"M{at:04d}", tickets=TICKETS) for at in range(LINES)]
    async with units.begin() as unit:
        await unit.lines.keep_many([new(line) for line in lines])
        await unit.commit()
    ids = [line.id for line in lines]
    per_line = TICKETS * CHANGED

    async def batch(at: int) -> None:
        async with units.begin() as unit:
            known = await unit.lines.load_many(ids)
            changes = []
            for place, line in enumerate(known):
                first = int(place * per_line) + at
                count = int((place + 1) * per_line) - int(place * per_line)
                numbers = [f"A{(first + n) % TICKETS + 1:03d}" for n in range(count)]
                changes.append(moved(line, *numbers, to=_other_state(line, numbers[0])))
            await unit.lines.keep_many(changes)
            confirmed = NOON + timedelta(seconds=at)
            await unit.lines.confirm(ids, as_of=confirmed, hospital_at=confirmed)
            unit.publish(*[Outgoing(f"queue:{line}", BOARD) for line in ids])
            unit.publish(*[Outgoing(f"screen:{line}", BOARD) for line in ids])
            await unit.commit()

    return await measured(rounds, batch)


async def relay_batches(units: SqlUnits, database: Database, rounds: int) -> Cost:
    """Two publications a line out of the outbox a round, to a broker that costs nothing."""

    async def publish(channel: str, data: bytes, key: str) -> None: ...

    relay = Relay(SqlOutbox(database), publish=publish, nudge=MemoryNudge(), clock=ManualClock(NOON))
    await relay.sweep()
    filled = 0.0

    async def batch(_: int) -> None:
        nonlocal filled
        before = _cpu()
        async with units.begin() as unit:
            unit.publish(*[Outgoing(f"queue:L{at}", BOARD) for at in range(2 * LINES)])
            await unit.commit()
        filled += _cpu() - before
        await relay.sweep()

    cost = await measured(rounds, batch)
    return replace(cost, cpu=cost.cpu - filled / (rounds + max(2, rounds // 20)) * 1e6)


@contextlib.contextmanager
def mariadb() -> Iterator[MariadbServer | None]:
    try:
        server = MariadbServer.start_private()
    except ProgramIsMissing as missing:
        print(f"MariaDB was not measured: {missing}")
        yield None
        return
    try:
        yield server
    finally:
        server.stop()


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    await migrations.upgrade(url)
    database = Database.open(url)
    try:
        yield database
    finally:
        await database.close()


async def report(
    title: str, url: str, commands: int, rounds: int, bare: Callable[[Database, Line, int], Awaitable[Cost]]
) -> None:
    async with opened(url) as database:

        def units() -> SqlUnits:
            return SqlUnits(database, clock=ManualClock(NOON), nudge=MemoryNudge())

        ours, forgetful = units(), units()
        names = ("OURS", "COLD", "BARE", "CORE", *[f"P{n}" for n in range(8)])
        async with ours.begin() as unit:
            await unit.lines.keep_many([new(a_line(name, tickets=TICKETS)) for name in names])
            await unit.commit()
        floor = await bare(database, a_line("BARE", tickets=TICKETS), commands)
        rows = [("bare driver, statement by statement", floor)]
        rows.append(
            (
                "ours: units, lines remembered",
                await measured(commands, lambda at: one_command(ours, LineId("OURS"), at)),
            )
        )
        rows.append(
            (
                "ours, tickets read each time",
                await measured(commands // 4, lambda at: one_command(units(), LineId("COLD"), at)),
            )
        )
        rows.append(
            (
                "SQLAlchemy Core, same statements",
                await core_command(database, a_line("CORE", tickets=TICKETS), commands // 2),
            )
        )

        async def eight(at: int) -> None:
            await asyncio.gather(*[one_command(ours, LineId(f"P{n}"), at) for n in range(8)])

        parallel = await measured(commands // 8, eight)
        rows.append(("ours, eight lines at once", Cost(parallel.cpu / 8, parallel.wall / 8)))
        print(
            f"\n{title}: one command (lock and load, 1 line, 1 ticket, 1 transition, 1 outbox row, commit)\n"
        )
        print(f"| {'':38} | CPU µs | × bare | commands/s |\n|{'-' * 40}|-------:|-------:|-----------:|")
        for name, cost in rows:
            print(f"| {name:38} | {cost.cpu:6.0f} | {cost.cpu / floor.cpu:6.2f} | {1e6 / cost.wall:10.0f} |")
        warm = await mirror_batches(ours, rounds)
        async with forgetful.begin() as unit:
            ids = await unit.lines.ids()

        async def load_cold(_: int) -> None:
            async with units().read() as unit:
                await unit.lines.load_many(ids)

        cold = await measured(max(3, rounds // 4), load_cold)
        relayed = await relay_batches(ours, database, rounds)
        share = (warm.cpu + relayed.cpu) / 1e6
        print(
            f"\n{title}: one second of {LINES} lines × {TICKETS} tickets, {CHANGED:.0%} changed, "
            f"{2 * LINES} publications\n"
        )
        print(f"| {'':38} | CPU ms | wall ms |\n|{'-' * 40}|-------:|--------:|")
        for name, cost in (
            ("load, keep, confirm, outbox, commit", warm),
            ("relay: read, publish, delete", relayed),
        ):
            print(f"| {name:38} | {cost.cpu / 1e3:6.1f} | {cost.wall / 1e3:7.1f} |")
        print(
            f"| {'(once at a start: read all tickets)':38} | {cold.cpu / 1e3:6.1f} | {cold.wall / 1e3:7.1f} |"
        )
        print(f"\nA batch and its relay once a second: {share:.1%} of one core.")


async def main(commands: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bench.db"
        await report(
            "SQLite", f"sqlite:///{file}", commands, rounds,
            lambda database, line, count: bare_sqlite(file, database, line, count),
        )  # fmt: skip
    with mariadb() as server:
        if server is not None:
            name = server.create_database()
            await report(
                "MariaDB", server.url(name), commands, rounds,
                lambda database, line, count: bare_mysql(server, name, database, line, count),
            )  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--commands", type=int, default=1500)
    parser.add_argument("--rounds", type=int, default=20)
    given = parser.parse_args()
    asyncio.run(main(given.commands, given.rounds))
