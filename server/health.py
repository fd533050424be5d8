"""Whether to send users here: each neighbour is asked, briefly, and its age is told."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from core import limits
from core.refusals import Refusal
from handlers.wire import Dependency, Readiness

Name = Literal[
    "database", "broker", "relay", "hospital", "pages", "worker", "audit", "files", "archive", "clock"
]


@dataclass(frozen=True, slots=True)
class Found:
    """What a probe learned. ``code`` says why something is not well; ``age_seconds`` how old the news is."""

    ok: bool = True
    age_seconds: float | None = None
    code: str | None = None
    offset_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """One neighbour to ask. The server is unready while a ``needed`` one is away."""

    name: Name
    needed: bool
    ask: Callable[[], Awaitable[Found]]
    part: str | None = None


async def readiness(probes: list[Probe]) -> Readiness:
    """Ask everyone at once; nobody may take longer than ``READY_PROBE_SECONDS``."""
    found = await asyncio.gather(*(_asked(probe) for probe in probes))
    return Readiness(ready=all(each.ok or not each.needed for each in found), dependencies=list(found))


async def _asked(probe: Probe) -> Dependency:
    try:
        async with asyncio.timeout(limits.READY_PROBE_SECONDS):
            found = await probe.ask()
    except TimeoutError:
        found = Found(ok=False, code="timeout")
    except Refusal as refusal:
        found = Found(ok=False, code=refusal.code)
    except OSError:
        found = Found(ok=False, code="away")
    age = None if found.age_seconds is None else round(found.age_seconds, 1)
    return Dependency(
        name=probe.name,
        part=probe.part,
        ok=found.ok,
        needed=probe.needed,
        age_seconds=age,
        offset_seconds=None if found.offset_seconds is None else round(found.offset_seconds, 3),
        code=found.code,
    )
