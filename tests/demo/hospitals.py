"""A small hospital on a file whose time the test turns by hand."""

import sqlite3
from dataclasses import replace
from datetime import date
from pathlib import Path

from demo.codes import seconds_of
from demo.database import connect
from demo.driver import Driver, Settings

MONDAY = date(2026, 11, 23)


def at(text: str) -> int:
    """Seconds since midnight of ``HH:MM``."""
    return seconds_of(text.replace(":", "") + "00")


class SmallHospital:
    """One department (three lines, four rooms) at real speed; ``go_to`` is the passing of time."""

    def __init__(self, path: Path, *, start: str = "07:30", **changes: object) -> None:
        self.real = 1000.0
        self.said: list[str] = []
        settings = replace(
            Settings(departments=1, history_days=0, day=MONDAY, start=at(start)),
            **changes,  # type: ignore[arg-type]
        )
        self.connection = connect(path)
        self.driver = Driver(
            self.connection,
            settings,
            today=MONDAY,
            wait=lambda seconds: False,
            monotonic=lambda: self.real,
            say=self.said.append,
        )
        self.driver.open()
        self.reader = sqlite3.connect(path)

    def pass_seconds(self, seconds: float) -> None:
        self.real += seconds
        self.driver.tick()

    def go_to(self, time: str) -> None:
        self.pass_seconds(at(time) - self.now)

    @property
    def now(self) -> int:
        (stamp,) = self.reader.execute("SELECT DQSJ FROM V_XT_SJ").fetchone()
        return seconds_of(stamp)

    def query(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        return self.reader.execute(sql, values).fetchall()

    def queue(self) -> list[tuple[object, ...]]:
        return self.query("SELECT * FROM V_PD_DLZT ORDER BY PDXH")

    def ask(self, number: str, visit: str, line: str = "") -> tuple[object, ...]:
        """Insert a check-in request as an integrator does, let the HIS look, and answer what it said."""
        self.reader.execute(
            "INSERT OR IGNORE INTO JK_QDSQ (SQXH, GHXH, DLDM) VALUES (?, ?, ?)", (number, visit, line)
        )
        self.reader.commit()
        self.pass_seconds(0.1)
        return self.query("SELECT CLZT, JGDM, HZXH FROM JK_QDSQ WHERE SQXH = ?", number)[0]

    def a_visit(self, *codes: str) -> tuple[str, str]:
        """The visit and line of some clinic ticket with one of these status codes."""
        marks = ", ".join("?" * len(codes))
        found = self.query(
            f"SELECT GHXH, RTRIM(DLDM) FROM V_PD_DLZT WHERE RTRIM(PDZT) IN ({marks}) ORDER BY PDXH LIMIT 1",
            *codes,
        )
        return str(found[0][0]), str(found[0][1])

    def close(self) -> None:
        self.reader.close()
        self.connection.close()
