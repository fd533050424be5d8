"""A clinic in full swing before a process tree: who watches, who changes things, and what must hold after it.

One scene serves a module of tests. Each test hurts something; ``settles`` then stops the changes and holds
everything against everything: clients, snapshots, the hospital's table, the database's history.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pymysql  # type: ignore[import-untyped]

from core.actor import Role
from core.clock import SystemClock
from realtime.tokens import HmacTokens
from server.tokens import Issuer, screen_actor, staff_actor, token_key
from tests.fault.hands import ANSWER_SECONDS, HospitalHand, Nurse
from tests.fault.serving import Serve
from tests.fault.watchers import Board, Watcher
from tests.flow.front_machine.machines import FrontMachine
from tests.services.mariadb import MariadbServer
from tests.services.process import free_port
from tests.services.redis import RedisServer
from tests.services.stranger import a_hospital

MIRRORED = ["L1", "L2"]
OWN = {"blood": "w1", "x-ray": "x1"}
LINES = [*MIRRORED, *OWN]
LEASES = {
    "relay",
    "timers",
    "retention",
    "audit",
    "sync",
    "patients",
    "consultations",
    "files",
    "notices",
    "records",
}
NUMBERS = [f"A{number:03}" for number in range(1, 13)]
PHONES, SCREENS = 54, 6
SETTLE_SECONDS = 60.0
OF_THE_MOMENT = ("as_of", "estimate")
"""What a snapshot may know better than the last publication although nothing changed."""


class Scene:
    """The parts, and the judgement."""

    def __init__(
        self, serve: Serve, front: FrontMachine, redis: RedisServer, mariadb: MariadbServer, database: str
    ) -> None:
        self.serve = serve
        self.front = front
        self.redis = redis
        self.mariadb = mariadb
        self.database = database
        self.http = aiohttp.ClientSession(
            f"http://127.0.0.1:{serve.port}",
            timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS),
            # A connection a command: the kernel spreads them over the processes that share the port.
            connector=aiohttp.TCPConnector(force_close=True, limit=0),
        )
        self.hand = HospitalHand(front.stranger, MIRRORED, NUMBERS)
        key = token_key(serve.file.parent / "data" / "keys" / "tokens.key")
        self.issuer = issuer = Issuer(HmacTokens([key]), SystemClock())
        hour = timedelta(hours=1)
        nurse = issuer.issue(staff_actor(Role.NURSE, "n1"), good_for=hour).token
        screen = issuer.issue(screen_actor("hall"), good_for=hour).token
        self.nurses = [
            Nurse(line, room, self.http, {"Authorization": f"Bearer {nurse}"}) for line, room in OWN.items()
        ]
        queues = [f"queue:{line}" for line in LINES]
        self.watchers = [
            Watcher(serve.port, queues[at % 2 :: 2] if at % 3 else queues, http=self.http)
            for at in range(PHONES)
        ]
        self.watchers += [
            Watcher(serve.port, ["screen:hall"], http=self.http, token=screen) for _ in range(SCREENS)
        ]
        self._working: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Everybody watches, everybody works."""
        await self.lines_are_there()
        await asyncio.gather(*(watcher.start() for watcher in self.watchers))
        self._working = [
            asyncio.create_task(self.hand.works(pause=0.15)),
            *(asyncio.create_task(nurse.works(pause=0.08)) for nurse in self.nurses),
        ]

    async def stop(self) -> None:
        for task in self._working:
            task.cancel()
        await asyncio.gather(*self._working, return_exceptions=True)
        await asyncio.gather(*(watcher.stop() for watcher in self.watchers))
        await self.http.close()

    async def lines_are_there(self) -> None:
        async with asyncio.timeout(40):
            while True:
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    async with self.http.get("/v1/lines") as response:
                        if {each["id"] for each in (await response.json()).get("items", ())} == set(LINES):
                            return
                await asyncio.sleep(0.05)

    async def works_for(self, seconds: float) -> None:
        """Let the clinic go on; a worker of the scene that failed ends the test."""
        done, _ = await asyncio.wait(self._working, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    @contextlib.asynccontextmanager
    async def quiet(self) -> AsyncIterator[None]:
        """Nobody begins anything; what was begun has ended."""
        async with contextlib.AsyncExitStack() as stack:
            async with asyncio.timeout(60):
                await stack.enter_async_context(self.hand.turn)
                for nurse in self.nurses:
                    await stack.enter_async_context(nurse.turn)
            yield

    async def settles(self) -> None:
        """Stop the changes and hold everything against everything."""
        await self.works_for(0.5)
        async with self.quiet():
            boards, left = await self._everybody_agrees()
            assert not left, (len(left), left[:4])
            for nurse in self.nurses:
                self._history_is_whole(nurse)
            for line in LINES:
                self._history_has_no_gap(line, boards[line]["version"])

    async def _everybody_agrees(self) -> tuple[dict[str, Board], list[str]]:
        """Snapshots, and who still shows something else after a while.

        Snapshots are taken anew each time: the hospital's last change may come after the first of them.
        """
        ends = time.monotonic() + SETTLE_SECONDS
        while True:
            boards = await self._boards_agree_with_the_hospital()
            left = self._disagreements(boards)
            if not left or time.monotonic() > ends:
                return boards, left
            await asyncio.sleep(0.2)

    async def _boards_agree_with_the_hospital(self) -> dict[str, Board]:
        async with asyncio.timeout(SETTLE_SECONDS):
            while True:
                boards = {line: await self.board(line) for line in LINES}
                wrong = [self.hand.disagrees(boards[line]) for line in MIRRORED]
                if not any(wrong) and all(boards[line]["fresh"] for line in LINES):
                    return boards
                await asyncio.sleep(0.1)

    async def board(self, line: str) -> Board:
        """A fresh snapshot."""
        while True:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with self.http.get(f"/v1/lines/{line}") as response:
                    if response.status == 200:
                        board: Board = (await response.json())["board"]
                        return board
            await asyncio.sleep(0.1)

    def _disagreements(self, boards: dict[str, Board]) -> list[str]:
        left = []
        for at, watcher in enumerate(self.watchers):
            for channel in watcher.channels:
                lines = LINES if channel.channel.startswith("screen") else [channel.channel.partition(":")[2]]
                for line in lines:
                    shown = channel.lines[line].board if line in channel.lines else {}
                    if not _same(shown, boards[line]):
                        left.append(
                            f"client {at} {channel.channel} {line}: {shown} instead of {boards[line]}"
                        )
        return left

    def backwards(self) -> list[tuple[str, tuple[int, int]]]:
        """Publications that were older than one before them on the same stream; the list begins anew."""
        found = []
        for watcher in self.watchers:
            for channel in watcher.channels:
                for shown in channel.lines.values():
                    found += [(channel.channel, each) for each in shown.backwards]
                    shown.backwards.clear()
        return found

    def _history_is_whole(self, nurse: Nurse) -> None:
        """Every command that was acknowledged is there at its version; none is there twice."""
        rows = self.query(
            "SELECT DISTINCT reason, version FROM transition WHERE line = %s AND actor = 'nurse.n1'",
            nurse.line,
        )
        versions: dict[str, list[int]] = {}
        for reason, version in rows:
            versions.setdefault(reason, []).append(version)
        assert {reason: found for reason, found in versions.items() if len(found) > 1} == {}, "applied twice"
        lost = {
            reason: version
            for reason, version in nurse.acknowledged.items()
            if versions.get(reason) != [version]
        }
        assert lost == {}, "acknowledged and lost"
        assert nurse.settled <= set(versions), "taken for done and lost"
        tickets = self.query("SELECT visit, COUNT(*) FROM ticket WHERE line = %s GROUP BY visit", nurse.line)
        assert {count for _, count in tickets} <= {1}

    def _history_has_no_gap(self, line: str, version: int) -> None:
        versions = [
            found
            for (found,) in self.query(
                "SELECT DISTINCT version FROM transition WHERE line = %s ORDER BY version", line
            )
        ]
        untold = sorted(set(range(1, version + 1)) - set(versions))
        assert not untold, (line, version, untold, versions[-5:])
        # A row more: the hospital's last change, pulled after the snapshot was taken.
        assert versions == list(range(1, len(versions) + 1)), (line, version, versions)

    def query(self, sql: str, *values: object) -> list[Any]:
        """Ask the database itself."""
        connection = pymysql.connect(
            host="127.0.0.1", port=self.mariadb.port, user="root", database=self.database, connect_timeout=5
        )
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql, values)
                return list(cursor.fetchall())
        finally:
            connection.close()

    def holders(self) -> dict[str, str]:
        """Who holds each lease that has not run out."""
        rows = self.query("SELECT name, holder FROM lease WHERE until_us > UNIX_TIMESTAMP(NOW(6)) * 1000000")
        return dict(rows)

    async def leases_are_with(self, pid: int | None = None, *, besides: int | None = None) -> None:
        """Wait until every lease is held by that process, or by another one than that."""
        async with asyncio.timeout(90):
            while True:
                holders = {int(holder.split(".")[-2]) for holder in self.holders().values()}
                if self.holders().keys() == LEASES and len(holders) == 1:
                    if pid is not None and holders == {pid}:
                        return
                    if besides is not None and besides not in holders:
                        return
                await asyncio.sleep(0.02)


def _same(shown: Board, fresh: Board) -> bool:
    """Whether a client shows what a fresh snapshot shows; a screen's part is compared by what it has."""
    if "waiting_count" not in shown:
        return {key: value for key, value in shown.items() if key not in OF_THE_MOMENT} == {
            key: value for key, value in fresh.items() if key not in OF_THE_MOMENT
        }
    numbers = {(each["number"], each["state"]) for each in fresh["now"]}
    return bool(
        shown["version"] == fresh["version"]
        and shown["fresh"] == fresh["fresh"]
        and {(each["number"], each["state"]) for each in shown["now"]} == numbers
        and shown["waiting_count"] == len(fresh["waiting"])
    )


@contextlib.asynccontextmanager
async def a_scene(folder: Path, redis: RedisServer, mariadb: MariadbServer) -> AsyncIterator[Scene]:
    """Start everything; end it in reverse, whatever a test did to it."""
    hospital = folder / "hospital"
    hospital.mkdir(parents=True)
    front = FrontMachine(
        hospital, a_hospital(hospital / "his.db", lines=MIRRORED, tickets=NUMBERS), his__poll_seconds=0.2
    )
    await front.start()
    database = mariadb.create_database()
    serve = Serve(
        folder,
        {
            "port": free_port(),
            "database": f"mysql://root@127.0.0.1:{mariadb.port}/{database}",
            "broker": redis.url,
            "front_machine": f"https://127.0.0.1:{front.port}",
            "pki": hospital / "pki",
        },
    )
    await serve.start()
    scene: Scene | None = None
    try:
        await serve.webs()
        scene = Scene(serve, front, redis, mariadb, database)
        await scene.start()
        yield scene
    finally:
        redis.ensure_running()
        mariadb.ensure_running()
        if scene is not None:
            await scene.stop()
        await serve.end()
        await front.stop()
        mariadb.drop_database(database)
