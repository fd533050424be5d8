"""A very small hospital that is nobody's demo: one SQLite file, its mapping, and settings around them."""

import copy
import sqlite3
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from core.clock import CHINA
from front_machine.settings import FrontMachineSettings, typed

POLL_SECONDS = 0.05
MORNING = datetime(2026, 11, 23, 9, 30, tzinfo=CHINA)

SCHEMA = """
CREATE TABLE XL (DM CHAR(8), MC BLOB, ZT CHAR(2), ZS TEXT, YS CHAR(4));
CREATE TABLE PD (DL CHAR(8), HM CHAR(8), LS TEXT, XM BLOB, ZT CHAR(2), LX CHAR(2), YX CHAR(2), XH REAL,
                 BD TEXT, JH TEXT, CS INTEGER);
CREATE TABLE LS (RQ CHAR(8), DL CHAR(8), HM CHAR(8), ZT CHAR(2), ZS TEXT, BD TEXT, JH TEXT, JS TEXT);
CREATE TABLE BR (ID TEXT PRIMARY KEY, XM BLOB, ZL TEXT, ZH TEXT, KH TEXT);
CREATE TABLE JD (K TEXT PRIMARY KEY, XM TEXT, ZL TEXT, ZH TEXT, XB TEXT, SR TEXT, DH TEXT, JX TEXT,
                 ZT INTEGER DEFAULT 0, JG TEXT, ID TEXT);
CREATE TABLE BK (K TEXT PRIMARY KEY, ID TEXT, KH TEXT, ZT INTEGER DEFAULT 0, JG TEXT);
CREATE TABLE SQ (K TEXT PRIMARY KEY, LS TEXT, DL TEXT, ZT INTEGER DEFAULT 0, JG TEXT, HM TEXT);
"""

STATES = {"0": "booked", "1": "waiting", "2": "called", "3": "in_service", "6": "passed", "9": "done"}


PAST_TICKETS: dict[str, Any] = {
    "query": "SELECT * FROM LS WHERE RQ >= :since AND RQ < :until ORDER BY rowid",
    "fields": {
        "day": {"column": "RQ", "times": ["%Y%m%d"]},
        "line": "DL",
        "number": "HM",
        "state": {"column": "ZT", "codes": {"6": "no_show", "9": "done"}},
        "room": "ZS",
        "checked_in_at": {"column": "BD", "times": ["%H%M%S"]},
        "called_at": {"column": "JH", "times": ["%H%M%S"]},
        "ended_at": {"column": "JS", "times": ["%H%M%S"]},
    },
}
"""Add it to a tree as ``tables__past_tickets``: this hospital keeps its past days in LS."""


_OUTCOME = {"column": "ZT", "codes": {"0": "pending", "1": "done", "2": "refused"}}
PATIENTS: dict[str, Any] = {
    "id_kinds": {"cn_id": "01", "passport": "03"},
    "sexes": {"male": "1", "female": "2"},
    "find": {
        "query": "SELECT ID, XM FROM BR WHERE ZL = :id_kind AND ZH = :id_number",
        "fields": {"patient": "ID", "name": {"column": "XM", "encoding": "gb18030"}},
    },
    "create": {
        "statement": "INSERT INTO JD (K, XM, ZL, ZH, XB, SR, DH, JX) "
        "VALUES (:key, :name, :id_kind, :id_number, :sex, :born, :phone, :guardian_name)",
        "settle_seconds": 0.2,
        "settle": {
            "query": "SELECT ZT, JG, ID, ZH FROM JD WHERE K = :key",
            "fields": {"outcome": _OUTCOME, "his_code": "JG", "patient": "ID", "id_number": "ZH"},
        },
    },
    "bind_health_card": {
        "statement": "INSERT INTO BK (K, ID, KH) VALUES (:key, :patient, :card)",
        "settle_seconds": 0.2,
        "settle": {
            "query": "SELECT ZT, JG FROM BK WHERE K = :key",
            "fields": {
                "outcome": _OUTCOME,
                "his_code": "JG",
                "reason": {"column": "JG", "codes": {"12": "no_such_patient"}, "default": ""},
            },
        },
    },
}
"""This hospital's index of patients."""


def tree(database: Path, **changes: Any) -> dict[str, Any]:
    """The settings file as plain values. ``changes`` are dotted keys with ``__`` for the dot."""
    opening = {"column": "ZT", "codes": {"1": "open", "2": "paused", "0": "closed"}}
    tree: dict[str, Any] = {
        "listen": {"host": "127.0.0.1", "port": 0, "allow": ["127.0.0.0/8"]},
        "tls": {"ca": "ca.crt", "certificate": "front-machine.crt", "key": "front-machine.key"},
        "his": {
            "poll_seconds": POLL_SECONDS,
            "reply_seconds": 10.0,
            "link": {"url": f"sqlite:///{database}"},
        },
        "tables": {
            "lines": {
                "query": "SELECT DM, MC, ZT, ZS, YS FROM XL ORDER BY DM",
                "encoding": "gb18030",
                "fields": {
                    "code": "DM",
                    "name": "MC",
                    "rooms": {"column": "ZS", "separator": "|"},
                    "doctor": "YS",
                    "open": opening,
                },
            },
            "line_states": {"query": "SELECT DM, ZT FROM XL", "fields": {"line": "DM", "open": opening}},
            "tickets": {
                "query": "SELECT DL, HM, LS, XM, ZT, LX, YX, XH, BD, JH, CS FROM PD ORDER BY rowid",
                "count": "SELECT DL, COUNT(*) FROM PD GROUP BY DL",
                "encoding": "gb18030",
                "fields": {
                    "line": "DL",
                    "number": "HM",
                    "visit": "LS",
                    "name": "XM",
                    "state": {"column": "ZT", "codes": STATES},
                    "kind": {"column": "LX", "codes": {"1": "first", "2": "return"}},
                    "priority": {"column": "YX", "codes": {"1": "elderly"}, "default": "none"},
                    "order": "XH",
                    "checked_in_at": {"column": "BD", "times": ["%H%M%S"]},
                    "called_at": {"column": "JH", "times": ["%Y%m%d%H%M%S"]},
                    "recall_count": "CS",
                },
            },
        },
        "patients": PATIENTS,
        "check_in": {
            "statement": "INSERT INTO SQ (K, LS, DL) VALUES (:key, :visit, :line)",
            "settle_seconds": 0.2,
            "settle": {
                "query": "SELECT LS, DL, ZT, JG, HM FROM SQ WHERE K = :key",
                "fields": {
                    "outcome": {"column": "ZT", "codes": {"0": "pending", "1": "done", "2": "refused"}},
                    "reason": {"column": "JG", "codes": {"01": "no_such_visit"}, "default": ""},
                    "his_code": "JG",
                    "number": "HM",
                    "visit": "LS",
                    "line": "DL",
                },
            },
        },
    }
    tree = copy.deepcopy(tree)
    for dotted, value in changes.items():
        *sections, key = dotted.split("__")
        branch = tree
        for section in sections:
            branch = branch.setdefault(section, {})
        if value is None:
            del branch[key]
        else:
            branch[key] = value
    return tree


def settings(database: Path, **changes: Any) -> FrontMachineSettings:
    """The same, typed but not judged."""
    return typed(tree(database, **changes), FrontMachineSettings, "")


class Stranger:
    """The hospital's own hand on its file."""

    def __init__(self, file: Path) -> None:
        self.file = file
        database = self._connected()
        with database:
            database.executescript(SCHEMA)
        database.close()

    def run(self, sql: str, *values: object) -> None:
        """Change something and commit."""
        database = self._connected()
        with database:
            database.execute(sql, values)
        database.close()

    def cells(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """What its tables hold."""
        database = self._connected()
        rows = database.execute(sql, values).fetchall()
        database.close()
        return rows

    def count(self, table: str) -> int:
        """How many rows a table has."""
        database = self._connected()
        [(rows,)] = database.execute(f"SELECT COUNT(*) FROM {table}")
        database.close()
        return int(rows)

    def _connected(self) -> sqlite3.Connection:
        """A connection that does not wait for the disk: nobody pulls this hospital's plug."""
        database = sqlite3.connect(self.file)
        database.execute("PRAGMA synchronous = OFF")
        return database

    def open_line(self, code: str, *, name: str = "内科", state: str = "1", rooms: str = "301") -> None:
        """A line, its name in GB18030, its code padded."""
        self.run(
            "INSERT INTO XL VALUES (?, ?, ?, ?, ?)",
            code.ljust(8),
            name.encode("gb18030"),
            state + " ",
            rooms,
            "    ",
        )

    def ticket(self, line: str, number: str, **cells: object) -> None:
        """A ticket, padded and encoded as such hospitals do it."""
        row: dict[str, object] = {
            "DL": line.ljust(8),
            "HM": number.ljust(8),
            "LS": f"MZ{line}{number}",
            "XM": "张三丰".encode("gb18030"),
            "ZT": "1 ",
            "LX": "1 ",
            "YX": "  ",
            "XH": float(len(number) * 1000 + sum(map(ord, number))),
            "BD": "091500",
            "JH": "",
            "CS": 0,
        }
        row.update(cells)
        marks = ", ".join("?" * len(row))
        self.run(f"INSERT INTO PD ({', '.join(row)}) VALUES ({marks})", *row.values())

    def past_ticket(self, day: date, line: str, number: str, *, came: int, called: int, ended: int) -> None:
        """A ticket of a day that is over; times are minutes of that day."""
        self._past([_past_row(day, line, number, came, called, ended)])

    def past_day(self, day: date, line: str, *, people: int = 30, cycle: int = 6) -> None:
        """Every two minutes one came from 7:30 on; each cycle one was called from 8:00 on."""
        calls = [480 + cycle * n for n in range(people)]
        self._past(
            [
                _past_row(day, line, f"A{n:03}", 450 + 2 * n, called, called + cycle - 1)
                for n, called in enumerate(calls)
            ]
        )

    def _past(self, rows: Sequence[Sequence[str]]) -> None:
        database = sqlite3.connect(self.file)
        with database:
            database.executemany("INSERT INTO LS VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        database.close()

    def move(self, line: str, number: str, state: str) -> None:
        """Give a ticket another state code."""
        self.run("UPDATE PD SET ZT = ? WHERE DL = ? AND HM = ?", state, line.ljust(8), number.ljust(8))


def _past_row(day: date, line: str, number: str, *minutes: int) -> Sequence[str]:
    times = [f"{minute // 60:02}{minute % 60:02}00" for minute in minutes]
    return (day.strftime("%Y%m%d"), line.ljust(8), number.ljust(8), "9 ", "301 ", *times)


def a_hospital(
    file: Path, *, lines: Sequence[str] = ("L1", "L2"), tickets: Sequence[str] = ("A001", "A002", "A003")
) -> Stranger:
    """Some lines with some tickets each."""
    stranger = Stranger(file)
    for line in lines:
        stranger.open_line(line)
        for number in tickets:
            stranger.ticket(line, number)
    return stranger
