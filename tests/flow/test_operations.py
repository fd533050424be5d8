"""What operators rely on: readiness tells the truth, check names what is wrong, tokens open what they may."""

import asyncio
import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from conf.loader import load
from core import limits
from server.bootstrap import Roles, compose
from tests.flow.town import Town, a_town
from tests.services import RedisServer

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """One command of run.py."""
    return subprocess.run(
        [sys.executable, str(ROOT / "run.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=ROOT,
    )


async def broker_of(town: Town) -> dict[str, Any]:
    """What ``/readyz`` says of the broker; the server itself is ready all the time."""
    status, ready = await town.get("/readyz")
    assert (status, ready["ready"]) == (200, True)
    [broker] = [each for each in ready["dependencies"] if each["name"] == "broker"]
    return dict(broker)


@pytest.mark.redis
async def test_without_its_broker_the_server_says_so_and_still_shows_boards(
    tmp_path: Path, redis_server: RedisServer, redis_url: str
) -> None:
    try:
        async with a_town(tmp_path, broker__url=redis_url) as town:
            await town.knows("L1")
            assert (await broker_of(town))["ok"]
            await asyncio.to_thread(redis_server.kill)
            broker = await broker_of(town)
            assert (broker["ok"], broker["code"]) == (False, "realtime.broker_unavailable")
            status, view = await town.get("/v1/lines/L1")
            assert (status, view["position"]) == (200, {"offset": 0, "epoch": ""})
            version = (await town.board("blood"))["version"]
            body = {"expected_version": version}
            assert (await town.post("/v1/lines/blood/rooms/w1/open", body))[0] == 200
            await asyncio.to_thread(redis_server.ensure_running)
            async with asyncio.timeout(60):
                while not (await broker_of(town))["ok"]:
                    await asyncio.sleep(0.1)
            async with town.phone("blood") as phone:
                body = {"expected_version": version + 1}
                await town.post("/v1/lines/blood/rooms/w2/open", body)
                await phone.until(lambda board: board["version"] == version + 2)
    finally:
        redis_server.ensure_running()


def age_tickets(path: str) -> None:
    """Put every ticket into the database once more, as of long ago."""
    with closing(sqlite3.connect(path, timeout=10, isolation_level=None)) as database:
        others = ", ".join(row[1] for row in database.execute("PRAGMA table_info(ticket)"))
        copied = others.replace("day", "'2020-01-01'", 1)
        database.execute("BEGIN IMMEDIATE")
        database.execute(f"INSERT INTO ticket ({others}) SELECT {copied} FROM ticket")
        database.execute("COMMIT")


async def test_a_worker_forgets_what_is_too_old_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "RETENTION_SWEEP_SECONDS", 0.05)
    async with a_town(tmp_path) as town:
        await town.knows("L1")
        path = town.settings.storage.url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(path)) as database:
            days = "SELECT DISTINCT day FROM ticket"
            [today] = database.execute(days).fetchall()
            # Beside the loop: the worker, which holds the lock now and then, needs it to go on.
            await asyncio.to_thread(age_tickets, path)
            async with asyncio.timeout(60):
                while database.execute(days).fetchall() != [today]:
                    await asyncio.sleep(0.05)
        assert (await town.board("L1"))["waiting"]


BROKEN = [
    (b"POST /connection/websocket HTTP/1.1\r\nHost: x\r\n\r\n", 405, "core.method_not_allowed"),
    (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 20_000, 431, "core.headers_too_large"),
    (b"GET /connection/websocket HTTP/1.1\r\nA: " + b"a" * 20_000, 431, "core.headers_too_large"),
    (b"POST /v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n", 413, "core.body_too_large"),
    (b"GET /v1/lines\r\n\r\n", 400, "core.bad_request"),
]


async def test_what_breaks_the_bounds_is_told_so_by_the_whole_server(tmp_path: Path) -> None:
    settings = load(overrides={"data": str(tmp_path), "web.port": 0, "log.level": "warning"}, environment={})
    async with compose(settings, Roles.WEB) as platform:
        for request, status, code in BROKEN:
            reader, writer = await asyncio.open_connection("127.0.0.1", platform.port)
            writer.write(request)
            async with asyncio.timeout(60):
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"Content-Length: (\d+)", head)
                assert length is not None
                problem = json.loads(await reader.readexactly(int(length[1])))
            assert (head.split()[1], problem["code"]) == (str(status).encode(), code)
            writer.close()


def test_check_says_in_a_table_what_is_well_and_what_is_not(tmp_path: Path) -> None:
    missing = run("check", "--data", str(tmp_path))
    assert missing.returncode == 1
    assert "run.py migrate" in missing.stdout
    assert run("migrate", "--data", str(tmp_path)).returncode == 0
    again = run("check", "--data", str(tmp_path))
    for well in ("database", "broker", "hospital", "disk"):
        assert re.search(rf"✓ +{well}", again.stdout), again.stdout


def test_a_token_is_issued_for_known_roles_and_screens_only(tmp_path: Path) -> None:
    issued = run("token", "kiosk", "lobby-1", "--line", "blood", "--data", str(tmp_path))
    assert issued.returncode == 0
    assert issued.stdout.strip().count(".") == 2
    people = [(role, "x") for role in ("nurse", "doctor", "system_admin", "security_admin", "audit_admin")]
    refusals = [
        ((role, name), f"no tokens for the role {role}") for role, name in (("god", "x"), *people[:2])
    ]
    for wrong, named in (*refusals, (("screen", "x"), "no screen x")):
        refused = run("token", *wrong, "--data", str(tmp_path))
        assert refused.returncode == 2
        assert named in refused.stderr
        assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("serve",), "broker.url"),
        (("web", "--config", "nothing.toml"), "nothing.toml"),
        (("front-machine", "--config", "nothing.toml"), "nothing.toml"),
    ],
)
def test_what_cannot_start_says_why_in_one_line(arguments: tuple[str, ...], named: str) -> None:
    refused = run(*arguments)
    assert refused.returncode == 2
    assert named in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
