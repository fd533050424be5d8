"""The servers that ``bench/fanout.py`` measures: ours with full sessions, and a stock Tornado loop.

Both take publications over one raw TCP connection, a payload per line: the publisher costs both alike.
"""

import argparse
import asyncio
import os
import random
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from prometheus_client import CollectorRegistry
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application
from tornado.websocket import WebSocketHandler

from adapters.memory.broker import MemoryBroker, MemoryStreams
from core.clock import SystemClock
from handlers.realtime_socket import RealtimeSockets
from realtime.channels import houzhen_channels
from realtime.hub import Hub
from realtime.metrics import RealtimeMetrics
from realtime.terms import Terms
from realtime.tokens import HmacTokens

CHANNEL = "queue:L0301"
Rules = list[Any]


async def ours() -> tuple[Rules, Callable[[bytes], Awaitable[object]]]:
    """Sessions, positions, recovery, policy, outboxes: all of it."""
    clock, channels = SystemClock(), houzhen_channels()
    metrics = RealtimeMetrics(CollectorRegistry())
    broker = MemoryBroker(MemoryStreams(clock=clock, new_epoch=lambda: uuid.uuid4().hex[:8]))
    hub = Hub(broker=broker, channels=channels, clock=clock, metrics=metrics)
    terms = Terms(
        channels=channels,
        tokens=HmacTokens([os.urandom(32)]),
        clock=clock,
        new_client_id=lambda: str(uuid.uuid4()),
        chance=random.random,
    )
    sockets = RealtimeSockets(terms=terms, hub=hub, metrics=metrics, most_connections=100_000)
    await hub.start()
    sockets.start()
    keep = channels.find(CHANNEL)[0].keep
    return list(sockets.rules()), lambda data: broker.publish(CHANNEL, data, keep=keep)


async def stock() -> tuple[Rules, Callable[[bytes], Awaitable[object]]]:
    """What everybody writes first: a set of handlers and ``write_message`` to each."""
    handlers: set[WebSocketHandler] = set()

    class Subscriber(WebSocketHandler):
        def open(self, *args: str, **kwargs: str) -> None:
            handlers.add(self)
            self.write_message(b'{"id":2,"subscribe":{}}')

        def on_close(self) -> None:
            handlers.discard(self)

        def on_message(self, message: str | bytes) -> None:
            return None

    async def publish(data: bytes) -> None:
        text = '{"push":{"channel":"' + CHANNEL + '","pub":{"data":' + data.decode() + "}}}"
        for handler in handlers:
            handler.write_message(text)

    return [(r"/connection/websocket", Subscriber)], publish


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=("ours", "stock"))
    chosen = parser.parse_args().kind
    rules, publish = await (ours() if chosen == "ours" else stock())
    web = bind_sockets(0, "127.0.0.1", backlog=4_096)
    HTTPServer(Application(rules, log_function=lambda handler: None)).add_sockets(web)

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async for line in reader:
            await publish(line.strip())
        writer.close()

    publications = await asyncio.start_server(take, "127.0.0.1", 0)
    print(web[0].getsockname()[1], publications.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
