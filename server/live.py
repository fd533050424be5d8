"""The realtime part of a web process: hub and sockets, started together and ended in order."""

import os
import random
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import structlog
from prometheus_client import CollectorRegistry
from tornado.httpserver import HTTPServer

from adapters.native.plain import PlainSender
from adapters.native.sender import NativeSender, native_sender
from conf.settings import Settings
from core.clock import Clock
from core.ids import new_uuid
from core.sealing import Sealing
from handlers.client_address import ClientAddresses
from handlers.realtime_door import Door, OpenStream
from handlers.realtime_socket import RealtimeSockets
from handlers.realtime_stream import Emulated, Streams
from realtime.broker import Broker, BrokerUnavailable
from realtime.channels import Channels
from realtime.client import Client
from realtime.control import CHANNEL, Control
from realtime.crowds import Crowds
from realtime.emulation import Emulations
from realtime.fanout import BatchFanOut
from realtime.hub import Ear, Hub
from realtime.metrics import RealtimeMetrics
from realtime.revocations import Revoked, Units
from realtime.taps import Known
from realtime.terms import Method, Terms
from realtime.tokens import Tokens
from realtime.witness import Witness
from server.revocations import RevocationReader
from server.web import Rule

log = structlog.get_logger()

ROOT = Path(__file__).parents[1]


class Live:
    """Hub and sockets of this process; knows where every channel's stream stands."""

    def __init__(
        self,
        hub: Hub,
        sockets: RealtimeSockets,
        streams: Streams,
        broker: Broker,
        channels: Channels,
        control: Control,
        reader: RevocationReader,
        sender: NativeSender | PlainSender,
    ) -> None:
        self.control = control
        self._reader = reader
        self._hub = hub
        self._sockets = sockets
        self._streams = streams
        self._broker = broker
        self._channels = channels
        self._sender = sender

    @property
    def rules(self) -> Sequence[Rule]:
        """What the web application routes here."""
        return [*self._sockets.rules(), *self._streams.rules()]

    def door(self, server: HTTPServer, open_stream: OpenStream) -> Door:
        """Who accepts for this server."""
        return Door(self._sockets, server, open_stream=open_stream)

    async def position(self, channel: str) -> tuple[int, str]:
        """Offset and epoch of the channel's newest publication; (0, "") while the broker is away.

        A snapshot is worth having even when nothing can be followed.
        """
        policy, _ = self._channels.find(channel)
        assert policy.keep is not None
        if not await self._hub.exists(channel):
            return 0, ""
        try:
            history = await self._broker.history(channel, keep=policy.keep)
        except BrokerUnavailable:
            return 0, ""
        return history.position.offset, history.position.epoch

    async def watch(self) -> None:
        """Keep what must be known of revoked tokens up to date, until cancelled."""
        await self._reader.run()

    async def drain(self) -> None:
        """Send every client elsewhere, spread over time."""
        await self._sockets.drain()
        await self._streams.drain()

    async def close(self) -> None:
        """End what is left."""
        await self._streams.drain()
        await self._sockets.close()
        await self._hub.close()
        self._sender.close()


async def open_live(
    *,
    settings: Settings,
    broker: Broker,
    channels: Channels,
    clock: Clock,
    tokens: Tokens,
    revoked: Revoked,
    units: Units,
    known: Mapping[str, Known],
    sealing: Sealing,
    registry: CollectorRegistry,
    rpc: Mapping[str, Method] = MappingProxyType({}),
    witness: Witness | None = None,
    busy_elsewhere: Callable[[], bool] = lambda: False,
) -> Live:
    """Start hub and sockets in the running loop; the broker begins to listen.

    ``rpc`` are the application's methods that clients may call. Raises ``StorageUnavailable``: before it
    knows which tokens were taken back nobody may come in.
    """
    metrics = RealtimeMetrics(registry)
    web = settings.web
    native = native_sender(ROOT) if web.native_sender else None
    sender = native or PlainSender()
    log.info("realtime.sender", native=native is not None, ring=sender.uses_ring)
    hub = Hub(
        fan_out=BatchFanOut(sender),
        broker=broker,
        channels=channels,
        clock=clock,
        metrics=metrics,
        connections_per_user=web.connections_per_user,
        known=known,
        busy_elsewhere=busy_elsewhere,
        witness=witness,
    )
    terms = Terms(
        channels=channels,
        clock=clock,
        tokens=tokens,
        new_client_id=partial(new_uuid, os.urandom),
        chance=random.random,
        rpc=rpc,
    )
    sockets = RealtimeSockets(
        terms=terms,
        hub=hub,
        metrics=metrics,
        allowed_origins=web.allowed_origins,
        addresses=ClientAddresses(web.trusted_proxies),
        crowds=Crowds(clock, most_open=web.connections_per_address),
    )
    streams = _streams(sockets, hub, broker, sealing, metrics)

    def everyone() -> list[Client]:
        return [*sockets.clients(), *streams.clients()]

    control = Control(roster=hub.roster, everyone=everyone, revoked=revoked, clock=clock, metrics=metrics)
    reader = RevocationReader(units, revoked, clock=clock, take_back=control.take_back)
    hub.listen(Ear(CHANNEL, control.hear, reader.read_soon))
    await hub.start()
    try:
        # Behind the start of listening, so that nothing falls between.
        await reader.read()
    except BaseException:
        await hub.close()
        raise
    sockets.start()
    return Live(hub, sockets, streams, broker, channels, control, reader, sender)


def _streams(
    sockets: RealtimeSockets, hub: Hub, broker: Broker, sealing: Sealing, metrics: RealtimeMetrics
) -> Streams:
    """The fallbacks beside the sockets, and what a client of theirs says to another process."""
    node = new_uuid(os.urandom)

    def address_of(request: Any) -> tuple[bytes, str]:
        peer = request.remote_ip or ""
        return sockets.addresses.group(peer, request.headers), sockets.addresses.text(peer, request.headers)

    streams = Streams(sockets, node=node, address_of=address_of)

    def heard(session: str, data: str) -> bool | None:
        return streams.hear(Emulated(session=session, data=data))

    async def forward(said: Emulated) -> bool | None:
        return await emulations.ask(said.node, said.session, said.data) if said.node else None

    emulations = Emulations(broker, node=node, sealing=sealing, heard=heard)
    streams.forward = forward
    hub.listen(Ear(emulations.channel, emulations.hear, lambda: None))
    metrics.connections.set_function(lambda: len(sockets) + len(streams))
    return streams
