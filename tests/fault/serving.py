"""``run.py serve`` as a process of the tests: started, watched from outside, hurt by process id, ended."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from tests.services.process import free_port

ROOT = Path(__file__).parents[2]
START_SECONDS = 120.0
END_SECONDS = 60.0

SETTINGS = """
profile = "production"
data = "{data}"

[web]
port = {port}
processes = {processes}

[storage]
url = "{database}"

[broker]
url = "{broker}"

[log]
level = "info"

[hospital]
name = {{ zh = "医院", en = "Hospital" }}
front_machine = "{front_machine}"
ca = "{pki}/ca.crt"
certificate = "{pki}/platform.crt"
key = "{pki}/platform.key"

[[own_lines]]
id = "blood"
name = "采血"
department = "lab"
department_name = "检验科"
rooms = [{{ id = "w1", name = "1号窗" }}]
settings = {{ number_prefix = "C", lock_places = 0, pass_after_seconds = 0, recalls_before_pass = 0 }}

[[own_lines]]
id = "x-ray"
name = "放射"
department = "lab"
department_name = "检验科"
rooms = [{{ id = "x1", name = "X光室" }}]
settings = {{ number_prefix = "X", lock_places = 0, pass_after_seconds = 0, recalls_before_pass = 0 }}

[[screens]]
id = "hall"
kind = "hall"
title = {{ zh = "厅", en = "Hall" }}
lines = ["L1", "L2", "blood", "x-ray"]
"""


def write_settings(folder: Path, **values: object) -> Path:
    """A settings file of a small production; answers its path."""
    given: dict[str, object] = {
        "data": folder / "data",
        "port": free_port(),
        "processes": 2,
        "database": f"sqlite:///{folder / 'houzhen.db'}",
        "broker": "redis://127.0.0.1:1/0",
        "front_machine": "",
        "pki": folder,
    }
    file = folder / "houzhen.toml"
    file.write_text(SETTINGS.format(**(given | values)), "utf-8")
    return file


def children_of(parent: int) -> list[int]:
    """The living children of a process."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, ppid = stat.read_text().rpartition(") ")[2].split()[:2]
            if int(ppid) == parent and state != "Z":
                found.append(int(stat.parent.name))
    return found


def exists(pid: int) -> bool:
    """Whether the process lives."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[0] != "Z"
    except OSError:
        return False


def listens(pid: int, port: int) -> bool:
    """Whether this very process listens on the port (several share it)."""
    wanted = f":{port:04X}"
    inodes = {
        f"socket:[{fields[9]}]"
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if (fields := line.split())[3] == "0A" and fields[1].endswith(wanted)
    }
    with contextlib.suppress(OSError):
        for file in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                if str(file.readlink()) in inodes:
                    return True
    return False


class Process:
    """One ``run.py`` command of the tests, its output kept in a file; never outlives the test process."""

    def __init__(self, *command: str, log: Path) -> None:
        self.command = command
        self.log = log
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                "setpriv",
                "--pdeathsig",
                "TERM",
                sys.executable,
                str(ROOT / "run.py"),
                *self.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.log.parent,
            )

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def ended(self) -> int | None:
        """The exit status, once there is one."""
        assert self._process is not None
        return self._process.returncode

    def send(self, what: signal.Signals) -> None:
        os.kill(self.pid, what)

    async def end(self, seconds: float = END_SECONDS) -> int:
        """SIGTERM, and wait; insist afterwards. Answers the exit status."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.terminate()
        try:
            return await self.wait(seconds)
        except TimeoutError:
            self._process.kill()
            return await self._process.wait()

    async def wait(self, seconds: float) -> int:
        """The exit status; raises ``TimeoutError``."""
        assert self._process is not None
        async with asyncio.timeout(seconds):
            return await self._process.wait()

    def told(self) -> str:
        """Everything it printed."""
        return self.log.read_text("utf-8", errors="replace")

    def events(self) -> list[dict[str, Any]]:
        """Its log lines, and those of its children."""
        found = []
        for line in self.told().splitlines():
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
        return found


class Serve(Process):
    """The process tree."""

    def __init__(self, folder: Path, settings: Mapping[str, object]) -> None:
        self.file = write_settings(folder, **settings)
        self.port = int(str(settings["port"]))
        self.processes = int(str(settings.get("processes", 2)))
        super().__init__("serve", "--config", str(self.file), log=folder / "serve.log")

    def pids(self, role: str) -> list[int]:
        """The living processes of a role, oldest first, as the log names them (a spare keeps its command)."""
        started = [event for event in self.events() if event.get("event") == "tree.child_started"]
        return [each["pid"] for each in started if each["child"].startswith(role) and exists(each["pid"])]

    async def has_spares(self, count: int) -> None:
        """Wait until so many spares stand by; the tree has been left alone for a while then."""
        async with asyncio.timeout(START_SECONDS):
            while len(children_of(self.pid)) < len(self.pids("")) + count:
                await asyncio.sleep(0.1)

    async def webs(self, *, besides: Collection[int] = ()) -> list[int]:
        """Wait until all web processes listen and none of them is one of those; answers them."""
        async with asyncio.timeout(START_SECONDS):
            while True:
                assert self.ended is None, self.told()[-3000:]
                found = self.pids("web")
                if (
                    len(found) == self.processes
                    and not set(found) & set(besides)
                    and all(listens(pid, self.port) for pid in found)
                ):
                    return found
                await asyncio.sleep(0.02)
