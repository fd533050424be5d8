"""From a send to the other's screen: a web process and a worker on MariaDB and Redis, at a steady pace.

    python -m bench.im_delivery [--rate 200] [--seconds 15] [--people 12]

People talk in teams of three over their sockets (the stock Python client, in this process: its own time is in
every number). A send begins every ``1/rate`` seconds whether the ones before were answered or not. Printed:
from send to answer, from send to the other's hand, and from the answer to the other's hand, which is below
nothing where the message was there before its sender knew.
"""

import argparse
import asyncio
import itertools
import json
import random
import secrets
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.table import Table

from bench.clinic import CONSOLE, quantile
from core.actor import Role
from server.tokens import staff_actor
from tests.fault.im.scene import HOUR, Ward
from tests.fault.serving import Serve
from tests.services.mariadb import MariadbServer
from tests.services.process import free_port
from tests.services.redis import RedisServer

HANDSHAKE = (
    b"GET /connection/websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Pace:
    """Sends at a steady rate and notes what came when."""

    def __init__(self, ward: Ward) -> None:
        self._ward = ward
        self._name = secrets.token_hex(4)
        self._cids = itertools.count(1)
        self.sent: dict[str, float] = {}
        self.answered: dict[str, float] = {}
        self.heard: list[tuple[str, float]] = []
        self.refused = 0
        self._waiting: set[asyncio.Task[None]] = set()
        for phone in ward.phones:
            self._listens(phone)

    def _listens(self, phone: Any) -> None:
        told = phone.on_publication

        async def noted(ctx: Any) -> None:
            event = ctx.pub.data
            if event.get("event") == "message" and event["message"]["sender"] != phone.user:
                self.heard.append((event["message"]["cid"], time.monotonic()))
            await told(ctx)

        phone.on_publication = noted

    async def run(self, *, rate: float, seconds: float) -> None:
        """Send so many a second for so long, then wait for what is under way."""
        phones = [phone for phone in self._ward.phones if phone.over == "rpc"]
        begins = time.monotonic()
        for turn in range(int(rate * seconds)):
            late = begins + turn / rate - time.monotonic()
            if late > 0:
                await asyncio.sleep(late)
            task = asyncio.create_task(self._say(random.choice(phones)))
            self._waiting.add(task)
            task.add_done_callback(self._waiting.discard)
        await asyncio.gather(*self._waiting)
        await asyncio.sleep(1)

    async def _say(self, phone: Any) -> None:
        cid = f"{self._name}-{next(self._cids):08}"
        body = {"type": "text", "text": "医生您好，今天好一些了"}
        asked = {"conversation": random.choice(list(phone.conversations)), "cid": cid, "body": body}
        self.sent[cid] = time.monotonic()
        try:
            await phone.asks("send", asked)
        except Exception:
            self.refused += 1
            return
        self.answered[cid] = time.monotonic()


def shown(pace: Pace) -> Table:
    """What came of it."""
    answered = [at - pace.sent[cid] for cid, at in pace.answered.items()]
    heard = [(at - pace.sent[cid], at - pace.answered[cid]) for cid, at in pace.heard if cid in pace.answered]
    table = Table(title=f"{len(answered)} sends, {len(heard)} deliveries, {pace.refused} refused")
    for column in ("milliseconds", "p50", "p90", "p99", "p99.9"):
        table.add_column(column, justify="left" if column == "milliseconds" else "right")
    for name, found in (
        ("send → answer", answered),
        ("send → the other's hand", [one for one, _ in heard]),
        ("answer → the other's hand", [other for _, other in heard]),
    ):
        table.add_row(name, *(f"{quantile(found, at) * 1000:.1f}" for at in (0.5, 0.9, 0.99, 0.999)))
    return table


async def run(folder: Path, asked: argparse.Namespace, redis: RedisServer, mariadb: MariadbServer) -> None:
    database = mariadb.create_database()
    settings = {
        "port": free_port(),
        "database": mariadb.url(database),
        "broker": redis.url,
    }
    serve = Serve(folder, settings)
    text = serve.file.read_text("utf-8")
    serve.file.write_text(text.replace("processes = 2", "processes = 1\nrequests_scale = 0"), "utf-8")
    await serve.start()
    await answers(serve.port)
    try:
        ward = Ward(serve, redis, mariadb, database)
        await ward.gather(people=asked.people, conversations=3 * asked.people, listeners=0)
        for phone in ward.phones:
            phone.over = "rpc"
        # Before anything else: what talk leaves free would be used by them.
        CONSOLE.print(await idle(ward, connections=asked.idle))
        warm = Pace(ward)
        await warm.run(rate=asked.rate / 2, seconds=3)
        pace = Pace(ward)
        await pace.run(rate=asked.rate, seconds=asked.seconds)
        CONSOLE.print(shown(pace))
        found, _, took = await ward.settles()
        # What was sent is not in the history that the tests keep.
        troubles = [one for one in found if one.what in {"unequal", "doubled", "gap"}]
        pulls, syncs = (sum(getattr(phone, what) for phone in ward.phones) for what in ("pulls", "syncs"))
        CONSOLE.print(
            f"{len(troubles)} troubles, all devices equal after {took:.1f} s; {pulls} pulls, {syncs} syncs"
        )
        for phone in ward.phones:
            await phone.stop()
    finally:
        await serve.end()


async def idle(ward: Ward, *, connections: int) -> Table:
    """What a signed-in connection that hears its personal channel costs the web process."""
    (web,) = ward.serve.pids("web")
    before = private_kb(web)
    held: list[asyncio.StreamWriter] = []
    for number in range(connections):
        reader, writer = await asyncio.open_connection("127.0.0.1", ward.port)
        writer.write(HANDSHAKE)
        await reader.readuntil(b"\r\n\r\n")
        token = ward.issuer.issue(staff_actor(Role.NURSE, f"i{number:05}"), good_for=HOUR).token
        writer.write(masked(json.dumps({"id": 1, "connect": {"token": token}}).encode()))
        assert b'"connect"' in await reader.read(4096)
        held.append(writer)
        if number % 50 == 49:
            await asyncio.sleep(0.5)
    await asyncio.sleep(3)
    grown = private_kb(web) - before
    for writer in held:
        writer.close()
    table = Table(title="idle, signed in, on the personal channel")
    for column in ("connections", "grown KB", "KB each"):
        table.add_column(column, justify="right")
    table.add_row(str(connections), str(grown), f"{grown / connections:.2f}")
    return table


def masked(payload: bytes) -> bytes:
    """A text frame as a client sends it, under the mask of nothing."""
    return bytes([0x81, 0x80 | 126]) + len(payload).to_bytes(2) + bytes(4) + payload


def private_kb(pid: int) -> int:
    """Memory that is the process's own."""
    rows = Path(f"/proc/{pid}/smaps_rollup").read_text("utf-8").splitlines()
    return sum(int(row.split()[1]) for row in rows if row.startswith("Private_"))


async def answers(port: int) -> None:
    """Wait until the web process listens."""
    async with asyncio.timeout(60):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.1)
                continue
            writer.close()
            return


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--rate", type=float, default=200.0)
    asked.add_argument("--seconds", type=float, default=15.0)
    asked.add_argument("--idle", type=int, default=1500)
    asked.add_argument("--people", type=int, default=12)
    given = asked.parse_args()
    redis, mariadb = RedisServer.start_private(), MariadbServer.start_private()
    try:
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(run(Path(folder), given, redis, mariadb))
    finally:
        redis.stop()
        mariadb.stop()


if __name__ == "__main__":
    main()
