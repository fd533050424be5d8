"""PyPI ``centrifuge-python`` behind the face of ``stock.Stock``."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import centrifuge
from centrifuge import ClientEventHandler, SubscriptionEventHandler

from tests.clients.stock import Event, Events


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
        another: Callable[[], Awaitable[str]] | None = None,
    ) -> None:
        given = iter(tokens[1:])

        async def following() -> str:
            await asyncio.sleep(token_takes)
            return next(given)

        self._client = centrifuge.Client(
            url,
            events=_Client(self.events),
            token=tokens[0] if tokens else "",
            get_token=(another or following) if tokens else None,
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
