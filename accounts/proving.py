"""From what a device brings to what its person has proved to be."""

import os
from dataclasses import dataclass, field
from datetime import datetime

from accounts import sms
from accounts.oauth_state import States, StateUsed
from accounts.phone import e164
from accounts.providers import ProviderAway, ProviderLimited, WayKind, Ways
from accounts.store import AccountUnit, CodeUsedBefore, SentCode, Units
from accounts.user import IdentityKind, Proof, proofs_of
from core import limits
from core.clock import Clock
from core.ids import RandomBytes
from core.refusals import BadInput

_EVERYBODY = "*"


@dataclass(frozen=True, slots=True)
class Claim:
    """What a device brings: what its way needs. ``browser`` is the nonce of the browser that began."""

    way: WayKind
    code: str = field(repr=False)
    phone: str = field(default="", repr=False)
    """SMS: the phone that the code was sent to."""
    phone_code: str = field(default="", repr=False)
    """WeChat's mini-program: the code of its telephone button."""
    state: str = ""
    browser: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class PageStart:
    """Where to send the browser, the state it comes back with, and the nonce that stays with it."""

    address: str
    state: str
    nonce: str = field(repr=False)


class Proving:
    """Asks the providers, and judges codes and states of our own. Makes no account."""

    def __init__(
        self,
        *,
        units: Units[AccountUnit],
        clock: Clock,
        ways: Ways,
        states: States,
        random: RandomBytes = os.urandom,
        sms_rules: sms.SmsRules | None = None,
    ) -> None:
        self._sms_rules = sms_rules or sms.SmsRules()
        self._units = units
        self._clock = clock
        self._ways = ways
        self._states = states
        self._random = random

    @property
    def ways(self) -> Ways:
        """What this hospital has connected."""
        return self._ways

    def start(self, *, return_to: str, nonce: str) -> PageStart:
        """Begin a page authorisation. A browser that has a nonce keeps it, so two of its tabs can begin."""
        way = self._ways.page()
        nonce = nonce or self._states.new_nonce()
        state = self._states.make(nonce=nonce, at=self._clock.now())
        return PageStart(way.start(return_to=return_to, state=state), state, nonce)

    async def send_code(self, typed_phone: str, *, address: str) -> int:
        """Send a code; answers after how many seconds another may be asked for.

        Refuses with ``SmsTooSoon``, ``SmsTooMany``, ``SmsBusy`` or ``SmsNotThere``. When the message does
        not leave (``ProviderAway``, ``ProviderLimited``) another may be asked for at once.
        """
        phone, sender = e164(typed_phone), self._ways.sender()
        self._sms_rules.reach(phone)
        code, at = sms.new_code(self._random), self._clock.now()
        async with self._units.begin() as unit:
            hour = at.isoformat()[:13]
            if (
                address
                and await unit.codes.count_sending(address, hour=hour) > limits.SMS_PER_ADDRESS_PER_HOUR
            ):
                raise sms.SmsTooMany()
            # Last, so that the row of everybody is held for a moment only.
            if await unit.codes.count_sending(_EVERYBODY, hour=hour) > self._sms_rules.per_hour:
                raise sms.SmsBusy()
            last = await unit.codes.sent(phone)
            sent = sms.sending(last, phone, unit.codes.hashed(phone, code), at=at)
            if last is None:
                await _add(unit, sent)
            else:
                unit.codes.keep(sent)
            await unit.commit()
        try:
            await sender.send(phone=phone, code=code)
        except (ProviderAway, ProviderLimited):
            async with self._units.begin() as unit:
                unit.codes.keep(sms.not_sent(sent))
                await unit.commit()
            raise
        return limits.SMS_PAUSE_SECONDS

    async def prove(self, claim: Claim) -> tuple[Proof, ...]:
        """What the claim proves. Each code and state is good once.

        Raises ``CodeRefused``, ``StateRefused``, ``ProviderAway``, ``ProviderLimited``, ``WayNotSetUp``.
        """
        if claim.way is WayKind.SMS:
            return (await self._by_sms(claim),)
        way, at = self._ways.way(claim.way), self._clock.now()
        until = None
        if claim.way is WayKind.WECHAT_H5:
            until = self._states.judge(claim.state, nonce=claim.browser, at=at)
        identified = await way.identify(claim.code, phone_code=claim.phone_code)
        if until is not None:
            await self._use(claim.state, until)
        return proofs_of(identified)

    async def _by_sms(self, claim: Claim) -> Proof:
        self._ways.sender()
        phone, at = e164(claim.phone), self._clock.now()
        async with self._units.begin() as unit:
            last = await unit.codes.sent(phone)
            after, refusal = sms.tried(
                last, claim.code, hashed=lambda typed: unit.codes.hashed(phone, typed), at=at
            )
            if after is not None:
                unit.codes.keep(after)
            await unit.commit()
        if refusal is not None:
            raise refusal
        return Proof(IdentityKind.SMS, "", phone)

    async def _use(self, state: str, until: datetime) -> None:
        try:
            async with self._units.begin() as unit:
                await unit.codes.use_state(state, until=until)
                await unit.commit()
        except CodeUsedBefore:
            raise StateUsed() from None


async def _add(unit: AccountUnit, sent: SentCode) -> None:
    try:
        await unit.codes.add(sent)
    except CodeUsedBefore:
        # Another request for the same phone was quicker by a moment.
        raise sms.SmsTooSoon(again_after_seconds=limits.SMS_PAUSE_SECONDS) from None


def claim_of(
    way: str, *, code: str, phone: str | None, state: str | None, browser: str, phone_code: str | None = None
) -> Claim:
    """A claim from what travelled. Raises ``BadInput`` where the way needs what did not come."""
    kind = WayKind(way)
    if kind is WayKind.SMS and phone is None:
        raise BadInput(field="$.phone", why="needed for a code that was sent by SMS")
    if kind is WayKind.WECHAT_H5 and state is None:
        raise BadInput(field="$.state", why="needed for a page authorisation")
    return Claim(kind, code, phone or "", phone_code or "", state or "", browser)
