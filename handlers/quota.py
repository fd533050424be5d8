"""Before anything is done for a request: has this address, account or device asked too often?"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from accounts.quota import ALLOWED, Asker, Pace, TooManyRequests
from core.actor import Actor
from core.quota import Allowance, Quotas, Wish
from realtime.crowds import NOWHERE

DEVICE_HEADER = "X-Device"
_BY_PROCESS = frozenset({Pace.READ, Pace.REFUSAL})
_DEVICE = re.compile(r"[A-Za-z0-9_-]{16,64}")


class OwnQuotas(Quotas, Protocol):
    """Counted in this process."""

    def take_now(self, wishes: Sequence[Wish]) -> float:
        """``take`` without waiting for anything."""


class RequestQuotas:
    """Admits requests, or refuses with ``TooManyRequests``.

    ``scale`` makes every limit of ``accounts.quota`` wider or narrower; 0 is no limit. A request from this
    machine itself has no address; one without a bearer token no account; an ``X-Device`` that is not 16 to
    64 letters, digits, ``-`` or ``_`` is none. ``refused`` is told of each refusal.
    """

    def __init__(
        self,
        *,
        own: OwnQuotas,
        shared: Quotas,
        scale: float = 1.0,
        refused: Callable[[Pace], None] = lambda pace: None,
    ) -> None:
        self._refused = refused
        self._own = own
        self._shared = shared
        self._allowed: Mapping[Pace, Mapping[Asker, Allowance]] = {
            pace: {asker: allowance.times(scale) for asker, allowance in allowances.items()} if scale else {}
            for pace, allowances in ALLOWED.items()
        }

    async def admit(self, pace: Pace, actor: Actor, *, address: bytes, device: str | None) -> None:
        """Count a request. Refuses with ``TooManyRequests``; then nothing was counted."""
        allowed = self._allowed[pace]
        wishes: list[Wish] = []
        if address != NOWHERE and Asker.ADDRESS in allowed:
            wishes.append(Wish(f"address|{pace.value}|{address.hex()}", allowed[Asker.ADDRESS]))
        if actor.id and Asker.ACCOUNT in allowed:
            wishes.append(Wish(f"account|{pace.value}|{actor.id}", allowed[Asker.ACCOUNT]))
        if device is not None and Asker.DEVICE in allowed and _DEVICE.fullmatch(device):
            wishes.append(Wish(f"device|{pace.value}|{device}", allowed[Asker.DEVICE]))
        if not wishes:
            return
        wait = self._own.take_now(wishes) if pace in _BY_PROCESS else await self._shared.take(wishes)
        if wait:
            self._refused(pace)
            raise TooManyRequests(again_after_seconds=math.ceil(wait))
