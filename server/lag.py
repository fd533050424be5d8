"""How late the event loop is: whatever blocks it delays every patient at once."""

import asyncio

import structlog
from prometheus_client import Gauge, Histogram

from core import limits
from core.clock import Clock

log = structlog.get_logger()


async def watch_lag(clock: Clock, lag: Histogram, tasks: Gauge) -> None:
    """Measure for ever how late a short sleep ends; a stall over the bound leaves one log line. ``tasks``
    is counted when it is asked for."""
    loop = asyncio.get_running_loop()
    tasks.set_function(lambda: len(asyncio.all_tasks(loop)))
    while True:
        before = clock.monotonic()
        await asyncio.sleep(limits.LOOP_LAG_SAMPLE_SECONDS)
        late = max(0.0, clock.monotonic() - before - limits.LOOP_LAG_SAMPLE_SECONDS)
        lag.observe(late)
        if late > limits.LOOP_LAG_WARN_SECONDS:
            log.warning("loop.blocked", seconds=round(late, 3))
