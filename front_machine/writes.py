"""A write to the hospital through an interface table: told once for its key, then asked about."""

import asyncio
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from core.clock import Clock, business_day
from front_machine.his import HisBroken, HisLink, HisTrouble, Question
from front_machine.mapping import MappingRefused, Table, WriteMapping
from front_machine.reading import BadField, Reader

SETTLE_POLL_SECONDS = 0.1
KEY = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


class Write:
    """One kind of write of the mapping. ``where`` is its TOML key, ``name`` its entry in ``TARGETS``."""

    def __init__(
        self, link: HisLink, mapping: WriteMapping, *, where: str, name: str, clock: Clock, encoding: str
    ) -> None:
        self._link = link
        self._mapping = mapping
        self._where = where
        self._name = name
        self._clock = clock
        self._encoding = encoding

    async def found(self, key: str) -> dict[str, Any] | None:
        """The interface table's row of the key, read; ``None`` when there is none. Raises ``HisTrouble``."""
        return await only_row(
            self._link,
            self._mapping.settle,
            where=f"{self._where}.settle",
            name=self._name,
            parameters={"key": key},
            today=business_day(self._clock.now()),
            encoding=self._encoding,
        )

    async def tell(self, key: str, values: Mapping[str, object]) -> None:
        """Put the request into the interface table. Raises ``OutcomeUnknown`` when its end was not seen."""
        now = self._clock.now()
        times = {"day": business_day(now).strftime("%Y%m%d"), "now": now.strftime("%Y%m%d%H%M%S")}
        question = Question(
            f"{self._where}.statement", self._mapping.statement, {**times, **values, "key": key}
        )
        await self._link.tell(question)

    async def decided(self, key: str) -> dict[str, Any]:
        """Wait a little for the hospital to decide. Once told, its own answer or "pending" is left."""
        deadline = self._clock.monotonic() + self._mapping.settle_seconds
        pending: dict[str, Any] = {"outcome": "pending"}
        while True:
            try:
                found = await self.found(key) or pending
            except (HisTrouble, MappingRefused) as error:
                return pending | {"his_code": getattr(error, "his_code", "mapping")}
            if found["outcome"] != "pending" or self._clock.monotonic() >= deadline:
                return found
            await asyncio.sleep(SETTLE_POLL_SECONDS)


async def only_row(
    link: HisLink,
    table: Table,
    *,
    where: str,
    name: str,
    parameters: Mapping[str, object],
    today: date,
    encoding: str,
) -> dict[str, Any] | None:
    """The one row of an answer, read; ``None``: none. Raises ``HisTrouble``, ``MappingRefused``."""
    rows = (await link.ask([Question(where, table.query, parameters)]))[0]
    reader = Reader(where, name, table, rows.columns, encoding=encoding)
    if not rows.rows:
        return None
    if len(rows.rows) > 1:
        raise SeveralRows("several_rows")
    try:
        return reader.read(rows.rows[0], day=today, notes=[])
    except BadField as error:
        raise HisBroken(f"{name}_{error.field}") from None


class SeveralRows(HisBroken):
    """There is more than one row where there may be one."""
