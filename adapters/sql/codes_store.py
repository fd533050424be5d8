"""``accounts.store.CodeStore`` on SQL. Phones are found by blind index, codes are kept as keyed hashes."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.dialects import mysql, sqlite

from accounts.store import CodeUsedBefore, SentCode
from adapters.sql.accounts_tables import sms_code, sms_sending, used_state
from adapters.sql.driver import Duplicate
from adapters.sql.instants import from_us, to_us
from adapters.sql.statement import ByDatabase, insert_row
from adapters.sql.transaction import Transaction
from core import limits
from core.sealing import Sealing

_C, _S = sms_code.c, sms_sending.c
_CHANGING = ("code", "sent_us", "tries", "day", "sends")
_SENT = (
    select(_C.code, _C.sent_us, _C.tries, _C.day, _C.sends)
    .where(_C.phone_blind == bindparam("of_phone"))
    .with_for_update()
)
_ADD = insert_row(sms_code)
_KEEP = (
    update(sms_code)
    .where(_C.phone_blind == bindparam("of_phone"))
    .values({name: bindparam(name) for name in _CHANGING})
)
_FORGET = delete(sms_code).where(_C.sent_us < bindparam("before"))
_COUNTED = select(_S.sends).where(_S.address == bindparam("of_address"), _S.hour == bindparam("of_hour"))
_FORGET_SENDINGS = delete(sms_sending).where(_S.hour < bindparam("before_hour"))
_USE = insert_row(used_state)
_FORGET_STATES = delete(used_state).where(used_state.c.until_us <= bindparam("at"))


def _count() -> ByDatabase:
    row: dict[str, Any] = {column.name: bindparam(column.name) for column in sms_sending.columns}
    for_sqlite = sqlite.insert(sms_sending).values(row)
    for_mysql = mysql.insert(sms_sending).values(row)
    return ByDatabase(
        sqlite=for_sqlite.on_conflict_do_update(
            index_elements=["address", "hour"], set_={"sends": _S.sends + 1}
        ),
        mysql=for_mysql.on_duplicate_key_update({"sends": _S.sends + 1}),
    )


_COUNT = _count()


class SqlCodes:
    """Codes and states inside one transaction."""

    def __init__(self, transaction: Transaction, sealing: Sealing) -> None:
        self._transaction = transaction
        self._sealing = sealing

    async def sent(self, phone: str) -> SentCode | None:
        row = await self._transaction.row(_SENT, of_phone=self._blind(phone))
        if row is None:
            return None
        code, sent, tries, day, sends = row
        return SentCode(phone, b"" if code is None else bytes(code), from_us(sent), tries, day, sends)

    async def add(self, code: SentCode) -> None:
        self._transaction.later(_ADD, phone_blind=self._blind(code.phone), **_row(code))
        try:
            await self._transaction.send()
        except Duplicate:
            raise CodeUsedBefore from None

    def keep(self, code: SentCode) -> None:
        self._transaction.later(_KEEP, of_phone=self._blind(code.phone), **_row(code))

    async def count_sending(self, address: str, *, hour: str) -> int:
        self._transaction.later(_COUNT, address=address, hour=hour, sends=1)
        row = await self._transaction.row(_COUNTED, of_address=address, of_hour=hour)
        assert row is not None
        return int(row[0])

    def hashed(self, phone: str, code: str) -> bytes:
        return self._sealing.blind(f"{phone}|{code}", table="sms_code", column="code")

    async def use_state(self, state: str, *, until: datetime) -> None:
        self._transaction.later(_USE, id=state, until_us=to_us(until))
        try:
            await self._transaction.send()
        except Duplicate:
            raise CodeUsedBefore from None

    def forget(self, *, at: datetime) -> None:
        day_ago = at - timedelta(days=limits.SMS_REMEMBERED_DAYS)
        self._transaction.later(_FORGET, before=to_us(day_ago))
        self._transaction.later(_FORGET_SENDINGS, before_hour=day_ago.isoformat()[:13])
        self._transaction.later(_FORGET_STATES, at=to_us(at))

    def _blind(self, phone: str) -> bytes:
        return self._sealing.blind(phone, table="sms_code", column="phone_blind")


def _row(code: SentCode) -> dict[str, Any]:
    return {
        "code": code.code or None,
        "sent_us": to_us(code.sent_at),
        "tries": code.tries,
        "day": code.day,
        "sends": code.sends,
    }
