"""The bad moments of a hospital system, for tests of whoever reads it. Every one heals by itself."""

import random
import sqlite3
from enum import StrEnum

from demo.codes import char, day_code
from demo.day import Day


class Hiccup(StrEnum):
    """What can go wrong."""

    STATUS = "status"
    """A waiting ticket gets a code nobody documented."""
    DUPLICATE = "duplicate"
    """A ticket appears in two rows."""
    HALF = "half"
    """A line loses every second row."""
    NULL = "null"
    """NULL where none should be: number or status."""
    BYTES = "bytes"
    """A name that is no GB18030."""
    STALL = "stall"
    """Nothing moves, not even the hospital's clock."""


def parse(text: str) -> tuple[Hiccup, ...]:
    """Read ``half,null`` or ``all``. Refuses an unknown word with ``ValueError``."""
    if text == "all":
        return tuple(Hiccup)
    return tuple(Hiccup(word.strip()) for word in text.split(",") if word.strip())


def inflict(connection: sqlite3.Connection, kind: Hiccup, day: Day, rng: random.Random) -> str:
    """Damage one line's rows, in the caller's transaction; answer the line's code (it needs rewriting)."""
    busiest = sorted(day.lines.values(), key=lambda line: -len(line.waiting))[:5]
    line = rng.choice(busiest)
    here = (day_code(day.date), char(line.code, 8))
    rows = [
        row
        for (row,) in connection.execute(
            "SELECT PDXH FROM MZ_PDXX WHERE PDRQ = ? AND DLDM = ? ORDER BY PXZ IS NULL, PXZ, PDXH", here
        )
    ]
    if not rows:
        return line.code
    victim = rows[rng.randrange(min(6, len(rows)))]
    if kind is Hiccup.STATUS:
        connection.execute("UPDATE MZ_PDXX SET PDZT = '?9' WHERE PDXH = ?", (victim,))
    elif kind is Hiccup.DUPLICATE:
        _duplicate(connection, victim)
    elif kind is Hiccup.HALF:
        connection.executemany("DELETE FROM MZ_PDXX WHERE PDXH = ?", [(row,) for row in rows[::2]])
    elif kind is Hiccup.NULL:
        column = rng.choice(("HZXH", "PDZT"))
        connection.execute(f"UPDATE MZ_PDXX SET {column} = NULL WHERE PDXH = ?", (victim,))
    elif kind is Hiccup.BYTES:
        connection.execute("UPDATE MZ_PDXX SET BRXM = ? WHERE PDXH = ?", (b"\xff\xc0\x31", victim))
    return line.code


def _duplicate(connection: sqlite3.Connection, row: int) -> None:
    """Copy a row under a new primary key, as a vendor's double click does."""
    columns = [name for _, name, *_ in connection.execute("PRAGMA table_info(MZ_PDXX)") if name != "PDXH"]
    listed = ", ".join(columns)
    connection.execute(
        f"INSERT INTO MZ_PDXX (PDXH, {listed}) "
        f"SELECT (SELECT MAX(PDXH) FROM MZ_PDXX) + 5000, {listed} FROM MZ_PDXX WHERE PDXH = ?",
        (row,),
    )
