"""``accounts.staff_store.StaffStore`` and ``TryStore`` on SQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.dialects import mysql, sqlite

from accounts.lockout import Tries
from accounts.staff import Administrators, NumberIsTaken, StaffAccount, StaffState
from adapters.sql.driver import Duplicate, Row
from adapters.sql.instants import from_us, from_us_or_none, to_us, to_us_or_none
from adapters.sql.staff_tables import staff, staff_try
from adapters.sql.statement import ByDatabase, insert_row, one_of, places
from adapters.sql.transaction import Transaction
from core.actor import ADMINS, Role
from core.ids import LineId, StaffId
from core.sealing import Sealing

_C = staff.c
_ADD = insert_row(staff)
_CHANGING = ("role", "lines", "state", "granted", "changed_us", "signed_in_us")
_KEEP = (
    update(staff)
    .where(_C.number == bindparam("of_number"))
    .values({name: bindparam(name) for name in _CHANGING})
)
_ONE = select(staff).where(_C.number == bindparam("number"))
_OF_ROLES = select(staff).where(one_of(_C.role), _C.state != StaffState.CLOSED.value).order_by(_C.number)
_ALL = select(staff).where(_C.number > bindparam("after")).order_by(_C.number).limit(bindparam("limit"))
_LOCKED = {statement: statement.with_for_update() for statement in (_ONE, _OF_ROLES)}
_ADMINISTRATORS = places(_C.role, sorted(ADMINS))


class SqlStaff:
    """The accounts inside one transaction. ``writes``: what is read may be changed, so it is locked."""

    def __init__(self, transaction: Transaction, sealing: Sealing, *, writes: bool) -> None:
        self._transaction = transaction
        self._sealing = sealing
        self._one = _LOCKED[_ONE] if writes else _ONE
        self._of_roles = _LOCKED[_OF_ROLES] if writes else _OF_ROLES

    async def find(self, number: StaffId) -> StaffAccount | None:
        row = await self._transaction.row(self._one, number=number)
        return None if row is None else self._account(row)

    async def administrators(self) -> Administrators:
        rows = await self._transaction.rows(self._of_roles, **_ADMINISTRATORS)
        return Administrators(tuple(self._account(row) for row in rows))

    async def all(self, *, after: StaffId | None, limit: int) -> Sequence[StaffAccount]:
        rows = await self._transaction.rows(_ALL, after=after or "", limit=limit)
        return [self._account(row) for row in rows]

    async def add(self, account: StaffAccount) -> None:
        name = self._sealing.seal(account.name, table="staff", column="name", row=account.number)
        row = _changing(account) | {"number": account.number, "name": name}
        try:
            await self._transaction.run(_ADD, **row, created_us=to_us(account.created_at))
        except Duplicate:
            raise NumberIsTaken() from None

    def keep(self, account: StaffAccount) -> None:
        self._transaction.later(_KEEP, of_number=account.number, **_changing(account))

    def _account(self, row: Row) -> StaffAccount:
        number, name, role, lines, state, granted, created, changed, signed_in = row
        return StaffAccount(
            number=StaffId(number),
            name=self._sealing.open(bytes(name), table="staff", column="name", row=number),
            role=Role(role),
            lines=frozenset(map(LineId, msgspec.json.decode(lines, type=list[str]))),
            state=StaffState(state),
            granted=bool(granted),
            created_at=from_us(created),
            changed_at=from_us(changed),
            signed_in_at=from_us_or_none(signed_in),
        )


def _changing(account: StaffAccount) -> dict[str, Any]:
    return {
        "role": account.role.value,
        "lines": msgspec.json.encode(sorted(account.lines)).decode(),
        "state": account.state.value,
        "granted": int(account.granted),
        "changed_us": to_us(account.changed_at),
        "signed_in_us": to_us_or_none(account.signed_in_at),
    }


_T = staff_try.c
_NONE: dict[str, Any] = {
    "key": bindparam("key"),
    "failed": 0,
    "last_us": bindparam("last_us"),
}
_BEGIN = ByDatabase(
    sqlite=sqlite.insert(staff_try).values(_NONE).on_conflict_do_nothing(),
    mysql=mysql.insert(staff_try).values(_NONE).on_duplicate_key_update(key=_T.key),
)
_TRIES = select(_T.failed, _T.last_us, _T.locked_until_us).where(_T.key == bindparam("key")).with_for_update()
_COUNT = (
    update(staff_try)
    .where(_T.key == bindparam("of_key"))
    .values(
        failed=bindparam("failed"), last_us=bindparam("last_us"), locked_until_us=bindparam("locked_until_us")
    )
)
_FORGIVE = delete(staff_try).where(_T.key == bindparam("of_key"))
_FORGET = delete(staff_try).where(_T.last_us < bindparam("before"))


class SqlTries:
    """Wrong tries inside one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def take(self, keys: Sequence[bytes], *, at: datetime) -> Mapping[bytes, Tries | None]:
        found: dict[bytes, Tries | None] = {}
        # In one order, and rows that are not there yet are made first: nothing else locks them.
        for key in sorted(set(keys)):
            self._transaction.later(_BEGIN, key=key, last_us=to_us(at))
            row = await self._transaction.row(_TRIES, key=key)
            assert row is not None
            failed, last, locked = row
            found[key] = Tries(failed, from_us(last), from_us_or_none(locked)) if failed else None
        return found

    def keep(self, key: bytes, tries: Tries | None) -> None:
        if tries is None:
            self._transaction.later(_FORGIVE, of_key=key)
            return
        self._transaction.later(
            _COUNT,
            of_key=key,
            failed=tries.failed,
            last_us=to_us(tries.last_at),
            locked_until_us=to_us_or_none(tries.locked_until),
        )

    def forget(self, *, before: datetime) -> None:
        self._transaction.later(_FORGET, before=to_us(before))
