"""Composition of what stands before every request: who may ask how often, and from where."""

import contextlib

from accounts.quota import Pace
from adapters.memory.quotas import MemoryQuotas
from adapters.redis.places import BadBrokerUrl
from adapters.redis.quotas import RedisQuotas
from adapters.redis.topology import topology_at
from conf.settings import Settings
from core.clock import Clock
from core.quota import Quotas
from core.sealing import Sealing
from handlers.managed import LOOPBACK, ManagedAddresses
from handlers.quota import RequestQuotas
from server.outcomes import CannotStart
from server.telemetry import Metrics


def managed_addresses(settings: Settings) -> ManagedAddresses:
    """Where administration is done: on one machine this machine, unless the settings say otherwise."""
    return ManagedAddresses(managed_networks(settings))


def managed_networks(settings: Settings) -> tuple[str, ...]:
    """The same as networks; empty means that nobody can."""
    named = settings.web.admin_addresses
    return named or (LOOPBACK if settings.profile == "embedded" else ())


def request_quotas(
    settings: Settings,
    *,
    clock: Clock,
    sealing: Sealing,
    metrics: Metrics,
    stack: contextlib.AsyncExitStack,
) -> RequestQuotas:
    """Quotas of this process, and those that all processes share. Raises ``CannotStart``."""
    own = MemoryQuotas(clock)
    shared = _shared(settings, clock=clock, sealing=sealing, stack=stack) or own

    def refused(pace: Pace) -> None:
        metrics.too_often.labels(pace.value).inc()

    return RequestQuotas(own=own, shared=shared, scale=settings.web.requests_scale, refused=refused)


def _shared(
    settings: Settings, *, clock: Clock, sealing: Sealing, stack: contextlib.AsyncExitStack
) -> Quotas | None:
    if settings.broker.urls == ("memory:",):
        return None
    try:
        redis = topology_at(settings.broker.urls)
    except BadBrokerUrl as bad:
        raise CannotStart(f"broker.url: {bad}") from None
    stack.push_async_callback(redis.close)

    def hashed(name: str) -> bytes:
        return sealing.blind(name, table="quota", column="name")

    return RedisQuotas(redis, hashed=hashed, clock=clock)
