"""Answers the integrator's check-in requests (JK_QDSQ), once each."""

import sqlite3
from datetime import date

from demo.codes import char, day_code, seconds_of, stamp_of, words_of
from demo.day import Answer, Day

AT_ONCE = 200
"""Most requests answered in one transaction; the next look takes the rest."""

_LONGEST_NUMBER = 64


class Desk:
    """Takes pending requests of one day and settles them.

    A decision changes the day at once, but its row only with the transaction. Should that fail, the decision
    is remembered and written next time instead of being taken twice.
    """

    def __init__(self, connection: sqlite3.Connection, day: Day) -> None:
        self._connection = connection
        self._day = day
        self._decided: dict[str, tuple[Answer, str | None, int]] = {}
        self.answered = 0

    def answer_pending(self, second: int) -> None:
        """Settle what waits, in the caller's transaction, at a second of the hospital's day."""
        pending = self._connection.execute(
            "SELECT SQXH, GHXH, DLDM FROM JK_QDSQ WHERE CLZT = 0 ORDER BY rowid LIMIT ?", (AT_ONCE,)
        ).fetchall()
        for number, visit, line in pending:
            if number not in self._decided:
                self._decided[number] = self._decide(number, visit, line, second)
            answer, ticket, decided_at = self._decided[number]
            self._connection.execute(
                "UPDATE JK_QDSQ SET CLZT = ?, JGDM = ?, JGMS = ?, HZXH = ?, CLSJ = ? WHERE SQXH = ?",
                (
                    1 if answer is Answer.DONE else 2,
                    answer.value,
                    words_of(answer.value),
                    None if ticket is None else char(ticket, 8),
                    stamp_of(self._day.date, decided_at),
                    number,
                ),
            )

    def kept(self) -> None:
        """The transaction is committed."""
        self.answered += len(self._decided)
        self._decided.clear()

    def _decide(
        self, number: object, visit: object, line: object, second: int
    ) -> tuple[Answer, str | None, int]:
        if not (isinstance(number, str) and isinstance(visit, str) and isinstance(line, str)):
            return Answer.MALFORMED, None, second
        if not number.strip() or len(number) > _LONGEST_NUMBER or not visit.strip():
            return Answer.MALFORMED, None, second
        answer, ticket = self._day.check_in(visit.strip(), line.strip())
        return answer, None if ticket is None else ticket.number, second


def accepted_on(connection: sqlite3.Connection, day: date) -> list[tuple[int, str, str]]:
    """The requests that were done on a day, as (second, visit, line), in the order they were answered."""
    found = connection.execute(
        "SELECT CLSJ, GHXH, DLDM FROM JK_QDSQ WHERE CLZT = 1 AND CLSJ LIKE ? ORDER BY CLSJ, rowid",
        (day_code(day) + "%",),
    )
    return [(seconds_of(stamp), visit.strip(), line.strip()) for stamp, visit, line in found]


def replay(connection: sqlite3.Connection, day: Day, until: int) -> None:
    """Play a day again up to a second, with the requests that were accepted then."""
    for second, visit, line in accepted_on(connection, day.date):
        if second <= until:
            day.advance(second)
            day.check_in(visit, line)
    day.advance(until)
