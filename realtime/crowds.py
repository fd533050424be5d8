"""How many sockets one address may hold, begin at once, and begin per second.

A hospital's phones and screens share one address, so the bounds are generous: they stop one machine from
taking the whole server, not a waiting hall from coming back. Whoever is turned away is so before the upgrade,
where SDKs back off. Pure: counts and times; what an address is, ``handlers.client_address`` says.
"""

import enum
from typing import Final

from core import limits
from core.clock import Clock

NOWHERE: Final = b""
"""The address of whom no count is kept."""


class TurnedAway(enum.Enum):
    """Why an address has to wait. The values are problem codes and metric labels."""

    OPEN = "realtime.too_many_connections"
    UNCONNECTED = "realtime.too_many_unconnected"
    RATE = "realtime.too_many_connects"


class Crowd:
    """The sockets of one address. Shared by its connections."""

    __slots__ = ("address", "earned_at", "open", "unconnected")

    def __init__(self, address: bytes) -> None:
        self.address = address
        self.open = 0
        self.unconnected = 0
        """Those of ``open`` that have not said who they are."""
        self.earned_at = 0.0
        """When every connect of the past will have been earned again (monotonic seconds)."""


class Crowds:
    """Every address that holds sockets or has just asked for some."""

    def __init__(
        self,
        clock: Clock,
        *,
        most_open: int = limits.REALTIME_CONNECTIONS_PER_ADDRESS,
        most_unconnected: int = limits.REALTIME_UNCONNECTED_PER_ADDRESS,
        connects_per_second: float = limits.REALTIME_CONNECTS_PER_ADDRESS_PER_SECOND,
    ) -> None:
        self._clock = clock
        self._most_open = most_open
        self._most_unconnected = most_unconnected
        self._seconds_per_connect = 1 / connects_per_second
        # A full house may come back at once.
        self._burst_seconds = most_open * self._seconds_per_connect
        self._crowds: dict[bytes, Crowd] = {}
        self._sweep_at = limits.REALTIME_ADDRESSES_REMEMBERED

    def __len__(self) -> int:
        return len(self._crowds)

    def turns_away(self, address: bytes) -> TurnedAway | None:
        """Whether somebody from there must come back later. Asking counts as a connect."""
        if address == NOWHERE:
            return None
        now = self._clock.monotonic()
        crowd = self._crowd(address, now)
        earned_at = max(crowd.earned_at, now) + self._seconds_per_connect
        if earned_at - now > self._burst_seconds:
            return TurnedAway.RATE
        crowd.earned_at = earned_at
        if crowd.open >= self._most_open:
            return TurnedAway.OPEN
        if crowd.unconnected >= self._most_unconnected:
            return TurnedAway.UNCONNECTED
        return None

    def enter(self, address: bytes) -> Crowd | None:
        """Count a socket from there. Give what this answers to ``connected`` and, in the end, ``leave``."""
        if address == NOWHERE:
            return None
        crowd = self._crowd(address, self._clock.monotonic())
        crowd.open += 1
        crowd.unconnected += 1
        return crowd

    def connected(self, crowd: Crowd | None) -> None:
        """One of them has said who it is; once per socket."""
        if crowd is not None:
            crowd.unconnected -= 1

    def leave(self, crowd: Crowd | None, *, connected: bool) -> None:
        """One of them is gone; once per socket. ``connected`` says whether that was told."""
        if crowd is None:
            return
        crowd.open -= 1
        if not connected:
            crowd.unconnected -= 1
        if not crowd.open and crowd.earned_at <= self._clock.monotonic():
            self._crowds.pop(crowd.address, None)

    def _crowd(self, address: bytes, now: float) -> Crowd:
        crowd = self._crowds.get(address)
        if crowd is None:
            if len(self._crowds) >= self._sweep_at:
                self._forget_the_earned(now)
            crowd = self._crowds[address] = Crowd(address)
        return crowd

    def _forget_the_earned(self, now: float) -> None:
        """Drop who holds nothing and may begin as if never seen; most have earned theirs within seconds."""
        self._crowds = {
            address: crowd for address, crowd in self._crowds.items() if crowd.open or crowd.earned_at > now
        }
        self._sweep_at = max(limits.REALTIME_ADDRESSES_REMEMBERED, 2 * len(self._crowds))
