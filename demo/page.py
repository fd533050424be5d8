"""One day in the file: the day itself, the writer that follows it and the desk that answers requests."""

import sqlite3

from demo.day import LAST_SECOND, Day
from demo.records import Records
from demo.requests import Desk, replay
from demo.writer import Writer


class Page:
    """The business day the file shows. Its methods that write expect the caller's open transaction."""

    def __init__(self, connection: sqlite3.Connection, day: Day) -> None:
        self.day = day
        self._connection = connection
        self.writer = Writer(connection, day)
        self._desk = Desk(connection, day)
        self._records = Records(connection, day.date)

    @property
    def answered(self) -> int:
        """How many check-in requests were settled."""
        return self._desk.answered

    def begin(self, second: int) -> None:
        """Turn the file to this day and play it up to a second, with the requests it already had."""
        replay(self._connection, self.day, min(second, LAST_SECOND))
        self.writer.begin()
        self._records.begin()
        self.advance(second)

    def advance(self, second: int) -> None:
        """Play up to a second, answer what is asked, write what changed."""
        self.day.advance(min(second, LAST_SECOND))
        self._desk.answer_pending(second)
        self._records.answer_pending(second)
        self.writer.follow(second)

    def kept(self) -> None:
        """The transaction is committed."""
        self.writer.kept()
        self._desk.kept()
