"""The vendor's codes and shapes: status codes by kind of line, padded columns, times, GB18030 bytes.

demo/README.md documents all of them but ``UNDOCUMENTED``.
"""

from datetime import date

from demo.departments import LineKind
from demo.ticket import State

UNDOCUMENTED = {LineKind.CLINIC: "K", LineKind.EXAM: "AK", LineKind.PHARMACY: "FK"}
"""Not in the interface document, on purpose: what a hospital sends without having told anybody."""

_CLINIC = {
    State.BOOKED: "0",
    State.WAITING: "1",
    State.READY: "2",
    State.CALLED: "3",
    State.SERVED: "4",
    State.AWAY: "7",
    State.PASSED: "6",
    State.SUSPENDED: "8",
    State.DONE: "5",
    State.NO_SHOW: "W",
    State.TRANSFERRED: "Z",
    State.GAVE_UP: "Q",
    State.CANCELLED: "9",
    State.STOPPED: "S",
}
_EXAM = {
    State.BOOKED: "A0",
    State.WAITING: "A1",
    State.READY: "A2",
    State.CALLED: "B1",
    State.SERVED: "B2",
    State.PASSED: "B9",
    State.SUSPENDED: "A8",
    State.DONE: "C1",
    State.NO_SHOW: "X0",
    State.TRANSFERRED: "XZ",
    State.GAVE_UP: "X3",
    State.CANCELLED: "X1",
    State.STOPPED: "X2",
}
_PHARMACY = {
    State.WAITING: "F1",
    State.CALLED: "F3",
    State.SERVED: "F4",
    State.PASSED: "F6",
    State.DONE: "F5",
    State.NO_SHOW: "FX",
    State.GAVE_UP: "FX",
    State.CANCELLED: "F9",
}
STATUS = {
    kind: {**codes, State.HELD: UNDOCUMENTED[kind]}
    for kind, codes in (
        (LineKind.CLINIC, _CLINIC),
        (LineKind.EXAM, _EXAM),
        (LineKind.PHARMACY, _PHARMACY),
    )
}

_ANSWERS = {
    "00": "签到成功",
    "01": "未找到当日挂号信息",
    "02": "已签到，请勿重复",
    "03": "未到签到时间",
    "04": "医生已停诊，请到服务台",
    "05": "该号已结束",
    "06": "申请内容不完整",
}


def words_of(answer: str) -> str:
    """The JGMS text that goes with a JGDM code."""
    return _ANSWERS[answer]


def char(value: str, width: int) -> str:
    """A CHAR(n) column: filled with blanks; a value that is too long is the caller's mistake."""
    if len(value) > width:
        raise ValueError(f"{len(value)} characters do not fit into CHAR({width})")
    return value.ljust(width)


def gb(text: str) -> bytes:
    """A GB18030 column."""
    return text.encode("gb18030")


def day_code(day: date) -> str:
    return day.isoformat().replace("-", "")


def hhmmss(at: int) -> str:
    return f"{at // 3600:02d}{at // 60 % 60:02d}{at % 60:02d}"


def hhmm(at: int) -> str:
    return hhmmss(at)[:4]


def seconds_of(stamp: str) -> int:
    """Seconds since midnight of an HHmmss, or of the last six digits of a yyyyMMddHHmmss."""
    return int(stamp[-6:-4]) * 3600 + int(stamp[-4:-2]) * 60 + int(stamp[-2:])


def stamp_of(day: date, at: int | None) -> str | None:
    """A CHAR(14) moment, or NULL."""
    return None if at is None else day_code(day) + hhmmss(at)
