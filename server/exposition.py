"""Metrics of processes that share a port, or have none: each gets a port of its own to be scraped at."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import datetime

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from front_machine.sync import SyncHealth
from server.outcomes import CannotStart


class SyncCollector(Collector):
    """What the hospital sync counts, read when somebody asks."""

    def __init__(self, health: Callable[[], SyncHealth], now: Callable[[], datetime]) -> None:
        self._health = health
        self._now = now

    def collect(self) -> Iterable[Metric]:
        """The pulls so far, the lines mirrored and troubled, and the age of the last good answer."""
        health = self._health()
        pulls = CounterMetricFamily("houzhen_hospital_pulls", "Pulls from the hospital.", labels=["result"])
        pulls.add_metric(["ok"], health.pulls)
        pulls.add_metric(["failed"], health.failures)
        yield pulls
        yield GaugeMetricFamily("houzhen_hospital_lines", "Lines mirrored.", value=health.lines)
        yield GaugeMetricFamily(
            "houzhen_hospital_lines_troubled", "Lines held back: their last answer was unusable.",
            value=health.troubled,
        )  # fmt: skip
        age = health.age_seconds(self._now())
        if age is not None:
            yield GaugeMetricFamily(
                "houzhen_hospital_age_seconds", "Age of the last good answer of the hospital.", value=age
            )


@contextlib.asynccontextmanager
async def exposed(registry: CollectorRegistry, *, host: str, port: int) -> AsyncIterator[None]:
    """Serve the registry at ``http://host:port/metrics`` meanwhile; port 0: do not.

    It runs beside the loop, so that a process whose loop is stuck can still be looked at. Raises
    ``CannotStart`` when the port is taken.
    """
    if not port:
        yield
        return
    try:
        server, thread = start_http_server(port, addr=host, registry=registry)
    except OSError as error:
        raise CannotStart(f"metrics.port: {port} cannot be taken ({error.strerror})") from error
    try:
        yield
    finally:
        await asyncio.to_thread(server.shutdown)
        server.server_close()
        await asyncio.to_thread(thread.join)
