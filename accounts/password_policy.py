"""Which passwords staff may have.

Pure. GB/T 22239-2019, 8.1.4.1 a asks for complexity and change: twelve characters of three kinds, or a
passphrase of twenty of any; changed after ``staff.password_days``; none of the last five again. NIST SP
800-63B, 5.1.1.2 asks what matters more: that it is not among those that are tried first, which holds for most
that three kinds of character were asked of (``Hospital2026!``). zxcvbn says how many guesses one takes: it
knows 30,000 common passwords, names, English words, keyboard rows, dates and what people do to them.
"""

import enum
import unicodedata
from collections.abc import Iterable
from datetime import datetime, timedelta

from core import limits
from core.refusals import Kind, Refusal

_OURS = ("houzhen", "hospital", "yiyuan", "admin", "候诊", "医院")


class Weakness(enum.StrEnum):
    """What is wrong with a password. A closed set: pages have words for each."""

    SHORT = "short"
    LONG = "long"
    FEW_KINDS = "few_kinds"
    """Too short for so few kinds of character."""
    HOLDS_NUMBER = "holds_number"
    HOLDS_NAME = "holds_name"
    GUESSABLE = "guessable"
    USED_BEFORE = "used_before"


class PasswordRefused(Refusal):
    """The password may not be used."""

    code = "staff.password_refused"
    kind = Kind.BAD_INPUT

    def __init__(self, weakness: Weakness, *, field: str = "$.password") -> None:
        super().__init__(field=field, weakness=weakness.value)
        self.weakness = weakness


def same_form(password: str) -> str:
    """The one form in which a password is hashed, however a keyboard wrote it (NIST SP 800-63B, 5.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


def judge_password(password: str, *, number: str, name: str, field: str = "$.password") -> None:
    """Refuse a password with ``PasswordRefused``. May take tens of milliseconds: not on the loop.

    That it was used before is for who has the hashes.
    """
    weakness = _weakness(same_form(password), number=number, name=name)
    if weakness is not None:
        raise PasswordRefused(weakness, field=field)


def is_too_old(set_at: datetime, *, at: datetime, days: int) -> bool:
    """Whether the password must be changed; ``days`` 0: never."""
    return days > 0 and at >= set_at + timedelta(days=days)


def _weakness(password: str, *, number: str, name: str) -> Weakness | None:
    if len(password) < limits.STAFF_PASSWORD_CHARACTERS:
        return Weakness.SHORT
    if len(password) > limits.STAFF_PASSWORD_MOST_CHARACTERS:
        return Weakness.LONG
    lower = password.lower()
    if len(number) >= 3 and number.lower() in lower:
        return Weakness.HOLDS_NUMBER
    if any(part in lower for part in _parts(name)):
        return Weakness.HOLDS_NAME
    if len(password) < limits.STAFF_PASSPHRASE_CHARACTERS and _kinds(password) < 3:
        return Weakness.FEW_KINDS
    if _guesses(password, (number, *_parts(name), *_OURS)) < limits.STAFF_PASSWORD_GUESSES:
        return Weakness.GUESSABLE
    return None


def _parts(name: str) -> list[str]:
    """What of a name nobody should find: its words, and all of it together."""
    words = same_form(name).lower().split()
    return [part for part in {*words, "".join(words)} if len(part) >= 2]


def _kinds(password: str) -> int:
    """How many of: small letters, capitals, digits, everything else (also letters of other scripts)."""
    return len({_kind(character) for character in password})


def _kind(character: str) -> str:
    if character.isascii() and character.isalpha():
        return "small" if character.islower() else "capital"
    return "digit" if character.isdigit() else "other"


def _guesses(password: str, known: Iterable[str]) -> float:
    """How many guesses a beginning of it takes: a lower bound, for the estimate's cost grows steeply."""
    # Its lists take 13 MB: they are for the process in which somebody sets a password.
    from zxcvbn import zxcvbn

    beginning = password[: limits.STAFF_PASSWORD_ESTIMATED_CHARACTERS]
    return float(zxcvbn(beginning, user_inputs=list(known))["guesses"])
