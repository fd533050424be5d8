"""The index of patients (GY_BRDA): answers requests for a record (JK_JDSQ) and for its card (JK_BKSQ)."""

import sqlite3
from datetime import date, timedelta

from demo.codes import char, day_code, gb, stamp_of

AT_ONCE = 200
REQUEST_DAYS = 7

KNOWN = (
    ("DA00000001", "王秀英", "2", "19491231", "11010519491231002X", "10000000001"),
    ("DA00000002", "李大明", "1", "19800101", "110000198001010019", "10000000002"),
)
"""Who has a record from the start: the number that GB 11643 itself prints, and one of no district."""

_RECORD_REQUEST = "SQXH, BRXM, XB, CSRQ, ZJLX, ZJHM, LXDH, JHRXM, JHRZJ, JHRDH"
DONE, MISSING, OTHER_NAME, NO_RECORD = "00", "06", "11", "12"


class Records:
    """Takes pending requests and settles them, in the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection, day: date) -> None:
        self._connection = connection
        self._day = day

    def begin(self) -> None:
        """Put those in who have a record anyway, and forget old requests."""
        oldest = day_code(self._day - timedelta(days=REQUEST_DAYS))
        for table in ("JK_JDSQ", "JK_BKSQ"):
            self._connection.execute(f"DELETE FROM {table} WHERE CLZT <> 0 AND CLSJ < ?", (oldest,))
        self._connection.executemany(
            "INSERT OR IGNORE INTO GY_BRDA VALUES (?, ?, ?, ?, '01', ?, ?, NULL, NULL, NULL, NULL, ?)",
            [
                (number, gb(name), sex, born, paper, telephone, day_code(self._day) + "000000")
                for number, name, sex, born, paper, telephone in KNOWN
            ],
        )

    def answer_pending(self, second: int) -> None:
        """Settle what waits, at a second of the hospital's day."""
        at = stamp_of(self._day, second)
        for request in self._pending(_RECORD_REQUEST, "JK_JDSQ"):
            code, record = self._make(request[1:], at)
            self._connection.execute(
                "UPDATE JK_JDSQ SET CLZT = ?, JGDM = ?, BRID = ?, CLSJ = ? WHERE SQXH = ?",
                (1 if code == DONE else 2, code, record, at, request[0]),
            )
        for number, record, card in self._pending("SQXH, BRID, DZJKK", "JK_BKSQ"):
            found = self._connection.execute("UPDATE GY_BRDA SET DZJKK = ? WHERE BRID = ?", (card, record))
            done = found.rowcount == 1
            self._connection.execute(
                "UPDATE JK_BKSQ SET CLZT = ?, JGDM = ?, CLSJ = ? WHERE SQXH = ?",
                (1 if done else 2, DONE if done else NO_RECORD, at, number),
            )

    def _pending(self, columns: str, table: str) -> list[tuple[str, ...]]:
        query = f"SELECT {columns} FROM {table} WHERE CLZT = 0 ORDER BY rowid LIMIT ?"
        return self._connection.execute(query, (AT_ONCE,)).fetchall()

    def _make(self, request: tuple[str, ...], at: str | None) -> tuple[str, str | None]:
        name, sex, born, kind, paper, telephone, guardian, guardian_paper, guardian_telephone = request
        if not (name.strip() and kind.strip() and paper.strip()) or sex not in "129" or len(born) != 8:
            return MISSING, None
        kind = char(kind.strip()[:2], 2)
        known = self._connection.execute(
            "SELECT BRID, BRXM FROM GY_BRDA WHERE ZJLX = ? AND ZJHM = ?", (kind, paper)
        ).fetchone()
        if known is not None:
            return (DONE, known[0]) if known[1] == gb(name) else (OTHER_NAME, None)
        [(newest,)] = self._connection.execute("SELECT MAX(BRID) FROM GY_BRDA")
        record = f"DA{int(str(newest or 'DA0')[2:]) + 1:08d}"
        self._connection.execute(
            "INSERT INTO GY_BRDA VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, ?)",
            (
                record,
                gb(name),
                sex,
                born,
                kind,
                paper,
                telephone,
                gb(guardian) if guardian else None,
                guardian_paper,
                guardian_telephone,
                at or "",
            ),
        )
        return DONE, record
