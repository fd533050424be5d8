"""``accounts.consent_store.ConsentStore`` on SQL."""

from collections.abc import Mapping, Sequence

from sqlalchemy import bindparam, func, insert, select

from accounts.consent import Entry, Kind
from adapters.sql.driver import Row
from adapters.sql.instants import from_us, to_us
from adapters.sql.patient_tables import consent
from adapters.sql.transaction import Transaction
from core.ids import SessionId, UserId

_C = consent.c
_FIELDS = (_C.kind, _C.version, _C.given, _C.at_us, _C.session)
_APPEND = insert(consent).values(
    {name: bindparam(name) for name in ("user", "kind", "version", "given", "at_us", "session")}
)
_NEWEST = select(func.max(_C.id)).where(_C.user == bindparam("of")).group_by(_C.kind)
_LATEST = select(*_FIELDS).where(_C.id.in_(_NEWEST))
_LEDGER = select(*_FIELDS).where(_C.user == bindparam("of")).order_by(_C.id)


class SqlConsents:
    """The ledger inside one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def append(self, user: UserId, entry: Entry) -> None:
        self._transaction.later(
            _APPEND,
            user=user,
            kind=entry.kind.value,
            version=entry.version,
            given=int(entry.is_given),
            at_us=to_us(entry.at),
            session=entry.session,
        )

    async def latest(self, user: UserId) -> Mapping[Kind, Entry]:
        rows = await self._transaction.rows(_LATEST, of=user)
        return {entry.kind: entry for entry in map(_entry, rows)}

    async def ledger(self, user: UserId) -> Sequence[Entry]:
        return [_entry(row) for row in await self._transaction.rows(_LEDGER, of=user)]

    async def adopt(self, kept: UserId, joining: UserId) -> None:
        ours, theirs = await self.latest(kept), await self.latest(joining)
        for kind, entry in theirs.items():
            if kind not in ours or ours[kind].at < entry.at:
                self.append(kept, entry)


def _entry(row: Row) -> Entry:
    kind, version, given, at_us, session = row
    return Entry(Kind(kind), version, bool(given), from_us(at_us), SessionId(session))
