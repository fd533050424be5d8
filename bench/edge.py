"""What the edge costs: one authenticated GET through all of it, beside a bare Tornado JSON handler.

    python -m bench.edge [--requests 4000] [--rounds 5] [--connections 16]

Both answer the same JSON in one process and one loop; a child sends the requests over connections that stay
open. CPU is this process's own, threads included (the log's database has one). Rounds alternate, so that a
neighbour's noise meets both; the table shows the median of the rounds and its ratio to the bare handler.

    the edge, nobody known     quota by address, policy, headers
    a token                    besides: the token, quota by account
    recorded                   besides: one record a request in the log, written later with others
    recorded before it answers besides: waits until the record is durable (health, personal data)
"""

import argparse
import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry, Histogram
from rich.console import Console
from rich.progress import track
from rich.table import Table
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from adapters.memory.quotas import MemoryQuotas
from adapters.sql import migrations
from adapters.sql.audit_store import SqlAuditStore
from adapters.sql.transaction import Database
from audit.log import AuditLog
from conf.settings import Web
from conf.words import Words
from core.actor import Actor, Role
from core.clock import SystemClock
from core.ids import new_id
from handlers.client_address import ClientAddresses
from handlers.endpoint import Edge
from handlers.quota import RequestQuotas
from handlers.recording import Recording
from handlers.routes import Routes
from realtime.revocations import RevocableTokens, Revoked
from realtime.tokens import HmacTokens
from server.api import ROUTES
from server.telemetry import configure_logs
from server.tokens import bearer
from server.web import WebServer, make_application
from tests.services.open_door import OpenDoor

TARGET = 2.5
routes = Routes(tag="bench")


class Said(msgspec.Struct):
    """What every contender answers."""

    user: str
    items: list[int]


SAID = Said("01JDBENCH", [1, 2, 3, 4, 5])


@routes.get("/open", action="line.look", summary="x")
async def open_to_all(deps: Any, actor: Actor) -> Said:
    """Nobody need be known, nothing is recorded."""
    return SAID


@routes.get("/known", action="consent.look", summary="x")
async def known(deps: Any, actor: Actor) -> Said:
    """An account's own, of which no record is made."""
    return SAID


@routes.get("/recorded", action="session.list", summary="x")
async def recorded(deps: Any, actor: Actor) -> Said:
    """An account's own, recorded."""
    return SAID


@routes.get("/durable", action="patient.list", summary="x")
async def durable(deps: Any, actor: Actor) -> Said:
    """Personal data: the record is durable before the answer leaves."""
    return SAID


class Bare(RequestHandler):
    """What Tornado's own page shows."""

    def get(self) -> None:
        """Answer a dictionary."""
        self.write({"user": SAID.user, "items": SAID.items})


@dataclass(frozen=True)
class House:
    """Where both serve, and the token of somebody who is signed in."""

    bare: int
    edge: int
    token: str


@contextlib.asynccontextmanager
async def a_house(folder: Path) -> AsyncIterator[House]:
    """Both servers on free ports of this machine."""
    clock, random = SystemClock(), lambda length: bytes(length)
    url = f"sqlite:///{folder / 'audit.db'}"
    await migrations.upgrade(url, migrations.AUDIT)
    database = Database.open(url, connections=2)
    log = AuditLog(SqlAuditStore(database, algorithm="sha256"), clock=clock)
    log.start()
    signed = HmacTokens([bytes(range(32))])
    session, now = new_id(at=clock.now(), random=random), clock.now()
    person = Actor(id="01JDBENCH", role=Role.PATIENT, session=session)
    token = signed.sign(person, token_id=session, issued_at=now, expires_at=now + timedelta(hours=1))
    addresses, own = ClientAddresses(["127.0.0.1"]), MemoryQuotas(clock)
    edge = Edge(
        deps=None,  # type: ignore[arg-type]
        identify=bearer(RevocableTokens(signed, Revoked()), clock),
        words=Words.read(),
        clock=clock,
        replays=None,  # type: ignore[arg-type]
        recording=Recording(log, clock=clock, addresses=addresses),
        seconds=Histogram("seconds", "x", ["route", "status"], registry=CollectorRegistry()),
        addresses=addresses,
        # Counted as ever, against limits that the bench does not meet.
        quotas=RequestQuotas(own=own, shared=own, scale=1_000),
    )
    application = make_application(
        edge, [*ROUTES, *routes], [], Web(pages="none", patient_pages="none"), folder
    )
    server = WebServer(application, bind_sockets(0, "127.0.0.1"), words=Words.read(), door_of=OpenDoor)  # type: ignore[arg-type]
    server.start()
    listening = bind_sockets(0, "127.0.0.1")
    bare = HTTPServer(Application([(r"/open", Bare)], log_function=lambda handler: None))
    bare.add_sockets(listening)
    try:
        yield House(listening[0].getsockname()[1], server.port, token)
    finally:
        bare.stop()
        await bare.close_all_connections()
        await server.close()
        await log.close()
        await database.close()


class Asker:
    """The child that sends requests."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def asks(self, port: int, path: str, token: str, requests: int) -> None:
        """Return when all are answered."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([port, path, token, requests]).encode() + b"\n")
        if await self._process.stdout.readline() != b"done\n":
            raise SystemExit("the child got another answer than 200")


def child(connections: int) -> None:
    """Send what standard input orders, each connection after its own answers."""
    for line in sys.stdin:
        port, path, token, requests = json.loads(line)
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-Forwarded-For: 203.0.113.7\r\n"
        head += "User-Agent: Mozilla/5.0 (iPhone) MicroMessenger/8.0.50\r\nAccept-Language: zh-CN\r\n"
        head += f"Authorization: Bearer {token}\r\n\r\n" if token else "\r\n"
        asyncio.run(_ask(port, head.encode(), requests // connections, connections))
        sys.stdout.write("done\n")
        sys.stdout.flush()


async def _ask(port: int, request: bytes, times: int, connections: int) -> None:
    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(times):
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise SystemExit(head.decode())
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
        writer.close()

    await asyncio.gather(*(one() for _ in range(connections)))


async def measured(arguments: argparse.Namespace) -> dict[str, list[float]]:
    """CPU seconds a request of every contender, round after round."""
    configure_logs(form="json", level="info", role="bench")
    found: dict[str, list[float]] = {}
    command = [sys.executable, "-m", "bench.edge", "--child", "--connections", str(arguments.connections)]
    with tempfile.TemporaryDirectory() as folder:
        async with a_house(Path(folder)) as house:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            asker = Asker(process)
            contenders = {
                "bare Tornado": (house.bare, "/open", ""),
                "the edge, nobody known": (house.edge, "/open", ""),
                "a token": (house.edge, "/known", house.token),
                "recorded": (house.edge, "/recorded", house.token),
                "recorded before it answers": (house.edge, "/durable", house.token),
            }
            for contender in contenders.values():
                await asker.asks(*contender, arguments.requests // 4)
            for _ in track(range(arguments.rounds), description="rounds", transient=True):
                for name, contender in contenders.items():
                    began = time.process_time()
                    await asker.asks(*contender, arguments.requests)
                    spent = time.process_time() - began
                    found.setdefault(name, []).append(spent / arguments.requests)
            process.terminate()
            await process.wait()
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--requests", type=int, default=4_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.connections)
        return
    found = asyncio.run(measured(arguments))
    table = Table("", "CPU a request", "× bare, median", "best", "worst", box=None)
    for name, spent in found.items():
        ratios = [mine / theirs for mine, theirs in zip(spent, found["bare Tornado"], strict=True)]
        cells = [f"{statistics.median(ratios):.2f}", f"{min(ratios):.2f}", f"{max(ratios):.2f}"]
        table.add_row(name, f"{statistics.median(spent) * 1e6:.0f} µs", *cells)
    Console().print(table)
    Console().print(f"target: at most {TARGET} × bare for an authenticated GET through all of it")


if __name__ == "__main__":
    main()
