"""The open platforms' command: ``python -m demo.platforms --agreed FILE --port 0``.

WeChat, Alipay and everybody's phones on one port of this machine. What goes wrong is ordered here:

    POST /simulator/faults   {"call": "/sns/jscode2session", "fault": "40029", "times": 1}
    POST /simulator/codes    {"of": "wechat", "kind": "mini", "who": "lin"}            → {"code": …}
    POST /simulator/tokens   {"app": "wx…"}                                            the token dies now
    POST /simulator/messages {"to": "http://…", "event": "SCAN", "who": "lin", "scene": "…"}
    GET  /simulator/calls    how often each interface was called
    GET  /                   the phones' text messages
"""

import argparse
import asyncio
import contextlib
import os
import secrets
import signal
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from demo import open_pages
from demo.alipay import BEIJING, Alipay
from demo.faults import Faults
from demo.open_config import Agreed, read
from demo.wechat import WeChat
from demo.wechat_server import WeChatServer

MESSAGES = 50


class OpenPlatforms:
    """All of them, and what a test or a demonstration may order."""

    def __init__(self, agreed: Agreed, now: Callable[[], float] = time.time) -> None:
        self.faults = Faults()
        self.wechat = WeChat(agreed.wechat, self.faults, now)
        self.alipay = Alipay(agreed.alipay, self.faults, now)
        self.server = WeChatServer(agreed.wechat, now)
        self.messages: deque[tuple[str, str, str]] = deque(maxlen=MESSAGES)
        self._agreed = agreed

    def application(self) -> web.Application:
        """What is served."""
        app = web.Application()
        app.add_routes(self.wechat.routes())
        app.add_routes(self.alipay.routes())
        app.add_routes(
            [
                web.post("/sms/send", self._sms),
                web.get("/", self._inbox),
                web.post("/simulator/faults", self._order),
                web.post("/simulator/codes", self._code),
                web.post("/simulator/tokens", self._kill),
                web.post("/simulator/messages", self._message),
                web.get("/simulator/calls", self._calls),
            ]
        )
        return app

    async def _sms(self, request: web.Request) -> web.Response:
        self.faults.calls["sms"] += 1
        told = request.headers.get("Authorization", "")
        if not secrets.compare_digest(told.encode(), f"Bearer {self._agreed.sms_secret}".encode()):
            return web.Response(status=401)
        message = await request.json()
        at = datetime.now(BEIJING).strftime("%H:%M:%S")
        self.messages.appendleft((at, str(message["phone"]), str(message["code"])))
        return web.json_response({"taken": True})

    async def _inbox(self, request: web.Request) -> web.Response:
        return web.Response(text=open_pages.inbox(self.messages), content_type="text/html")

    async def _order(self, request: web.Request) -> web.Response:
        told = await request.json()
        self.faults.order(str(told["call"]), str(told["fault"]), times=int(told.get("times", 1)))
        return web.json_response({"ordered": True})

    async def _code(self, request: web.Request) -> web.Response:
        told: dict[str, Any] = await request.json()
        who = str(told["who"])
        if told["of"] == "alipay":
            return web.json_response({"code": self.alipay.give_code(who, str(told.get("app", "")))})
        kind = told["kind"]
        app = told.get("app") or (self._agreed.wechat.service if kind == "h5" else self._agreed.wechat.mini)
        return web.json_response({"code": self.wechat.give_code(kind, str(app), who)})

    async def _kill(self, request: web.Request) -> web.Response:
        self.wechat.kill_token(str((await request.json())["app"]))
        return web.json_response({"dead": True})

    async def _message(self, request: web.Request) -> web.Response:
        told = await request.json()
        message = self.server.message(
            str(told["event"]),
            str(told["who"]),
            scene=str(told.get("scene", "")),
            twist=str(told.get("twist", "")),
        )
        said = await self.server.send(str(told["to"]), message)
        return web.json_response({"status": said.status, "said": said.text})

    async def _calls(self, request: web.Request) -> web.Response:
        return web.json_response(self.faults.calls)


@contextlib.asynccontextmanager
async def served(platforms: OpenPlatforms, port: int = 0) -> AsyncIterator[int]:
    """Serve on 127.0.0.1 while the context lasts; gives the port."""
    runner = web.AppRunner(platforms.application(), access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def _run(agreed: Agreed, port: int, *, with_parent: bool) -> None:
    stop, parent = asyncio.Event(), os.getppid()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    async with served(OpenPlatforms(agreed), port) as at:
        print(f"open: http://127.0.0.1:{at}", flush=True)
        while not (stop.is_set() or (with_parent and os.getppid() != parent)):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 1.0)
    print("closed", flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Run until told to stop; answers the exit code."""
    parser = argparse.ArgumentParser(prog="python -m demo.platforms", description="Invented open platforms.")
    add = parser.add_argument
    add("--agreed", type=Path, required=True, metavar="FILE", help="what hospital and platforms agreed on")
    add("--port", type=int, default=0, help="port on 127.0.0.1; 0 picks a free one")
    add("--exit-with-parent", action="store_true", help="end when the process that started this one is gone")
    options = parser.parse_args(arguments)
    asyncio.run(_run(read(options.agreed), options.port, with_parent=options.exit_with_parent))
    return 0


if __name__ == "__main__":
    sys.exit(main())
