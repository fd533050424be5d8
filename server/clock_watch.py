"""Compares the clock with time servers now and then, and says so when it goes wrong."""

import asyncio

import structlog
from prometheus_client import CollectorRegistry, Gauge

from adapters.ntp.servers import NtpServers
from conf.settings import Settings
from core import limits
from core.clock import Clock
from core.clock_offset import Offset, TimeServers, judged
from server.health import Found

log = structlog.get_logger()


class ClockWatch:
    """What was last found, for ``/readyz``, the metrics and the log."""

    def __init__(self, servers: TimeServers, *, clock: Clock, registry: CollectorRegistry) -> None:
        self._servers = servers
        self._clock = clock
        self._found: Offset | None = None
        self._beyond = False
        self._offset = Gauge(
            "houzhen_clock_offset_seconds",
            "How far the true time is ahead of this machine's clock.",
            registry=registry,
        )
        self._answered = Gauge(
            "houzhen_clock_servers", "Time servers that answered the last time.", registry=registry
        )

    async def watch(self) -> None:
        """Ask for ever, at once and then every ``CLOCK_ASK_SECONDS``, sooner while nobody answers."""
        while True:
            await self.ask()
            silent = self._found is None
            await asyncio.sleep(limits.CLOCK_AGAIN_SECONDS if silent else limits.CLOCK_ASK_SECONDS)

    async def ask(self) -> None:
        """Ask once."""
        answers = await self._servers.offsets()
        found = judged(answers, at=self._clock.now())
        self._answered.set(len(answers))
        if found is None:
            log.warning("clock.nobody_answers")
            return
        self._found = found
        self._offset.set(found.seconds)
        beyond = found.is_beyond(limits.CLOCK_OFFSET_SECONDS)
        if beyond:
            log.warning("clock.wrong", offset_seconds=round(found.seconds, 3), servers=found.servers)
        elif self._beyond:
            log.info("clock.right_again", offset_seconds=round(found.seconds, 3))
        self._beyond = beyond

    async def standing(self) -> Found:
        """For ``/readyz``. A wrong clock does not make the server unready: nobody else has a better one."""
        found = self._found
        if found is None:
            return Found(ok=False, code="never_heard")
        age = (self._clock.now() - found.at).total_seconds()
        beyond = found.is_beyond(limits.CLOCK_OFFSET_SECONDS)
        stale = age > limits.CLOCK_STALE_SECONDS
        code = "clock_wrong" if beyond else "silent" if stale else None
        return Found(ok=code is None, age_seconds=age, code=code, offset_seconds=found.seconds)


def clock_watch(settings: Settings, clock: Clock, registry: CollectorRegistry) -> ClockWatch | None:
    """The watch that the settings ask for."""
    servers = settings.clock.servers
    return ClockWatch(NtpServers(servers), clock=clock, registry=registry) if servers else None
