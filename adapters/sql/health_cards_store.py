"""``clinic.health_card_store.HealthCardStore`` on SQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, select

from adapters.sql.driver import Duplicate, Row
from adapters.sql.instants import from_us, from_us_or_none, to_us, to_us_or_none
from adapters.sql.patient_tables import health_card, health_card_use, patient
from adapters.sql.statement import IN_PLACES, insert_or_update, insert_row, one_of, places
from adapters.sql.transaction import Transaction
from clinic.health_card_store import KeptCard
from clinic.patient import InHospital
from core.ids import PatientId
from core.sealing import Sealing

_TABLE = health_card.name
_C, _U = health_card.c, health_card_use.c
_FIELDS = (_C.patient, _C.issuer, _C.card, _C.main_index, _C.issued_us, _C.bound_us)
_OF = select(*_FIELDS).where(one_of(_C.patient))
_HOLDERS = select(_C.patient).where(_C.main_index_index == bindparam("of")).order_by(_C.patient)
_UNTIED = (
    select(_C.patient)
    .join(patient, patient.c.id == _C.patient)
    .where(
        _C.patient > bindparam("after"),
        _C.bound_us.is_(None),
        patient.c.in_hospital == InHospital.FOUND.value,
        patient.c.unbound_us.is_(None),
    )
    .order_by(_C.patient)
    .limit(bindparam("limit"))
)
_KEEP = insert_or_update(health_card)
_DROP = delete(health_card).where(_C.patient == bindparam("of"))
_USE = insert_row(health_card_use)
_FORGET = delete(health_card_use).where(_U.until_us <= bindparam("at"))


class SqlHealthCards:
    """The health cards inside one transaction."""

    def __init__(self, transaction: Transaction, sealing: Sealing) -> None:
        self._transaction = transaction
        self._sealing = sealing

    async def of(self, patients: Sequence[PatientId]) -> Mapping[PatientId, KeptCard]:
        rows: list[Row] = []
        for at in range(0, len(patients), IN_PLACES):
            chunk = patients[at : at + IN_PLACES]
            rows += await self._transaction.rows(_OF, **places(_C.patient, chunk))
        return {card.patient: card for card in map(self._card, rows)}

    async def keep(self, card: KeptCard) -> None:
        row = card.patient
        self._transaction.later(
            _KEEP,
            patient=row,
            issuer=card.issuer,
            card=self._sealing.seal(card.card, table=_TABLE, column="card", row=row),
            main_index=self._sealing.seal(card.main_index, table=_TABLE, column="main_index", row=row),
            main_index_index=self._blind(card.main_index),
            issued_us=to_us(card.issued_at),
            bound_us=to_us_or_none(card.bound_at),
        )

    async def holders(self, main_index: str) -> Sequence[PatientId]:
        rows = await self._transaction.rows(_HOLDERS, of=self._blind(main_index))
        return [PatientId(row[0]) for row in rows]

    async def join(self, same: Sequence[tuple[PatientId, PatientId]]) -> None:
        found = await self.of([name for pair in same for name in pair])
        for theirs, ours in same:
            card = found.get(theirs)
            if card is None:
                continue
            if ours not in found:
                await self.keep(
                    KeptCard(ours, card.issuer, card.card, card.main_index, card.issued_at, card.bound_at)
                )
            self._transaction.later(_DROP, of=theirs)

    def erase(self, patients: Sequence[PatientId]) -> None:
        self._transaction.later_each(_DROP, [(each,) for each in patients])

    async def untied(self, *, after: PatientId, limit: int) -> Sequence[PatientId]:
        rows = await self._transaction.rows(_UNTIED, after=after, limit=limit)
        return [PatientId(row[0]) for row in rows]

    async def use(self, code: bytes, *, until: datetime) -> bool:
        self._transaction.later(_USE, id=code, until_us=to_us(until))
        try:
            await self._transaction.send()
        except Duplicate:
            return False
        return True

    def forget_uses(self, *, at: datetime) -> None:
        self._transaction.later(_FORGET, at=to_us(at))

    def _blind(self, main_index: str) -> bytes:
        return self._sealing.blind(main_index, table=_TABLE, column="main_index_index")

    def _card(self, row: Row) -> KeptCard:
        patient, issuer, card, main_index, issued_us, bound_us = row
        return KeptCard(
            patient=PatientId(patient),
            issuer=issuer,
            card=self._sealing.open(card, table=_TABLE, column="card", row=patient),
            main_index=self._sealing.open(main_index, table=_TABLE, column="main_index", row=patient),
            issued_at=from_us(issued_us),
            bound_at=from_us_or_none(bound_us),
        )
