"""Tokens and tickets that a provider lends to the hospital's account: fetched once for everybody.

WeChat's access token is one per application: whoever fetches a new one may end everybody else's. So callers
of one process share one request, processes share one place (``CredentialStore``) and a lock in it, a
credential is renewed before it ends, and a failure is remembered for a moment instead of being repeated by
each caller. While the shared place is away every process fetches for itself: ``stable_token`` answers all of
them with the same token, so that costs requests and nothing else.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import structlog

from core import limits
from core.clock import Clock
from core.refusals import Refusal

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Credential:
    """A secret with an end. Never in a log."""

    text: str = field(repr=False)
    issued_at: datetime
    good_until: datetime

    def good(self, at: datetime) -> bool:
        """Whether it may still be used."""
        return at < self.good_until

    def due(self, at: datetime) -> bool:
        """Whether it is time to renew it: in the last fifth of its life, or the last four minutes."""
        life = (self.good_until - self.issued_at).total_seconds()
        early = min(limits.CREDENTIAL_EARLY_SECONDS, life / 5)
        return (self.good_until - at).total_seconds() <= early


class CredentialsAway(Exception):
    """The place that processes share does not answer."""


class CredentialStore(Protocol):
    """The place that processes share. Every method raises ``CredentialsAway`` when it does not answer."""

    async def read(self, name: str) -> Credential | None:
        """What is kept under the name, if it has not ended."""

    async def claim(self, name: str, *, seconds: float) -> int | None:
        """Take the right to fetch for so long; answers a number that grows with each taking, or ``None``."""

    async def keep(self, name: str, credential: Credential, *, claim: int) -> bool:
        """Keep it for all, unless the claim has passed to another; answers whether it was kept."""

    async def release(self, name: str, *, claim: int) -> None:
        """Give the right back. Harmless when it has passed on."""


class Fetch(Protocol):
    """Asks the provider. ``forced`` makes it end the present one, too."""

    async def __call__(self, *, forced: bool) -> Credential: ...


class SharedCredential:
    """One credential of one application, as this process uses it. Made in a running loop."""

    def __init__(self, name: str, *, fetch: Fetch, store: CredentialStore, clock: Clock) -> None:
        self._name = name
        self._fetch = fetch
        self._store = store
        self._clock = clock
        self._kept: Credential | None = None
        self._flight: asyncio.Task[Credential] | None = None
        self._failed: tuple[float, Refusal] | None = None
        self._renewed_at = float("-inf")

    async def get(self) -> str:
        """The credential. Raises what fetching raises; one that is still good is given without waiting."""
        at = self._clock.now()
        kept = self._kept
        if kept is None or not kept.good(at):
            return (await self._obtain("")).text
        if kept.due(at) and self._clock.monotonic() - self._renewed_at >= limits.CREDENTIAL_PAUSE_SECONDS:
            self._take_off("")
        return kept.text

    async def replace(self, refused: str) -> str:
        """Another one than ``refused``, which the provider did not accept; one request for all who ask.

        May answer the same again when the provider insists on it. Raises what fetching raises.
        """
        kept = self._kept
        if kept is not None and kept.text != refused:
            return kept.text
        fresh = await self._obtain(refused)
        if fresh.text == refused:
            # A flight that had begun for another reason brought the old one.
            fresh = await self._obtain(refused)
        return fresh.text

    async def close(self) -> None:
        """End what is under way."""
        flight, self._flight = self._flight, None
        if flight is not None:
            flight.cancel()
            await asyncio.gather(flight, return_exceptions=True)

    async def _obtain(self, refused: str) -> Credential:
        if self._failed is not None:
            since, refusal = self._failed
            if self._clock.monotonic() - since < limits.CREDENTIAL_FAILED_SECONDS:
                raise refusal
        return await asyncio.shield(self._take_off(refused))

    def _take_off(self, refused: str) -> asyncio.Task[Credential]:
        """The request that is under way, or a new one."""
        if self._flight is None or self._flight.done():
            self._renewed_at = self._clock.monotonic()
            self._flight = asyncio.create_task(self._renew(refused), name="credential.renew")
            self._flight.add_done_callback(self._landed)
        return self._flight

    def _landed(self, flight: asyncio.Task[Credential]) -> None:
        if flight.cancelled():
            return
        trouble = flight.exception()
        if trouble is None:
            self._kept, self._failed = flight.result(), None
        elif isinstance(trouble, Refusal):
            self._failed = (self._clock.monotonic(), trouble)
            log.warning("credential.not_renewed", name=self._name, code=trouble.code)

    async def _renew(self, refused: str) -> Credential:
        try:
            return await self._through_store(refused)
        except CredentialsAway:
            log.warning("credential.not_shared", name=self._name)
            return await self._fetch(forced=self._must_force(self._kept, refused))

    async def _through_store(self, refused: str) -> Credential:
        loop = asyncio.get_running_loop()
        until = loop.time() + limits.CREDENTIAL_LOCK_SECONDS
        while True:
            kept = await self._usable(refused)
            if kept is not None:
                return kept
            claim = await self._store.claim(self._name, seconds=limits.CREDENTIAL_LOCK_SECONDS)
            if claim is not None:
                return await self._fetch_for_all(refused, claim)
            if loop.time() >= until:
                raise CredentialsAway
            await asyncio.sleep(limits.CREDENTIAL_LOOK_SECONDS)

    async def _fetch_for_all(self, refused: str, claim: int) -> Credential:
        try:
            kept = await self._usable(refused)
            if kept is not None:
                return kept
            known = await self._store.read(self._name)
            fresh = await self._fetch(forced=self._must_force(known, refused))
            try:
                await self._store.keep(self._name, fresh, claim=claim)
            except CredentialsAway:
                log.warning("credential.not_shared", name=self._name)
            return fresh
        finally:
            try:
                await self._store.release(self._name, claim=claim)
            except CredentialsAway:
                log.warning("credential.not_released", name=self._name)

    async def _usable(self, refused: str) -> Credential | None:
        """What another process keeps for all, when it is any good here."""
        kept = await self._store.read(self._name)
        if kept is None or kept.text == refused or kept.due(self._clock.now()):
            return None
        return kept

    def _must_force(self, known: Credential | None, refused: str) -> bool:
        """Whether the provider must be told to make a new one.

        WeChat takes that twenty times a day and once in 30 s; so a token that is refused right after it was
        issued is asked for gently first.
        """
        if not refused or known is None or known.text != refused:
            return False
        age = (self._clock.now() - known.issued_at).total_seconds()
        return age >= limits.CREDENTIAL_PAUSE_SECONDS
