"""A phone in conversations: it sends until it is answered, and keeps what it was told without a gap.

Built on the stock centrifuge-python client. What it does is what ``im/wire.py`` asks of any client: apply an
event whose seq is the next one, pull where one is further ahead, sync when the connection came back and the
channel was not recovered.
"""

import asyncio
import contextlib
import itertools
import random
from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp
from centrifuge import (
    CentrifugeError,
    Client,
    ClientEventHandler,
    ServerPublicationContext,
    ServerSubscribedContext,
)
from centrifuge.exceptions import ReplyError

from tests.fault.im.checker import Seen, Stored
from tests.fault.im.history import History

ANSWER_SECONDS = 3.0
_AGAIN = (CentrifugeError, aiohttp.ClientError, TimeoutError, OSError)
_NOT_YET = 1_500
"""Codes of refusals are 1000 and an HTTP status: from here on something is away for a while."""


class Refused(Exception):
    """The server said no, and means it."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Phone(ClientEventHandler):
    """One device of one user. ``over`` is ``rpc`` or ``http``: how it asks; it always listens on a socket."""

    def __init__(
        self,
        name: str,
        *,
        user: str,
        port: int,
        token: str,
        conversations: Sequence[str],
        over: str,
        history: History,
    ) -> None:
        self.name = name
        self.user = user
        self.over = over
        self.history = history
        self.conversations: dict[str, list[Stored]] = {name: [] for name in conversations}
        self.told_twice = 0
        self.syncs = 0
        self.pulls = 0
        self.uver = 0
        self._news: asyncio.Queue[Mapping[str, Any] | None] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self._talking: asyncio.Task[None] | None = None
        self._quiet = asyncio.Event()
        self._http = aiohttp.ClientSession(
            f"http://127.0.0.1:{port}",
            headers={"Authorization": f"Bearer {token}"},
            timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS),
            connector=aiohttp.TCPConnector(force_close=True, limit=0),
        )
        self._client = Client(
            f"ws://127.0.0.1:{port}/connection/websocket",
            events=self,
            token=token,
            timeout=ANSWER_SECONDS,
            min_reconnect_delay=0.05 + random.random() / 10,
            max_reconnect_delay=0.5,
            proxy=None,
        )

    async def start(self) -> None:
        await self._client.connect()
        self._tasks.append(asyncio.create_task(self._takes()))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.disconnect()
        await self._http.close()

    @property
    def seen(self) -> Seen:
        """What it shows now."""
        return Seen(
            self.name, {name: tuple(held) for name, held in self.conversations.items()}, self.told_twice
        )

    # What it is told. The client reads nothing else while a handler runs, so handlers only put aside.

    async def on_subscribed(self, ctx: ServerSubscribedContext) -> None:
        if not ctx.recovered:
            self._news.put_nowait(None)

    async def on_publication(self, ctx: ServerPublicationContext) -> None:
        self._news.put_nowait(ctx.pub.data)

    async def _takes(self) -> None:
        while True:
            event = await self._news.get()
            if event is None:
                await self._syncs()
            elif event["event"] == "message":
                await self._take(event["message"], live=True)
            elif event["event"] == "pointer":
                await self._fill(event["conversation"], event["seq"])

    async def _take(self, message: Mapping[str, Any], *, live: bool) -> None:
        held = self.conversations.get(message["conversation"])
        if held is None:
            return
        if message["seq"] <= len(held):
            self.told_twice += live
        elif message["seq"] == len(held) + 1:
            held.append((message["seq"], message["sender"], message["cid"]))
        else:
            await self._fill(message["conversation"], message["seq"])

    async def _fill(self, conversation: str, until: int) -> None:
        held = self.conversations.get(conversation)
        while held is not None and len(held) < until:
            self.pulls += 1
            told = await self._asks_on("pull", {"conversation": conversation, "after": len(held)})
            for message in told["messages"]:
                await self._take(message, live=False)

    async def _syncs(self) -> None:
        self.syncs += 1
        while True:
            told = await self._asks_on("sync", {"uver": self.uver})
            for each in told["conversations"]:
                await self._fill(each["id"], each["last_seq"])
            self.uver = told["uver"]
            if not told["more"]:
                return

    # What it does.

    def talks(self, *, pause: float, prefix: str) -> None:
        """Say something in one conversation after the other, for ever."""
        self._quiet.clear()
        self._talking = asyncio.create_task(self._talk(pause, prefix))
        self._tasks.append(self._talking)

    async def hush(self) -> None:
        """Finish what is being said, and say no more."""
        self._quiet.set()
        if self._talking is not None:
            async with asyncio.timeout(60):
                await self._talking

    async def _talk(self, pause: float, prefix: str) -> None:
        names = list(self.conversations)
        for turn in itertools.count():
            if self._quiet.is_set():
                return
            await self.says(random.choice(names), f"{prefix}-{self.name}-{turn:05}")
            await asyncio.sleep(pause * random.random() * 2)

    async def says(self, conversation: str, cid: str, text: str = "您好") -> dict[str, Any] | None:
        """Send until there is an answer. ``None``: refused."""
        about = {"sender": self.user, "conversation": conversation, "cid": cid}
        self.history.note("invoke", **about)
        asked = {"conversation": conversation, "cid": cid, "body": {"type": "text", "text": text}}
        try:
            told = await self._asks_on("send", asked)
        except Refused as no:
            self.history.note("fail", **about, why=no.code)
            return None
        except BaseException:
            self.history.note("info", **about)
            raise
        self.history.note("ok", **about, seq=told["seq"])
        return told

    async def _asks_on(self, verb: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Ask again and again, until there is an answer or a refusal that is meant."""
        while True:
            with contextlib.suppress(*_AGAIN):
                async with asyncio.timeout(2 * ANSWER_SECONDS):
                    return await self.asks(verb, body)
            await asyncio.sleep(0.05 + random.random() / 5)

    async def asks(self, verb: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Ask once. Raises ``Refused``, or whatever says that it may be tried again."""
        if self.over == "http":
            async with self._http.post(f"/v1/im/{verb}", json=body) as response:
                told: dict[str, Any] = await response.json()
                if response.status == 429 or response.status >= 500:
                    raise TimeoutError(told["code"])
                if response.status >= 400:
                    raise Refused(told["code"])
                return told
        try:
            return dict((await self._client.rpc(f"im.{verb}", body, timeout=ANSWER_SECONDS)).data)
        except ReplyError as error:
            if error.temporary or error.code < 1_000 or error.code >= _NOT_YET:
                raise
            raise Refused(error.message) from None
