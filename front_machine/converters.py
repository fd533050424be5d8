"""What hospital databases hold, turned into what the contract says, one value at a time.

Pure. Every converter raises ``Unusable`` with a reason that never repeats the value, because the value may be
about a patient. ``None``, blanks and the mapping's own words for nothing (``empty``) all become ``None``.
"""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal

from core.clock import CHINA

BLANKS = " \t\r\n\x00\u3000\xa0"
LONGEST_TEXT = 200
LARGEST_EXPONENT = 30
_WIDTHS = {"Y": "{4}", "m": "{2}", "d": "{2}", "H": "{2}", "M": "{2}", "S": "{2}", "f": "{1,6}"}
_PLACEHOLDER = re.compile(r"\{([\w$#]+)(?::(0?\d{1,2}))?\}")


class Unusable(ValueError):
    """A value that cannot be used. The text says why, and nothing of the value."""


def decode(value: object, *, encoding: str, mislabelled: str | None = None) -> str | None:
    """Answer a cell as trimmed text; bytes by ``encoding``, numbers as plainly as a person writes them.

    ``mislabelled`` is for databases whose driver already decoded the bytes by the wrong name (GB18030 under a
    Latin-1 or UTF-8 label): the text is turned back into bytes with that name first.
    """
    if value is None:
        return None
    if isinstance(value, str):
        text = _relabelled(value, encoding, mislabelled) if mislabelled else value
    elif isinstance(value, bytes | bytearray | memoryview):
        text = _of_bytes(bytes(value), encoding)
    elif isinstance(value, bool):
        text = "1" if value else "0"
    elif isinstance(value, float | Decimal):
        text = _of_number(value)
    elif isinstance(value, int):
        text = str(value)
    elif isinstance(value, datetime):
        text = value.strftime("%Y%m%d%H%M%S")
    elif isinstance(value, date):
        text = value.strftime("%Y%m%d")
    elif isinstance(value, time):
        text = value.strftime("%H%M%S")
    else:
        raise Unusable("not a kind of value that can be text")
    text = text.strip(BLANKS)
    if len(text) > LONGEST_TEXT:
        raise Unusable(f"longer than {LONGEST_TEXT} characters")
    return text or None


def _of_bytes(value: bytes, encoding: str) -> str:
    try:
        return value.decode(encoding)
    except UnicodeDecodeError:
        raise Unusable(f"bytes that are not {encoding}") from None


def _relabelled(value: str, encoding: str, mislabelled: str) -> str:
    try:
        return _of_bytes(value.encode(mislabelled, "surrogateescape"), encoding)
    except UnicodeEncodeError:
        raise Unusable(f"text that was never {mislabelled}") from None


def _of_number(value: float | Decimal) -> str:
    if isinstance(value, Decimal):
        if not value.is_finite() or abs(value.adjusted()) > LARGEST_EXPONENT:
            raise Unusable("not a number")
        return str(int(value)) if value == value.to_integral_value() else str(value)
    if not math.isfinite(value):
        raise Unusable("not a number")
    return str(int(value)) if value.is_integer() else str(value)


def whole_number(text: str) -> int:
    """An integer, also when the database keeps it as ``3.0`` or ``' 3 '``."""
    try:
        number = Decimal(text)
        if number != number.to_integral_value() or abs(number) > 10**15:
            raise Unusable("not a whole number")
    except ArithmeticError:
        raise Unusable("not a whole number") from None
    return int(number)


def real_number(text: str) -> float:
    """A finite number; used for orders, where halves squeeze a patient in between two others."""
    try:
        number = float(Decimal(text))
    except (ArithmeticError, ValueError):
        raise Unusable("not a number") from None
    if number != number or abs(number) > 1e17:
        raise Unusable("not a number")
    return number


def fen(text: str) -> int:
    """Yuan as the hospital writes them (``15``, ``15.5``, ``¥1,015.50``) in whole fen, exactly.

    A third decimal other than zero is refused: rounding money is not ours to do.
    """
    try:
        amount = Decimal(text.removeprefix("¥").removeprefix("\uffe5").replace(",", "")) * 100
        if not amount.is_finite() or amount != amount.to_integral_value():
            raise Unusable("not an amount in yuan with at most two decimals")
    except ArithmeticError:
        raise Unusable("not an amount in yuan") from None
    return int(amount)


class TimeForm:
    """One way of writing a time: ``%Y %m %d %H %M %S`` of fixed widths, ``%f`` and literal characters.

    Stricter than ``strptime``, which reads a time that lost a digit as another time. Raises ``ValueError``
    for anything else after a percent sign.
    """

    def __init__(self, pattern: str) -> None:
        self.has_day = "%d" in pattern
        expression, order = "", ""
        for part in re.findall("%.|[^%]+|%", pattern):
            if not part.startswith("%"):
                expression += re.escape(part)
            elif part[1:] in _WIDTHS and part[1:] not in order:
                expression += f"([0-9]{_WIDTHS[part[1:]]})"
                order += part[1:]
            else:
                raise ValueError("only %Y %m %d %H %M %S %f may stand after a percent sign, each once")
        self._expression = re.compile(expression)
        self._at = [order.find(part) for part in "YmdHMS"]
        self._fraction_at = order.find("f")

    def read(self, text: str, day: date) -> datetime | None:
        """The time, on ``day`` if the form holds none; ``None`` when the text has another form."""
        match = self._expression.fullmatch(text)
        if match is None:
            return None
        groups = match.groups()
        year, month, date_, hour, minute, second = [int(groups[at]) if at >= 0 else 0 for at in self._at]
        if not self.has_day:
            year, month, date_ = day.year, day.month, day.day
        fraction = int(groups[self._fraction_at].ljust(6, "0")) if self._fraction_at >= 0 else 0
        try:
            return datetime(year, month, date_, hour, minute, second, fraction, CHINA)
        except ValueError:
            return None


def moment(value: object, forms: Sequence[TimeForm], *, day: date) -> datetime:
    """A point of time from text or a native value, in China Standard Time unless it says otherwise.

    ``forms`` are tried in turn; one without a date means that time on ``day``.
    """
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=CHINA)
    if isinstance(value, time):
        return datetime.combine(day, value, tzinfo=CHINA)
    if isinstance(value, str):
        for form in forms:
            found = form.read(value, day)
            if found is not None:
                return found
    raise Unusable("does not fit any of the times")


def day_of(value: object, forms: Sequence[TimeForm]) -> date:
    """A calendar day from text or a native value."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    return moment(value, forms, day=date.min).date()


def placeholders(form: str) -> tuple[str, ...]:
    """The columns a form such as ``{PREFIX}{NO:03}`` is made of. Refuses anything else in braces."""
    rest = _PLACEHOLDER.sub("", form)
    if "{" in rest or "}" in rest:
        raise ValueError("only {COLUMN} and {COLUMN:03} (zero-filled) may stand in braces")
    return tuple(match[1] for match in _PLACEHOLDER.finditer(form))


def formed(form: str, values: Mapping[str, str | None]) -> str | None:
    """Fill a form from decoded columns; nothing at all when every column is empty."""
    if all(values[name] is None for name in placeholders(form)):
        return None

    def one(match: re.Match[str]) -> str:
        text = values[match[1]] or ""
        width = match[2]
        if width is None:
            return text
        number = str(whole_number(text))
        return number.zfill(int(width)) if width.startswith("0") else number.rjust(int(width))

    return _PLACEHOLDER.sub(one, form)
