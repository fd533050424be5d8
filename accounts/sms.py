"""Codes by SMS: when one may be sent, and what a typed one is worth.

Pure. Nothing here depends on whether anybody has the phone: a stranger learns nothing from the answers.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from accounts.providers import CodeExpired, CodeRefused
from accounts.store import SentCode
from core import limits
from core.clock import business_day
from core.ids import RandomBytes
from core.refusals import Kind, Refusal

_PAUSE = timedelta(seconds=limits.SMS_PAUSE_SECONDS)
_GOOD = timedelta(seconds=limits.SMS_CODE_SECONDS)


class SmsTooSoon(Refusal):
    """A code was sent a moment ago; wait for it."""

    code = "accounts.sms_too_soon"
    kind = Kind.TOO_MANY

    def __init__(self, *, again_after_seconds: int) -> None:
        super().__init__(again_after_seconds=again_after_seconds)


class SmsTooMany(Refusal):
    """This phone has had its codes of the day, or this address its messages of the hour."""

    code = "accounts.sms_too_many"
    kind = Kind.TOO_MANY


class SmsCodeWrong(CodeRefused):
    """Not the code that was sent, or none was."""

    code = "accounts.sms_code_wrong"


class SmsTriesOver(CodeRefused):
    """Too many wrong codes; ask for another."""

    code = "accounts.sms_tries_over"


class SmsNotThere(Refusal):
    """Codes are not sent to numbers of that country."""

    code = "accounts.sms_not_there"
    kind = Kind.BAD_INPUT


class SmsBusy(Refusal):
    """So many codes were asked for in this hour that no more are sent: somebody may be running up a bill."""

    code = "accounts.sms_busy"
    kind = Kind.TOO_MANY


@dataclass(frozen=True, slots=True)
class SmsRules:
    """To which countries' numbers codes are sent (empty: all), and how many in an hour to everybody."""

    countries: tuple[str, ...] = ()
    per_hour: int = limits.SMS_PER_HOUR

    def reach(self, phone: str) -> None:
        """Refuses with ``SmsNotThere``."""
        if self.countries and not phone.startswith(self.countries):
            raise SmsNotThere()


def new_code(random: RandomBytes) -> str:
    """Six digits."""
    return f"{int.from_bytes(random(8), 'big') % 10**6:06d}"


def sending(last: SentCode | None, phone: str, code: bytes, *, at: datetime) -> SentCode:
    """One more code for the phone; the one before is void. Refuses with ``SmsTooSoon`` or ``SmsTooMany``."""
    day = business_day(at).isoformat()
    if last is not None and timedelta() <= at - last.sent_at < _PAUSE:
        left = _PAUSE - (at - last.sent_at)
        raise SmsTooSoon(again_after_seconds=-(-left // timedelta(seconds=1)))
    sends = last.sends if last is not None and last.day == day else 0
    if sends >= limits.SMS_CODES_PER_DAY:
        raise SmsTooMany()
    return SentCode(phone=phone, code=code, sent_at=at, tries=0, day=day, sends=sends + 1)


def not_sent(code: SentCode) -> SentCode:
    """The message did not leave: the code is void, and another may be asked for at once."""
    return replace(code, code=b"", sent_at=code.sent_at - _PAUSE)


def tried(
    last: SentCode | None, typed: str, *, hashed: Callable[[str], bytes], at: datetime
) -> tuple[SentCode | None, Refusal | None]:
    """What a typed code makes of the one that was sent, and why it is refused; ``None``: it was right.

    Right or not, what came is hashed and compared in the same time. A right code is good once.
    """
    right = hmac.compare_digest(hashed(typed), b"" if last is None else last.code)
    if last is None or not last.code:
        return last, SmsCodeWrong()
    if last.tries >= limits.SMS_TRIES:
        return last, SmsTriesOver()
    if at >= last.sent_at + _GOOD:
        return last, CodeExpired()
    if right:
        return replace(last, code=b""), None
    return replace(last, tries=last.tries + 1), SmsCodeWrong()
