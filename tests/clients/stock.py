"""The stock SDKs behind one face, so that one set of tests speaks to both.

Everything a client tells becomes a dict with an ``event``; ``until`` waits for the next one that fits.
"""

import asyncio
import contextlib
import json
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

import centrifuge
from centrifuge import ClientEventHandler, SubscriptionEventHandler

NODE = Path(__file__).parent / "node"
NEWEST, OLDER = "centrifuge", "centrifuge-old"
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

    async def until(self, event: str, *, seconds: float = 30.0, **facts: Any) -> Event:
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

    async def answer(self, number: int, *, seconds: float = 30.0) -> Event:
        """The answer to that question; everything else stays to be read by ``until``."""
        async with asyncio.timeout(seconds):
            while True:
                for found in self.all:
                    if found["event"] == "answer" and found["number"] == number:
                        return found
                self._news.clear()
                await self._news.wait()

    def of(self, channel: str) -> list[int]:
        """The offsets of the publications that came on a channel."""
        return [e["offset"] for e in self.all if e["event"] == "publication" and e["channel"] == channel]


class Stock(Protocol):
    """What a test may do with either client."""

    events: Events
    optimistic: bool
    """Whether subscribes come in the frame of the connect."""

    async def prepare(self) -> None:
        """Be ready to connect at once: tokens and deadlines of a test begin after this."""

    async def connect(
        self,
        url: str,
        tokens: tuple[str, ...] = (),
        channels: tuple[str, ...] = (),
        *,
        ping_slack: float = 10.0,
        token_takes: float = 0.0,
    ) -> None:
        """``ping_slack``: how late a ping may be; ``token_takes``: how long another token is fetched."""

    async def subscribe(
        self,
        channel: str,
        *,
        since: tuple[int, str] | None = None,
        tokens: tuple[str, ...] = (),
        join_leave: bool = False,
    ) -> None:
        """``since``: resume at that offset and epoch."""

    async def unsubscribe(self, channel: str) -> None: ...
    async def publish(self, channel: str, data: Any) -> Event: ...
    async def history(self, channel: str, *, limit: int, reverse: bool = False) -> Event: ...
    async def presence(self, channel: str) -> Event: ...
    async def presence_stats(self, channel: str) -> Event: ...
    async def rpc(self, method: str, data: Any) -> Event: ...
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

    async def on_error(self, ctx: Any) -> None:
        self._events.tell("error", code=getattr(ctx.error, "code", ctx.code))


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
        by = ctx.pub.info.user if ctx.pub.info else None
        self._events.tell(
            "publication", channel=self._channel, data=ctx.pub.data, offset=ctx.pub.offset, by=by
        )

    async def on_join(self, ctx: Any) -> None:
        self._events.tell("join", channel=self._channel, user=ctx.info.user)

    async def on_leave(self, ctx: Any) -> None:
        self._events.tell("leave", channel=self._channel, user=ctx.info.user)

    async def on_error(self, ctx: Any) -> None:
        code = getattr(ctx.error, "code", ctx.code)
        self._events.tell("subscription_error", channel=self._channel, code=code)


class PythonClient:
    """PyPI ``centrifuge-python``."""

    optimistic = False

    def __init__(self) -> None:
        self.events = Events()
        self._client: centrifuge.Client | None = None

    async def prepare(self) -> None:
        pass

    async def connect(
        self,
        url: str,
        tokens: tuple[str, ...] = (),
        channels: tuple[str, ...] = (),
        *,
        ping_slack: float = 10.0,
        token_takes: float = 0.0,
    ) -> None:
        given = iter(tokens[1:])

        async def another() -> str:
            await asyncio.sleep(token_takes)
            return next(given)

        self._client = centrifuge.Client(
            url,
            events=_Client(self.events),
            token=tokens[0] if tokens else "",
            get_token=another if tokens else None,
            max_reconnect_delay=0.3,
            max_server_ping_delay=ping_slack,
            proxy=None,
        )
        for channel in channels:
            await self.subscribe(channel)
        await self._client.connect()

    @property
    def _connected(self) -> centrifuge.Client:
        assert self._client is not None
        return self._client

    async def subscribe(
        self,
        channel: str,
        *,
        since: tuple[int, str] | None = None,
        tokens: tuple[str, ...] = (),
        join_leave: bool = False,
    ) -> None:
        given = iter(tokens[1:])

        async def another(_: str) -> str:
            return next(given)

        subscription = self._connected.get_subscription(channel) or self._connected.new_subscription(
            channel,
            events=_Subscription(channel, self.events),
            max_resubscribe_delay=0.3,
            token=tokens[0] if tokens else "",
            get_token=another if tokens else None,
            join_leave=join_leave,
        )
        if since is not None:
            # This SDK resumes only where it was itself; npm's has an option for it.
            subscription._recover, subscription._offset, subscription._epoch = True, *since
        await subscription.subscribe()

    async def unsubscribe(self, channel: str) -> None:
        subscription = self._connected.get_subscription(channel)
        assert subscription is not None
        await subscription.unsubscribe()

    async def _ask(self, work: Awaitable[Any], facts: Callable[[Any], Event]) -> Event:
        try:
            return facts(await work)
        except centrifuge.CentrifugeError as error:
            return {"error": getattr(error, "code", None)}

    async def publish(self, channel: str, data: Any) -> Event:
        return await self._ask(self._connected.publish(channel, data), lambda _: {})

    async def history(self, channel: str, *, limit: int, reverse: bool = False) -> Event:
        return await self._ask(
            self._connected.history(channel, limit=limit, reverse=reverse),
            lambda found: {"offset": found.offset, "offsets": [one.offset for one in found.publications]},
        )

    async def presence(self, channel: str) -> Event:
        return await self._ask(
            self._connected.presence(channel),
            lambda found: {"users": sorted(one.user for one in found.clients.values())},
        )

    async def presence_stats(self, channel: str) -> Event:
        return await self._ask(
            self._connected.presence_stats(channel),
            lambda found: {"clients": found.num_clients, "users": found.num_users},
        )

    async def rpc(self, method: str, data: Any) -> Event:
        return await self._ask(self._connected.rpc(method, data), lambda found: {"data": found.data})

    async def close(self) -> None:
        if self._client is not None:
            await self._client.disconnect()


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
