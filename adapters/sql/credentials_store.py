"""``accounts.staff_store.CredentialStore`` on SQL. The secret of the second factor is sealed."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import bindparam, delete, func, select

from accounts.credentials import Credentials, Link
from adapters.sql.instants import from_us, from_us_or_none, to_us, to_us_or_none
from adapters.sql.staff_tables import staff_credential, staff_link, staff_recovery
from adapters.sql.statement import insert_or_update, insert_row
from adapters.sql.transaction import Transaction
from core.ids import StaffId
from core.sealing import Sealing

_C = staff_credential.c
_KEEP = insert_or_update(staff_credential)
_ONE = select(staff_credential).where(_C.number == bindparam("number"))
_ONE_LOCKED = _ONE.with_for_update()
_DROP = delete(staff_credential).where(_C.number == bindparam("of_number"))

_R = staff_recovery.c
_RECOVERY = insert_row(staff_recovery)
_NO_RECOVERY = delete(staff_recovery).where(_R.number == bindparam("of_number"))
_USE = delete(staff_recovery).where(_R.number == bindparam("of_number"), _R.digest == bindparam("used"))
_LEFT = select(func.count()).select_from(staff_recovery).where(_R.number == bindparam("number"))

_L = staff_link.c
_OFFER = insert_row(staff_link)
_LINK = select(staff_link).where(_L.digest == bindparam("digest"))
_LINK_LOCKED = _LINK.with_for_update()
_SET_UP = select(func.max(_L.expires_us)).where(_L.number == "")
_WITHDRAW = delete(staff_link).where(_L.number == bindparam("of_number"))
_FORGET = delete(staff_link).where(_L.expires_us < bindparam("before"))


class SqlCredentials:
    """The credentials inside one transaction. ``writes``: what is read may be changed, so it is locked."""

    def __init__(self, transaction: Transaction, sealing: Sealing, *, writes: bool) -> None:
        self._transaction = transaction
        self._sealing = sealing
        self._one = _ONE_LOCKED if writes else _ONE
        self._link = _LINK_LOCKED if writes else _LINK

    async def find(self, number: StaffId) -> Credentials | None:
        row = await self._transaction.row(self._one, number=number)
        if row is None:
            return None
        _, password, earlier, set_us, secret, enrolled, step, answered = row
        return Credentials(
            password=password,
            earlier=tuple(msgspec.json.decode(earlier, type=list[str])),
            set_at=from_us(set_us),
            secret=None if secret is None else self._opened(number, bytes(secret)),
            enrolled_at=from_us_or_none(enrolled),
            used_step=step,
            answered_at=from_us_or_none(answered),
        )

    def keep(self, number: StaffId, credentials: Credentials) -> None:
        secret = credentials.secret
        self._transaction.later(
            _KEEP,
            number=number,
            password=credentials.password,
            earlier=msgspec.json.encode(credentials.earlier).decode(),
            set_us=to_us(credentials.set_at),
            secret=None if secret is None else self._sealed(number, secret),
            enrolled_us=to_us_or_none(credentials.enrolled_at),
            used_step=credentials.used_step,
            answered_us=to_us_or_none(credentials.answered_at),
        )

    def drop(self, number: StaffId) -> None:
        self._transaction.later(_DROP, of_number=number)
        self._transaction.later(_NO_RECOVERY, of_number=number)

    def renew_recovery(self, number: StaffId, digests: Sequence[bytes]) -> None:
        self._transaction.later(_NO_RECOVERY, of_number=number)
        self._transaction.later_each(_RECOVERY, [(number, digest) for digest in digests])

    async def use_recovery(self, number: StaffId, digest: bytes) -> bool:
        return await self._transaction.run(_USE, of_number=number, used=digest) == 1

    async def recovery_left(self, number: StaffId) -> int:
        return int((await self._transaction.rows(_LEFT, number=number))[0][0])

    def offer(self, link: Link) -> None:
        self.withdraw(link.number)
        self._transaction.later(
            _OFFER,
            digest=link.digest,
            number=link.number or "",
            made_us=to_us(link.made_at),
            expires_us=to_us(link.expires_at),
        )

    async def link(self, digest: bytes) -> Link | None:
        row = await self._transaction.row(self._link, digest=digest)
        if row is None:
            return None
        kept, number, made, expires = row
        return Link(bytes(kept), StaffId(number) if number else None, from_us(made), from_us(expires))

    def forget_links(self, *, before: datetime) -> None:
        self._transaction.later(_FORGET, before=to_us(before))

    async def set_up_until(self) -> datetime | None:
        return from_us_or_none((await self._transaction.rows(_SET_UP))[0][0])

    def withdraw(self, number: StaffId | None) -> None:
        self._transaction.later(_WITHDRAW, of_number=number or "")

    def _sealed(self, number: str, secret: str) -> bytes:
        return self._sealing.seal(secret, table="staff_credential", column="secret", row=number)

    def _opened(self, number: str, sealed: bytes) -> str:
        return self._sealing.open(sealed, table="staff_credential", column="secret", row=number)
