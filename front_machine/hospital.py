"""The hospital as the contract shows it: asks the mapped questions, answers contract values.

Stateless: compiled readers and the last reading of the hospital's clock are all that stays between two calls.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from core.clock import Clock, business_day
from front_machine.contract import Department, Directory, Doctor, LineInfo, PastDay, RoomInfo, RowTrouble
from front_machine.converters import Unusable, decode, whole_number
from front_machine.his import HisBroken, HisLink, HisUnavailable, Question, Rows
from front_machine.mapping import MappingRefused, Table
from front_machine.page import NOT_TEXT, Page, grouped, with_counts
from front_machine.past import past_days
from front_machine.reading import BadField, Reader
from front_machine.settings import FrontMachineSettings

CLOCK_STANDS_STILL = "clock_stands_still"


@dataclass(frozen=True, slots=True)
class Moment:
    """The hospital's business day, and its own clock if the mapping knows one."""

    day: date
    now: datetime | None


@dataclass(frozen=True, slots=True)
class Reading:
    """The rows of one table that could be read, and those that could not."""

    values: Sequence[dict[str, Any]]
    troubles: Sequence[RowTrouble]


class Hospital:
    """Answers the canonical operations through one ``HisLink``. Raises ``HisTrouble``."""

    def __init__(
        self, link: HisLink, settings: FrontMachineSettings, *, clock: Clock, etag_key: bytes
    ) -> None:
        self._link = link
        self._settings = settings
        self._clock = clock
        self._etag_key = etag_key
        self._readers: dict[tuple[str, tuple[str, ...]], Reader] = {}
        self._seen: tuple[datetime, float] | None = None
        """What the hospital's clock showed last, and since when on ours."""

    async def ping(self) -> float:
        """Seconds the hospital's system took to answer its lightest question."""
        begun = self._clock.monotonic()
        light = [] if self._settings.clock else [self._line_question()]
        await self._ask(light)
        return self._clock.monotonic() - begun

    async def directory(self) -> tuple[Directory, tuple[RowTrouble, ...]]:
        """Everything public. A row that cannot be used is left out and reported."""
        readings = await self._read_tables(("departments", "doctors", "rooms", "lines"))
        departments, doctors, rooms, lines = (reading.values for reading in readings.values())
        directory = Directory(
            departments=tuple(Department(**values) for values in departments),
            doctors=tuple(Doctor(**values) for values in doctors),
            rooms=tuple(RoomInfo(**values) for values in rooms),
            lines=_merged(lines),
        )
        return directory, tuple(trouble for reading in readings.values() for trouble in reading.troubles)

    async def observe(self) -> Page:
        """Look at every line once. Rows stay unread; ``page.news`` reads those an asker needs."""
        as_of, begun = self._clock.now(), self._clock.monotonic()
        tables = self._settings.tables
        questions = [self._line_question(), Question("tables.tickets", tables.tickets.query)]
        if tables.tickets.count:
            questions.append(Question("tables.tickets.count", tables.tickets.count))
        moment, answers = await self._ask(questions)
        states, tickets = answers[0], answers[1]
        if states.cut or tickets.cut:
            raise HisBroken("too_many_rows")
        reader = self._reader("tables.tickets", "tickets", tables.tickets, tickets.columns)
        lines, troubles = grouped(
            states,
            tickets,
            line_reader=self._reader("tables.line_states", "line_states", tables.line_states, states.columns),
            ticket_reader=reader,
            day=moment.day,
            etag_key=self._etag_key,
        )
        if len(answers) > 2:
            lines = with_counts(lines, self._counts(answers[2]))
        return Page(
            as_of=as_of,
            begun=begun,
            his_now=moment.now,
            day=moment.day,
            lines=lines,
            troubles=tuple(troubles),
            tickets=reader,
        )

    async def past_days(
        self, *, since: date, until: date
    ) -> tuple[Sequence[PastDay], Sequence[RowTrouble]] | None:
        """What the hospital keeps of the days ``since <= day < until`` that are over; ``None``: it maps none.

        Such a read costs more than a look at the lines, so rows are converted beside the loop.
        """
        table = self._settings.tables.past_tickets
        if table is None:
            return None
        moment = await self._moment()
        span = {"since": since.strftime("%Y%m%d"), "until": until.strftime("%Y%m%d")}
        question = Question("tables.past_tickets", table.query, self._parameters(moment) | span)
        rows = (await self._link.ask([question]))[0]
        if rows.cut:
            raise HisBroken("too_many_rows")
        reader = self._reader("tables.past_tickets", "past_tickets", table, rows.columns)
        return await asyncio.to_thread(past_days, rows, reader, since=since, until=min(until, moment.day))

    async def check(self) -> tuple[str, ...]:
        """Ask every question once and read its answer.

        Answers a line of text for each table, without data. Raises ``MappingRefused`` for what an integrator
        must mend, ``HisUnavailable`` when the hospital does not answer at all.
        """
        told = []
        with _refusal_of("clock"):
            await self._moment()
        for name in self._settings.tables.__struct_fields__:
            if self._table(name) is None or name == "past_tickets":
                continue
            with _refusal_of(f"tables.{name}"):
                reading = (await self._read_tables((name,)))[name]
            told.append(f"tables.{name}: {len(reading.values)} rows, {len(reading.troubles)} troubles")
        with _refusal_of("tables.tickets.count"):
            today = (await self.observe()).day
        with _refusal_of("tables.past_tickets"):
            past = await self.past_days(since=today - timedelta(days=1), until=today)
        if past is not None:
            told.append(f"tables.past_tickets: {len(past[0])} lines yesterday, {len(past[1])} troubles")
        if self._settings.check_in is not None:
            with _refusal_of("check_in.settle"):
                await self.settled("check")
            told.append("check_in.settle: runs")
        return tuple(told)

    async def settled(self, key: str) -> dict[str, Any] | None:
        """The interface table's row of an idempotency key, read; ``None`` when there is none."""
        check_in = self._settings.check_in
        if check_in is None:
            raise HisBroken("no_check_in")
        answers = await self._link.ask([Question("check_in.settle", check_in.settle.query, {"key": key})])
        reader = self._reader("check_in.settle", "settle", check_in.settle, answers[0].columns)
        return self._only_row(answers[0], reader, "settle")

    async def write_check_in(self, *, key: str, visit: str, line: str) -> None:
        """Put the request into the interface table. Raises ``OutcomeUnknown`` when its end was not seen."""
        check_in = self._settings.check_in
        if check_in is None:
            raise HisBroken("no_check_in")
        written = {"key": key, "visit": visit, "line": line}
        own = Moment(business_day(self._clock.now()), None)
        await self._link.tell(
            Question("check_in.statement", check_in.statement, {**self._parameters(own), **written})
        )

    async def _ask(self, questions: Sequence[Question]) -> tuple[Moment, list[Rows]]:
        """Ask as of one day. A hospital's own clock is asked first, so that ``:day`` is its day."""
        moment = await self._moment()
        parameters = self._parameters(moment)
        if not questions:
            return moment, []
        return moment, await self._link.ask(
            [Question(question.key, question.query, parameters) for question in questions]
        )

    async def _moment(self) -> Moment:
        own = self._clock.now()
        clock = self._settings.clock
        if clock is None:
            return Moment(business_day(own), None)
        rows = (await self._link.ask([Question("clock", clock.query)]))[0]
        values = self._only_row(rows, self._reader("clock", "clock", clock, rows.columns), "clock")
        if values is None:
            raise HisBroken("clock_is_empty")
        now: datetime | None = values.get("now")
        if self._stands_still(now):
            raise HisUnavailable(CLOCK_STANDS_STILL)
        return Moment(values.get("day") or business_day(now or own), now)

    def _stands_still(self, now: datetime | None) -> bool:
        """Whether the hospital's clock has shown one time for too long: a database without its hospital."""
        longest = self._settings.his.clock_still_seconds
        here = self._clock.monotonic()
        if now is None or longest == 0 or self._seen is None or self._seen[0] != now:
            self._seen = None if now is None else (now, here)
            return False
        return here - self._seen[1] >= longest

    def _only_row(self, rows: Rows, reader: Reader, name: str) -> dict[str, Any] | None:
        if not rows.rows:
            return None
        try:
            return reader.read(rows.rows[0], day=business_day(self._clock.now()), notes=[])
        except BadField as error:
            raise HisBroken(f"{name}_{error.field}") from None

    def _parameters(self, moment: Moment) -> dict[str, object]:
        """What every query may use: ``:day`` as yyyyMMdd, ``:now`` as yyyyMMddHHmmss."""
        now = moment.now or self._clock.now()
        return {"day": moment.day.strftime("%Y%m%d"), "now": now.strftime("%Y%m%d%H%M%S")}

    def _table(self, name: str) -> Table | None:
        table: Table | None = getattr(self._settings.tables, name)
        return table

    def _line_question(self) -> Question:
        return Question("tables.line_states", self._settings.tables.line_states.query)

    async def _read_tables(self, names: Sequence[str]) -> dict[str, Reading]:
        """Every row of small tables, in the order asked; a table that is not mapped is empty."""
        tables = {name: table for name in names if (table := self._table(name)) is not None}
        moment, answers = await self._ask(
            [Question(f"tables.{name}", table.query) for name, table in tables.items()]
        )
        read = {
            name: self._read(name, table, rows, moment.day)
            for (name, table), rows in zip(tables.items(), answers, strict=True)
        }
        return {name: read.get(name, Reading((), ())) for name in names}

    def _read(self, name: str, table: Table, rows: Rows, day: date) -> Reading:
        reader = self._reader(f"tables.{name}", name, table, rows.columns)
        values: list[dict[str, Any]] = []
        troubles: list[RowTrouble] = []
        for number, row in enumerate(rows.rows, start=1):
            notes: list[tuple[str, str]] = []
            try:
                found = reader.read(row, day=day, notes=notes)
                _refuse_what_cannot_be_sent(found)
                values.append(found)
            except BadField as error:
                troubles.append(RowTrouble(line=name, row=number, field=error.field, why=error.why))
            troubles.extend(
                RowTrouble(line=name, row=number, field=field, why=why, spoils_line=False)
                for field, why in notes
            )
        return Reading(values, troubles)

    def _counts(self, rows: Rows) -> dict[str, int]:
        """The hospital's own count of ticket rows by line."""
        encoding = self._settings.his.encoding
        counts: dict[str, int] = {}
        for row in rows.rows:
            try:
                line = decode(row[0], encoding=encoding)
                counts[line or ""] = whole_number(str(row[1]))
            except (Unusable, IndexError):
                raise HisBroken("count_is_unusable") from None
        return counts

    def _reader(self, key: str, name: str, table: Table, columns: tuple[str, ...]) -> Reader:
        """The compiled reader. Raises ``MappingRefused`` when a mapped column is not in the answer."""
        reader = self._readers.get((key, columns))
        if reader is None:
            reader = Reader(key, name, table, columns, encoding=self._settings.his.encoding)
            self._readers[key, columns] = reader
        return reader


def _refuse_what_cannot_be_sent(values: Mapping[str, object]) -> None:
    try:
        msgspec.json.encode(values)
    except ValueError:
        raise BadField("row", NOT_TEXT) from None


@contextmanager
def _refusal_of(key: str) -> Iterator[None]:
    """At the start a question that the hospital refuses is a fault of the mapping."""
    try:
        yield
    except HisBroken as error:
        raise MappingRefused(key, f"the hospital refuses the question: {error}") from error


def _merged(lines: Sequence[Mapping[str, Any]]) -> tuple[LineInfo, ...]:
    """Lines by code. A line that comes in several rows has the rooms of all of them."""
    merged: dict[str, dict[str, Any]] = {}
    for values in lines:
        seen = merged.setdefault(values["code"], {**values, "rooms": ()})
        seen["rooms"] = tuple(dict.fromkeys((*seen["rooms"], *values.get("rooms", ()))))
    return tuple(LineInfo(**values) for values in merged.values())
