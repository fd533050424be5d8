"""``accounts.store.UserStore`` on SQL. What an identity says is sealed; it is found by its blind index."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, select, update

from accounts.store import IdentityTaken
from accounts.user import Change, Identity, IdentityKind, Proof, Standing, User
from adapters.sql.accounts_tables import identity, user
from adapters.sql.driver import Duplicate, Row
from adapters.sql.instants import from_us, from_us_or_none, to_us, to_us_or_none
from adapters.sql.statement import insert_row
from adapters.sql.transaction import Transaction
from core.ids import UserId
from core.sealing import Sealing

_U, _I = user.c, identity.c
_OWNER = select(_I.user).where(
    _I.kind == bindparam("of_kind"), _I.app == bindparam("of_app"), _I.subject_blind == bindparam("blind")
)
_ONE = select(user).where(_U.id == bindparam("of_id"))
_LOCKED = _ONE.with_for_update()
_IDENTITIES = (
    select(_I.id, _I.kind, _I.app, _I.subject, _I.linked_us)
    .where(_I.user == bindparam("of_user"))
    .order_by(_I.linked_us, _I.id)
)
_ABSORBED = select(_U.id).where(_U.merged_into == bindparam("of_user")).order_by(_U.id)
_ADD_USER = insert_row(user)
_KEEP_USER = (
    update(user)
    .where(_U.id == bindparam("of_id"))
    .values({name: bindparam(name) for name in ("standing", "merged_into", "ended_us")})
)
_ADD_IDENTITY = insert_row(identity)
_MOVE_IDENTITY = update(identity).where(_I.id == bindparam("of_id")).values(user=bindparam("to_user"))
_DROP_IDENTITY = delete(identity).where(_I.id == bindparam("of_id"))


class SqlUserAccounts:
    """The accounts inside one transaction. ``writes``: what is read may be changed, so it is locked."""

    def __init__(self, transaction: Transaction, sealing: Sealing, *, writes: bool) -> None:
        self._transaction = transaction
        self._sealing = sealing
        self._one = _LOCKED if writes else _ONE

    async def owners(self, proofs: Sequence[Proof], *, besides: UserId | None = None) -> Sequence[User]:
        found = await self._owners(proofs)
        # Ascending: the order in which rows of users are locked, everywhere.
        wanted = sorted({*found, *([] if besides is None else [besides])})
        users = [await self.find(name) for name in wanted]
        if await self._owners(proofs) != found:
            # It changed hands before the rows were locked.
            raise IdentityTaken
        return [one for one in users if one is not None]

    async def find(self, user: UserId) -> User | None:
        row = await self._transaction.row(self._one, of_id=user)
        if row is None:
            return None
        identities = await self._transaction.rows(_IDENTITIES, of_user=user)
        return _user(row, [self._identity(one) for one in identities])

    async def absorbed(self, user: UserId) -> Sequence[UserId]:
        found = [user]
        for name in found:
            rows = await self._transaction.rows(_ABSORBED, of_user=name)
            found += [UserId(row[0]) for row in rows]
        return found[1:]

    async def keep(self, change: Change) -> None:
        known = {one.id for one in change.before}
        was = {one.id: owner.id for owner in change.before for one in owner.identities}
        stays = {one.id for owner in change.after for one in owner.identities}
        for name in sorted(was.keys() - stays):
            self._transaction.later(_DROP_IDENTITY, of_id=name)
        for owner in change.after:
            self._transaction.later(_KEEP_USER if owner.id in known else _ADD_USER, **_row(owner))
            for one in owner.identities:
                if one.id not in was:
                    self._transaction.later(_ADD_IDENTITY, **self._identity_row(one, owner.id))
                elif was[one.id] != owner.id:
                    self._transaction.later(_MOVE_IDENTITY, of_id=one.id, to_user=owner.id)
        try:
            await self._transaction.send()
        except Duplicate:
            raise IdentityTaken from None

    async def _owners(self, proofs: Iterable[Proof]) -> list[UserId]:
        found = set()
        for proof in proofs:
            row = await self._transaction.row(
                _OWNER, of_kind=proof.kind.value, of_app=proof.app, blind=self._blind(proof)
            )
            if row is not None:
                found.add(UserId(row[0]))
        return sorted(found)

    def _blind(self, proof: Proof) -> bytes:
        return self._sealing.blind(proof.subject, table="identity", column="subject_blind")

    def _identity(self, row: Row) -> Identity:
        name, kind, app, subject, linked = row
        plain = self._sealing.open(bytes(subject), table="identity", column="subject", row=name)
        return Identity(name, Proof(IdentityKind(kind), app, plain), from_us(linked))

    def _identity_row(self, one: Identity, owner: UserId) -> dict[str, Any]:
        proof = one.proof
        return {
            "id": one.id,
            "user": owner,
            "kind": proof.kind.value,
            "app": proof.app,
            "subject": self._sealing.seal(proof.subject, table="identity", column="subject", row=one.id),
            "subject_blind": self._blind(proof),
            "linked_us": to_us(one.linked_at),
        }


def _row(one: User) -> dict[str, Any]:
    return {
        "of_id": one.id,
        "id": one.id,
        "standing": one.standing.value,
        "merged_into": one.merged_into,
        "created_us": to_us(one.created_at),
        "ended_us": to_us_or_none(one.ended_at),
    }


def _user(row: Row, identities: Iterable[Identity]) -> User:
    name, standing, merged_into, created, ended = row
    return User(
        id=UserId(name),
        created_at=from_us(created),
        identities=tuple(identities),
        standing=Standing(standing),
        merged_into=None if merged_into is None else UserId(merged_into),
        ended_at=from_us_or_none(ended),
    )
