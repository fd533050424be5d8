"""npm ``centrifuge`` behind the face of ``stock.Stock``, the newest and an older version side by side."""

import asyncio
import contextlib
import json
import shutil
from pathlib import Path
from typing import Any

from tests.clients.stock import Event, Events

NODE = Path(__file__).parent / "node"
NEWEST, OLDER = "centrifuge", "centrifuge-old"


class NodeClient:
    """npm ``centrifuge``, driven over the standard streams of a Node process."""

    optimistic = True

    def __init__(self, package: str = NEWEST) -> None:
        self.events = Events()
        self._package = package
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._asked = 0

    @staticmethod
    def missing(package: str = NEWEST) -> str | None:
        """Why this client cannot run here, if so."""
        if shutil.which("node") is None:
            return "Node.js is not installed"
        if not (NODE / "node_modules" / package).is_dir():
            return "run `npm ci` in tests/clients/node"
        return None

    async def prepare(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            "node", str(NODE / "client.mjs"), self._package,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        self._reader = asyncio.create_task(self._read())
        await self.events.until("ready")

    async def connect(
        self,
        url: str,
        tokens: tuple[str, ...] = (),
        channels: tuple[str, ...] = (),
        *,
        ping_slack: float = 10.0,
        token_takes: float = 0.0,
        transports: list[dict[str, str]] | None = None,
        emulation: str = "",
    ) -> None:
        if self._process is None:
            await self.prepare()
        self._say(
            do="connect",
            url=url,
            tokens=tokens,
            channels=channels,
            ping_slack=ping_slack,
            token_takes=token_takes,
            transports=transports,
            emulation=emulation,
        )

    @property
    def pid(self) -> int:
        """The Node process."""
        assert self._process is not None
        return self._process.pid

    def _say(self, **command: Any) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            found = json.loads(line)
            self.events.tell(found.pop("event"), **found)

    async def subscribe(
        self,
        channel: str,
        *,
        since: tuple[int, str] | None = None,
        tokens: tuple[str, ...] = (),
        join_leave: bool = False,
    ) -> None:
        self._say(do="subscribe", channel=channel, since=since, tokens=tokens, join_leave=join_leave)

    async def unsubscribe(self, channel: str) -> None:
        self._say(do="unsubscribe", channel=channel)

    async def _ask(self, **command: Any) -> Event:
        self._asked += 1
        self._say(number=self._asked, **command)
        found = await self.events.answer(self._asked)
        return {key: value for key, value in found.items() if key not in ("event", "number")}

    async def publish(self, channel: str, data: Any) -> Event:
        return await self._ask(do="publish", channel=channel, data=data)

    async def history(self, channel: str, *, limit: int, reverse: bool = False) -> Event:
        return await self._ask(do="history", channel=channel, limit=limit, reverse=reverse)

    async def presence(self, channel: str) -> Event:
        return await self._ask(do="presence", channel=channel)

    async def presence_stats(self, channel: str) -> Event:
        return await self._ask(do="presence_stats", channel=channel)

    async def rpc(self, method: str, data: Any) -> Event:
        return await self._ask(do="rpc", method=method, data=data)

    async def close(self) -> None:
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(3):
                    await self._process.wait()
            if self._process.returncode is None:
                self._process.kill()
                await self._process.wait()
        if self._reader is not None:
            await self._reader
