"""The second factor: six digits of RFC 6238, and codes on paper for the day the phone is gone.

Pure. A code is good in its own half minute and the ones beside it, and once only (RFC 6238, 5.2): the half
minute of the last good code is kept, and nothing up to it is taken again. Recovery codes have 80 random bits,
so a plain hash keeps them.
"""

import base64
import hashlib
import hmac
import io
import re
from dataclasses import dataclass
from datetime import datetime

import pyotp
import segno

from core import limits
from core.ids import RandomBytes
from core.refusals import Unauthenticated

STEP_SECONDS = 30
_SECRET_BYTES = 20
_RECOVERY_BYTES = 10
_CODE = re.compile(r"[0-9]{6}")
_RECOVERY = re.compile(r"[A-Z2-7]{16}")


class CodeRefused(Unauthenticated):
    """The code is wrong, too old, or was used. Nothing says which."""

    code = "staff.code_refused"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator app needs: typed, followed, or scanned."""

    secret: str
    otpauth: str
    svg: str


def new_secret(random: RandomBytes) -> str:
    """160 random bits in base32 (RFC 4226, 4)."""
    return base64.b32encode(random(_SECRET_BYTES)).decode("ascii")


def enrolment(secret: str, *, number: str, issuer: str) -> Enrolment:
    """The secret as an app takes it. ``issuer`` is the hospital's name."""
    otpauth = pyotp.TOTP(secret).provisioning_uri(name=number, issuer_name=issuer)
    drawn = io.BytesIO()
    segno.make(otpauth, error="m").save(drawn, kind="svg", scale=4, border=4, xmldecl=False)
    return Enrolment(secret, otpauth, drawn.getvalue().decode("utf-8"))


def is_recovery_code(code: str) -> bool:
    """Whether it looks like one from paper, and not like six digits."""
    return _RECOVERY.fullmatch(_plain(code)) is not None


def checked(secret: str, code: str, *, after: int, at: datetime) -> int:
    """The half minute that the code is of; keep it, so that it is good once.

    ``after`` is the one kept last. Refuses with ``CodeRefused``.
    """
    now = int(at.timestamp()) // STEP_SECONDS
    found = None
    if _CODE.fullmatch(code):
        # All of them are compared, whichever it is.
        for step in range(max(0, now - limits.TOTP_WINDOW_STEPS), now + limits.TOTP_WINDOW_STEPS + 1):
            right = hmac.compare_digest(pyotp.TOTP(secret).generate_otp(step), code)
            if right and step > after:
                found = step
    if found is None:
        raise CodeRefused()
    return found


def new_recovery_codes(random: RandomBytes) -> tuple[str, ...]:
    """Ten, in groups of four for who copies them by hand."""
    plain = [base64.b32encode(random(_RECOVERY_BYTES)).decode("ascii") for _ in range(limits.RECOVERY_CODES)]
    return tuple("-".join(code[at : at + 4] for at in range(0, len(code), 4)) for code in plain)


def recovery_digest(code: str, *, number: str) -> bytes:
    """As it is kept. Groups, spaces and small letters make no difference."""
    return hashlib.sha256(f"recovery\n{number}\n{_plain(code)}".encode()).digest()


def _plain(code: str) -> str:
    return re.sub(r"[\s-]", "", code).upper()
