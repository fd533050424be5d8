"""Whether the feeds of a process stand where their streams stand: asked in doubt, and now and then.

A publication can be lost on the way here without a word. A feed that is behind goes on from what was read.
"""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterable

import structlog

from core import limits
from realtime.broker import BrokerUnavailable
from realtime.stream import History, Position
from realtime.tap import Tap
from realtime.taps import Taps

log = structlog.get_logger()


class Positions:
    """Looks after them. ``begin_anew`` is told a channel that is behind, and what was read of it."""

    def __init__(
        self,
        taps: Taps,
        *,
        begin_anew: Callable[[Tap, History], None],
        spawn: Callable[[Coroutine[object, object, None]], None],
        every_seconds: float,
    ) -> None:
        self._taps = taps
        self._begin_anew = begin_anew
        self._spawn = spawn
        self._every_seconds = every_seconds
        self._doubtful: set[Tap] = set()

    def doubt(self, channels: Collection[str]) -> None:
        """Anything may have been missed: look at these channels, again and again until each was answered."""
        idle = not self._doubtful
        self._doubtful.update(tap for name in channels if (tap := self._taps.get(name)) is not None)
        if idle and self._doubtful:
            self._spawn(self._settle_doubts())

    async def _settle_doubts(self) -> None:
        while self._doubtful:
            asked, self._doubtful = self._doubtful, set()
            self._doubtful |= await self._check(asked)
            if self._doubtful:
                await asyncio.sleep(limits.REALTIME_POSITION_GRACE_SECONDS)

    async def watch(self) -> None:
        """Now and then compare the feeds that heard nothing with their streams: silence may be a loss."""
        while True:
            await asyncio.sleep(self._every_seconds)
            quiet = {tap for tap in self._taps.values() if not tap.feed.busy and len(tap.feed)}
            for tap in self._taps.values():
                tap.feed.busy = False
            await self._check(quiet)

    async def _check(self, taps: Iterable[Tap]) -> set[Tap]:
        """Check each of them; answers those for which the broker had no answer."""
        left = iter(tuple(taps))
        unanswered: set[Tap] = set()
        behind: list[tuple[Tap, Position | None, History]] = []

        async def check() -> None:
            for tap in left:
                try:
                    history = await self._look_at(tap)
                except (BrokerUnavailable, TimeoutError):
                    unanswered.add(tap)
                except Exception:
                    log.exception("realtime.position_check_failed")
                else:
                    if history is not None and tap.feed.behind(history.position):
                        behind.append((tap, tap.feed.position, history))

        await asyncio.gather(*(check() for _ in range(limits.REALTIME_POSITION_CHECKS_AT_ONCE)))
        if behind:
            # The publications may be on their way: one moment for all of them.
            await asyncio.sleep(limits.REALTIME_POSITION_GRACE_SECONDS)
        for tap, at, history in behind:
            if not tap.feed.behind(history.position):
                continue
            if tap.feed.newest_is_all and tap.feed.position != at:
                # Something came meanwhile, and what was read need not be the newest any more.
                unanswered.add(tap)
                continue
            self._begin_anew(tap, history)
            await asyncio.sleep(0)
        return unanswered

    async def _look_at(self, tap: Tap) -> History | None:
        """Where the channel's stream is; None when that says nothing about its feed."""
        keep = tap.feed.policy.keep
        if keep is None or not tap.standing:
            return None
        return await self._taps.history_since(tap, keep, None)
