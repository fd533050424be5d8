"""Follows a day into the vendor's tables: only what changed is written, in the caller's transaction."""

import sqlite3
from collections.abc import Iterable
from datetime import timedelta

from demo import rows
from demo.codes import char, day_code
from demo.database import set_clock
from demo.day import Day
from demo.departments import Hospital
from demo.line import LineState
from demo.ticket import Ticket

HISTORY_DAYS = 30
REQUEST_DAYS = 7

_PUT_QUEUE_ROW = f"INSERT OR REPLACE INTO MZ_PDXX VALUES ({', '.join('?' * 22)})"
_PUT_HISTORY_ROW = f"INSERT OR REPLACE INTO PD_LSXX VALUES ({', '.join('?' * 16)})"
_PUT_PATIENT = f"INSERT OR REPLACE INTO GY_BRXX VALUES ({', '.join('?' * 8)})"
_PUT_REGISTRATION = f"INSERT OR REPLACE INTO GH_GHXX VALUES ({', '.join('?' * 15)})"
_PUT_SCHEDULE = f"INSERT OR REPLACE INTO MZ_PBB VALUES ({', '.join('?' * 12)})"
_DAY_TABLES = ("MZ_PDXX", "GH_GHXX", "GY_BRXX", "MZ_PBB")


def write_directory(connection: sqlite3.Connection, hospital: Hospital) -> None:
    """Write departments, doctors, rooms and lines; all closed."""
    for table in ("GY_KSDM", "GY_YSDM", "MZ_ZSDM", "PD_DLDM", "PD_DLZS"):
        connection.execute(f"DELETE FROM {table}")
    put = connection.executemany
    put(
        "INSERT INTO GY_KSDM VALUES (?, ?, ?, ?, ?, ?)",
        [rows.department_row(index, department) for index, department in enumerate(hospital.departments)],
    )
    put("INSERT INTO GY_YSDM VALUES (?, ?, ?, ?, ?)", map(rows.doctor_row, hospital.doctors))
    put(
        "INSERT INTO MZ_ZSDM VALUES (?, ?, ?, ?, ?, ?)",
        [rows.room_row(index, room) for index, room in enumerate(hospital.rooms)],
    )
    put(
        "INSERT INTO PD_DLDM VALUES (?, ?, ?, ?, ?, ?, ?)",
        [rows.line_row(index, line) for index, line in enumerate(hospital.lines)],
    )
    put("INSERT INTO PD_DLZS VALUES (?, ?)", rows.line_room_rows(hospital))


def archive(connection: sqlite3.Connection, day: Day) -> None:
    """Put a day that is over into the history, and forget history that is too old."""
    connection.executemany(
        _PUT_HISTORY_ROW,
        [
            rows.history_row(day.date, ticket, line.plan.kind)
            for line in day.lines.values()
            for ticket in line.tickets
        ],
    )
    oldest = day_code(day.date - timedelta(days=HISTORY_DAYS))
    connection.execute("DELETE FROM PD_LSXX WHERE PDRQ <= ?", (oldest,))


class Writer:
    """Writes one day. Every method expects an open transaction; call ``kept`` once it is committed."""

    def __init__(self, connection: sqlite3.Connection, day: Day) -> None:
        self._connection = connection
        self._day = day
        self._line_index = {code: index for index, code in enumerate(day.lines)}
        self._room_index = {room.code: index for index, room in enumerate(day.hospital.rooms)}
        self._names: dict[str, bytes] = {}
        """GB18030 names by visit."""
        self._written: dict[str, str] = {}
        """State of every registration in the file, and of those in the open transaction."""
        self._writing: dict[str, str] = {}

    def begin(self) -> None:
        """Empty the tables of the day; every line and room starts closed. ``follow`` then writes all."""
        connection = self._connection
        for table in _DAY_TABLES:
            connection.execute(f"DELETE FROM {table}")
        oldest = day_code(self._day.date - timedelta(days=REQUEST_DAYS))
        connection.execute("DELETE FROM JK_QDSQ WHERE CLZT <> 0 AND CLSJ < ?", (oldest,))
        connection.execute("UPDATE PD_DLDM SET DLZT = '0'")
        connection.execute("UPDATE MZ_ZSDM SET ZSZT = '0', YSDM = NULL")

    def follow(self, second: int) -> None:
        """Write what changed since the last ``kept``, and the hospital's clock."""
        day, connection = self._day, self._connection
        self._writing.clear()
        self._write_visits(day.changed.values())
        connection.executemany(_PUT_QUEUE_ROW, [self._queue_row(ticket) for ticket in day.changed.values()])
        connection.executemany(
            "UPDATE PD_DLDM SET DLZT = ? WHERE DLDM = ?",
            [rows.line_state_row(line) for line in day.changed_lines.values()],
        )
        connection.executemany(
            "UPDATE MZ_ZSDM SET ZSZT = ?, YSDM = ? WHERE ZSDM = ?",
            [rows.room_state_row(self._room_index[code], room) for code, room in day.changed_rooms.items()],
        )
        set_clock(connection, day.date, second)

    def kept(self) -> None:
        """The transaction is committed: what was written need not be written again."""
        self._written |= self._writing
        self._day.forget_changes()

    def rewrite_line(self, code: str) -> None:
        """Write a line's rows anew, whatever happened to them."""
        line = self._day.lines[code]
        self._connection.execute(
            "DELETE FROM MZ_PDXX WHERE PDRQ = ? AND DLDM = ?", (day_code(self._day.date), char(code, 8))
        )
        self._connection.executemany(_PUT_QUEUE_ROW, [self._queue_row(ticket) for ticket in line.tickets])

    def _queue_row(self, ticket: Ticket) -> rows.Row:
        name = self._names.get(ticket.visit.ref)
        if name is None:
            _, name = rows.patient_row(self._day.seed, ticket.visit)
            self._names[ticket.visit.ref] = name
        return rows.queue_row(self._day.date, ticket, name, self._day.lines[ticket.line].plan.kind)

    def _write_visits(self, tickets: Iterable[Ticket]) -> None:
        """Write the registration of every ticket whose visit is new or changed, and its line's schedule."""
        patients, registrations, lines = [], [], set()
        for visit in {ticket.visit.ref: ticket.visit for ticket in tickets}.values():
            if self._written.get(visit.ref) == visit.state:
                continue
            if visit.ref not in self._written:
                row, self._names[visit.ref] = rows.patient_row(self._day.seed, visit)
                patients.append(row)
            line = self._day.lines[visit.line].plan
            registrations.append(
                rows.registration_row(self._day.date, visit, self._line_index[visit.line], line)
            )
            self._writing[visit.ref] = visit.state
            lines.add(visit.line)
        self._connection.executemany(_PUT_PATIENT, patients)
        self._connection.executemany(_PUT_REGISTRATION, registrations)
        if lines:
            self._write_schedule(lines)

    def _write_schedule(self, codes: set[str]) -> None:
        day = self._day
        taken = day.registered()
        self._connection.executemany(
            _PUT_SCHEDULE,
            [
                rows.schedule_row(
                    day.date,
                    self._line_index[code],
                    day.lines[code].plan,
                    afternoon=afternoon,
                    places=day.places[code, afternoon],
                    taken=taken[code, afternoon],
                    stopped=day.lines[code].state is LineState.STOPPED,
                )
                for code in codes
                for afternoon in (False, True)
            ],
        )
