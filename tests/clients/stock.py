"""The stock SDKs behind one face, so that one set of tests speaks to both.

Everything a client tells becomes a dict with an ``event``; ``until`` waits for the next one that fits.
"""

import asyncio
import contextlib
import json
import shutil
from pathlib import Path
from typing import Any, Protocol

import centrifuge
from centrifuge import ClientEventHandler, SubscriptionEventHandler

NODE = Path(__file__).parent / "node"
Event = dict[str, Any]


class Events:
    """What a client told, in order."""

    def __init__(self) -> None:
        self.all: list[Event] = []
        self._read = 0
        self._news = asyncio.Event()

    def tell(self, event: str, **facts: Any) -> None:
        self.all.append({"event": event, **facts})
        self._news.set()

    async def until(self, event: str, *, seconds: float = 10.0, **facts: Any) -> Event:
        """The next event of that name and those facts; what came before it is passed over."""
        async with asyncio.timeout(seconds):
            while True:
                while self._read < len(self.all):
                    found = self.all[self._read]
                    self._read += 1
                    if found["event"] == event and all(found.get(k) == v for k, v in facts.items()):
                        return found
                self._news.clear()
                await self._news.wait()


class Stock(Protocol):
    """What a test may do with either client."""

    events: Events

    async def connect(
        self, url: str, tokens: tuple[str, ...] = (), channels: tuple[str, ...] = ()
    ) -> None: ...
    async def subscribe(self, channel: str) -> None: ...
    async def unsubscribe(self, channel: str) -> None: ...
    async def history(self, channel: str, *, limit: int, reverse: bool = False) -> Event: ...
    async def presence_stats(self, channel: str) -> Event: ...
    async def close(self) -> None: ...


class _Client(ClientEventHandler):
    def __init__(self, events: Events) -> None:
        self._events = events

    async def on_connected(self, ctx: Any) -> None:
        self._events.tell("connected", client=ctx.client)

    async def on_connecting(self, ctx: Any) -> None:
        self._events.tell("connecting", code=ctx.code)

    async def on_disconnected(self, ctx: Any) -> None:
        self._events.tell("disconnected", code=ctx.code, reason=ctx.reason)

    async def on_subscribed(self, ctx: Any) -> None:
        self._events.tell(
            "subscribed", channel=ctx.channel, was_recovering=ctx.was_recovering, recovered=ctx.recovered
        )

    async def on_unsubscribed(self, ctx: Any) -> None:
        self._events.tell("unsubscribed", channel=ctx.channel)

    async def on_publication(self, ctx: Any) -> None:
        self._events.tell("publication", channel=ctx.channel, data=ctx.pub.data, offset=ctx.pub.offset)


class _Subscription(SubscriptionEventHandler):
    def __init__(self, channel: str, events: Events) -> None:
        self._channel = channel
        self._events = events

    async def on_subscribing(self, ctx: Any) -> None:
        self._events.tell("subscribing", channel=self._channel, code=ctx.code)

    async def on_subscribed(self, ctx: Any) -> None:
        self._events.tell(
            "subscribed", channel=self._channel, was_recovering=ctx.was_recovering, recovered=ctx.recovered
        )

    async def on_unsubscribed(self, ctx: Any) -> None:
        self._events.tell("unsubscribed", channel=self._channel, code=ctx.code)

    async def on_publication(self, ctx: Any) -> None:
        self._events.tell("publication", channel=self._channel, data=ctx.pub.data, offset=ctx.pub.offset)

    async def on_error(self, ctx: Any) -> None:
        code = getattr(ctx.error, "code", ctx.code)
        self._events.tell("subscription_error", channel=self._channel, code=code)


class PythonClient:
    """PyPI ``centrifuge-python``."""

    def __init__(self) -> None:
        self.events = Events()
        self._client: centrifuge.Client | None = None

    async def connect(self, url: str, tokens: tuple[str, ...] = (), channels: tuple[str, ...] = ()) -> None:
        given = iter(tokens[1:])

        async def another() -> str:
            return next(given)

        self._client = centrifuge.Client(
            url,
            events=_Client(self.events),
            token=tokens[0] if tokens else "",
            get_token=another if tokens else None,
            max_reconnect_delay=0.3,
            proxy=None,
        )
        for channel in channels:
            await self.subscribe(channel)
        await self._client.connect()

    @property
    def _connected(self) -> centrifuge.Client:
        assert self._client is not None
        return self._client

    async def subscribe(self, channel: str) -> None:
        found = self._connected.get_subscription(channel)
        subscription = found or self._connected.new_subscription(
            channel, events=_Subscription(channel, self.events), max_resubscribe_delay=0.3
        )
        await subscription.subscribe()

    async def unsubscribe(self, channel: str) -> None:
        subscription = self._connected.get_subscription(channel)
        assert subscription is not None
        await subscription.unsubscribe()

    async def history(self, channel: str, *, limit: int, reverse: bool = False) -> Event:
        try:
            result = await self._connected.history(channel, limit=limit, reverse=reverse)
        except centrifuge.CentrifugeError as error:
            return {"error": getattr(error, "code", None)}
        return {"offset": result.offset, "offsets": [one.offset for one in result.publications]}

    async def presence_stats(self, channel: str) -> Event:
        try:
            result = await self._connected.presence_stats(channel)
        except centrifuge.CentrifugeError as error:
            return {"error": getattr(error, "code", None)}
        return {"clients": result.num_clients, "users": result.num_users}

    async def close(self) -> None:
        if self._client is not None:
            await self._client.disconnect()


class NodeClient:
    """npm ``centrifuge``, driven over the standard streams of a Node process."""

    def __init__(self) -> None:
        self.events = Events()
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._asked = 0

    @staticmethod
    def missing() -> str | None:
        """Why this client cannot run here, if so."""
        if shutil.which("node") is None:
            return "Node.js is not installed"
        if not (NODE / "node_modules" / "centrifuge").is_dir():
            return "run `npm ci` in tests/clients/node"
        return None

    async def connect(self, url: str, tokens: tuple[str, ...] = (), channels: tuple[str, ...] = ()) -> None:
        self._process = await asyncio.create_subprocess_exec(
            "node", str(NODE / "client.mjs"), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        self._reader = asyncio.create_task(self._read())
        self._say(do="connect", url=url, tokens=tokens, channels=channels)

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

    async def subscribe(self, channel: str) -> None:
        self._say(do="subscribe", channel=channel)

    async def unsubscribe(self, channel: str) -> None:
        self._say(do="unsubscribe", channel=channel)

    async def _ask(self, **command: Any) -> Event:
        self._asked += 1
        self._say(number=self._asked, **command)
        found = await self.events.until("answer", number=self._asked)
        return {key: value for key, value in found.items() if key not in ("event", "number")}

    async def history(self, channel: str, *, limit: int, reverse: bool = False) -> Event:
        return await self._ask(do="history", channel=channel, limit=limit, reverse=reverse)

    async def presence_stats(self, channel: str) -> Event:
        return await self._ask(do="presence_stats", channel=channel)

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
