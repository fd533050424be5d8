"""A web process's realtime part on a free port, several of them on one shared broker if wanted."""

import asyncio
import random
import ssl
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from prometheus_client import CollectorRegistry
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from adapters.memory.broker import MemoryBroker, MemoryStreams
from core import limits
from core.actor import Actor, Role
from core.clock import SystemClock
from core.ids import ScreenId
from handlers.client_address import ClientAddresses
from handlers.realtime_door import Door
from handlers.realtime_socket import RealtimeSockets
from handlers.realtime_stream import Emulated, Streams
from realtime.broker import Broker, Keep
from realtime.channels import Channels, Policy, everyone, houzhen_policies, staff
from realtime.crowds import Crowds
from realtime.emulation import Emulations
from realtime.hub import Ear, Hub
from realtime.metrics import RealtimeMetrics
from realtime.stream import Position
from realtime.taps import Known
from realtime.terms import Terms
from realtime.tokens import HmacTokens
from realtime.veil import Unveiling
from tests.unit.crypto.rings import a_sealing

CLOCK = SystemClock()
LOG = Policy(
    "log",
    keep=Keep(items=64, ttl_seconds=3_600),
    may_subscribe=everyone,
    may_read_history=everyone,
    may_see_presence=staff,
    counts_presence=True,
)
"""Open to everyone like a line, but each publication matters and not only the newest."""
CHANNELS = Channels((*houzhen_policies(), LOG))
SECRET = b"only for tests, and long enough."
TOKENS = HmacTokens([SECRET])

MARK = "not-to-be-logged"
"""Anywhere in what a client sends; no log may hold it."""
WATCHED = "log:watched"
"""What the witness listens to."""

PATIENT = Actor(id="u42", role=Role.PATIENT)
NURSE = Actor(id="n1", role=Role.NURSE)
SCREEN = Actor(id="s1", role=Role.SCREEN, screen=ScreenId("hall-3f"))


def token(actor: Actor, seconds: float = 3_600, *, token_id: str = "") -> str:
    now = CLOCK.now()
    return TOKENS.sign(actor, token_id=token_id, issued_at=now, expires_at=now + timedelta(seconds=seconds))


def streams() -> MemoryStreams:
    return MemoryStreams(clock=CLOCK, new_epoch=lambda: uuid.uuid4().hex[:8])


class Served:
    """One process: broker, hub, sockets and a Tornado server."""

    def __init__(
        self,
        backend: MemoryStreams | Broker,
        *,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        allowed_origins: tuple[str, ...] = (),
        most_connections: int = 100,
        connections_per_user: int = 20,
        trusted_proxies: tuple[str, ...] = (),
        crowds: Crowds | None = None,
        known: Mapping[str, Known] | None = None,
        position_check_seconds: float = limits.REALTIME_POSITION_CHECK_SECONDS,
        channels: Channels = CHANNELS,
        unveiling: bool = False,
        **terms: Any,
    ) -> None:
        self.broker: Broker = MemoryBroker(backend) if isinstance(backend, MemoryStreams) else backend
        self.channels = channels
        self.metrics = RealtimeMetrics(CollectorRegistry())
        self.hub = Hub(
            broker=Unveiling(self.broker, a_sealing()) if unveiling else self.broker,
            channels=channels,
            clock=CLOCK,
            metrics=self.metrics,
            connections_per_user=connections_per_user,
            known=known,
            position_check_seconds=position_check_seconds,
        )
        self.crowds = Crowds(CLOCK) if crowds is None else crowds
        self.terms = Terms(
            channels=channels,
            tokens=TOKENS,
            clock=CLOCK,
            new_client_id=lambda: str(uuid.uuid4()),
            chance=random.random,
            version="test",
            **terms,
        )
        self.sockets = RealtimeSockets(
            terms=self.terms,
            hub=self.hub,
            metrics=self.metrics,
            allowed_origins=allowed_origins,
            most_connections=most_connections,
            addresses=ClientAddresses(trusted_proxies),
            crowds=self.crowds,
        )
        self.streams = self._fallbacks()
        rules = [*self.sockets.rules(), *self.streams.rules()]
        self._server = HTTPServer(
            Application(rules, log_function=lambda handler: None),  # type: ignore[arg-type]
            ssl_options=tls,
            max_header_size=limits.HTTP_HEADER_BYTES,
        )
        self.door = Door(self.sockets, self._server)
        self._listening = bind_sockets(port, "127.0.0.1", reuse_port=False)
        self.port: int = self._listening[0].getsockname()[1]
        self._scheme = "ws" if tls is None else "wss"

    def _fallbacks(self) -> Streams:
        def address_of(request: Any) -> tuple[bytes, str]:
            addresses, peer = self.sockets.addresses, request.remote_ip or ""
            return addresses.group(peer, request.headers), addresses.text(peer, request.headers)

        async def forward(said: Emulated) -> bool | None:
            return await self.emulations.ask(said.node, said.session, said.data)

        made = Streams(self.sockets, node=uuid.uuid4().hex, address_of=address_of)
        made.forward = forward
        self.emulations = Emulations(
            self.broker,
            node=made.node,
            sealing=a_sealing(),
            heard=lambda session, data: made.hear(Emulated(session=session, data=data)),
        )
        self.hub.listen(Ear(self.emulations.channel, self.emulations.hear, lambda: None))
        return made

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}/connection/websocket"

    async def __aenter__(self) -> "Served":
        await self.hub.start()
        self.sockets.start()
        self.door.listen(self._listening)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.door.close()
        await self.streams.drain()
        await self.sockets.close(seconds=0.5)
        await self._server.close_all_connections()
        await self.hub.close()
        await self.broker.close()

    async def die(self) -> None:
        """End as a killed process does: every socket is closed without a word."""
        self._server.stop()
        for connection in tuple(self.sockets._connections):
            connection.abandon()
        await self.__aexit__()

    async def publish(self, channel: str, data: bytes, *, key: str | None = None) -> Position:
        policy, _ = self.channels.find(channel)
        return await self.broker.publish(channel, data, keep=policy.keep, idempotency_key=key)

    async def drop_one(self, channel: str) -> None:
        """Lose one publication between broker and hub."""
        hear = self.hub._hear
        broker = self.broker
        assert isinstance(broker, MemoryBroker)
        streams = broker._streams
        assert broker._on_publication is not None
        listener = broker._on_publication
        streams.ignore(channel, listener)
        await self.publish(channel, b'{"lost":1}')
        streams.listen(channel, listener)
        assert hear == listener

    async def until(self, true: "asyncio.Future[None] | object", seconds: float = 20.0) -> None:
        async with asyncio.timeout(seconds):
            while not true():  # type: ignore[operator]
                await asyncio.sleep(0.01)
