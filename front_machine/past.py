"""Rows of the hospital's past days, sorted to lines and days. Pure.

A past day only teaches, so a row that cannot be used is left out and reported; its line keeps the others.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

from core import limits
from front_machine.contract import HisState, PastDay, PastTicket, RowTrouble
from front_machine.his import Rows
from front_machine.page import NOT_TEXT, TOO_MANY, TWICE
from front_machine.reading import BadField, Reader

OTHER_DAY = "not a day that was asked for"


def past_days(
    rows: Rows, reader: Reader, *, since: date, until: date
) -> tuple[Sequence[PastDay], Sequence[RowTrouble]]:
    """Every line and day of the answer within ``since <= day < until``, and what could not be used."""
    found: dict[tuple[str, date], dict[str, PastTicket]] = {}
    troubles: list[RowTrouble] = []
    for number, row in enumerate(rows.rows, start=1):
        line, notes = "", list[tuple[str, str]]()
        try:
            values: dict[str, Any] = reader.read(row, day=since, notes=notes)
            line, day = values.pop("line"), values.pop("day")
            if not since <= day < until:
                raise BadField("day", OTHER_DAY)
            ticket = _ticket(values)
            tickets = found.setdefault((line, day), {})
            if ticket.number in tickets:
                raise BadField("number", TWICE)
            if len(tickets) >= limits.QUEUE_TICKETS_PER_LINE:
                raise BadField("tickets", TOO_MANY)
        except BadField as error:
            notes = [(error.field, error.why)]
        else:
            tickets[ticket.number] = ticket
        troubles += (
            RowTrouble(line=line, row=number, field=field, why=why, spoils_line=False) for field, why in notes
        )
    days = [
        PastDay(line=line, day=day, tickets=tuple(tickets.values()))
        for (line, day), tickets in found.items()
        if tickets
    ]
    return days, troubles[: limits.HIS_TROUBLES]


def _ticket(values: dict[str, Any]) -> PastTicket:
    try:
        for text in (values["number"], values.get("room", "")):
            text.encode()
    except UnicodeEncodeError:
        raise BadField("number", NOT_TEXT) from None
    return PastTicket(state=HisState(values.pop("state")), **values)
