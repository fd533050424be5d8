"""One person's account: the ways in that were proved to be theirs, and how two accounts become one.

Pure. A person proves something (this openid, that phone) and is found by it, or gets an account. What proves
itself to belong to two accounts shows that they are one person's: they are merged. An identity belongs to at
most one account, and an account that is in use has at least one way in.

    LIVE ──merged──► MERGED (into another; nothing is left in it)
     └────closed───► CLOSED (nothing is left in it; whoever comes back gets a new account)
"""

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from accounts.providers import Identified
from core import limits
from core.ids import RandomBytes, UserId, new_id
from core.masking import mask_phone
from core.refusals import Kind, NotFound, Refusal


class IdentityKind(enum.StrEnum):
    """What proves who somebody is. Stored, and told where it is a way in."""

    WECHAT_H5 = "wechat_h5"
    WECHAT_MINI = "wechat_mini"
    WECHAT_UNION = "wechat_union"
    """The unionid: no way in by itself, but the same in every application of one open-platform account."""
    ALIPAY_MINI = "alipay_mini"
    SMS = "sms"
    """A telephone that received a code, or that WeChat vouches for."""


WAYS = frozenset(IdentityKind) - {IdentityKind.WECHAT_UNION}
_WECHAT = frozenset({IdentityKind.WECHAT_H5, IdentityKind.WECHAT_MINI})


class NoSuchIdentity(NotFound):
    """No such identity, or somebody else's."""

    code = "accounts.no_such_identity"


class LastWayIn(Refusal):
    """Without this identity nobody could sign in to the account any more; close it instead."""

    code = "accounts.last_way_in"
    kind = Kind.CONFLICT


class TooManyIdentities(Refusal):
    """The account has as many identities as it may."""

    code = "accounts.too_many_identities"
    kind = Kind.CONFLICT

    def __init__(self, *, limit: int) -> None:
        super().__init__(limit=limit)


@dataclass(frozen=True, slots=True)
class Proof:
    """What somebody has just proved to be. ``subject`` is personal: never in a log."""

    kind: IdentityKind
    app: str
    subject: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Identity:
    """A proof as an account keeps it."""

    id: str
    proof: Proof
    linked_at: datetime

    @property
    def masked(self) -> str:
        """Enough for its owner to know it again."""
        subject = self.proof.subject
        if self.proof.kind is IdentityKind.SMS:
            return mask_phone(subject)
        return f"****{subject[-4:]}" if len(subject) >= 12 else "****"


class Standing(enum.StrEnum):
    """Whether an account is in use."""

    LIVE = "live"
    MERGED = "merged"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class User:
    """One account."""

    id: UserId
    created_at: datetime
    identities: tuple[Identity, ...] = ()
    standing: Standing = Standing.LIVE
    merged_into: UserId | None = None
    ended_at: datetime | None = None

    @property
    def age(self) -> tuple[datetime, str]:
        """Of two accounts the older one stays."""
        return self.created_at, self.id

    @property
    def ways(self) -> tuple[Identity, ...]:
        """The identities with which somebody can sign in."""
        return tuple(one for one in self.identities if one.proof.kind in WAYS)

    def has(self, proof: Proof) -> bool:
        """Whether it was proved for this account."""
        return any(one.proof == proof for one in self.identities)


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of some accounts. ``user`` is the one that goes on; ``absorbed`` went into it."""

    before: tuple[User, ...]
    after: tuple[User, ...]
    user: UserId
    absorbed: tuple[UserId, ...] = ()
    is_new: bool = False


def proofs_of(identified: Identified) -> tuple[Proof, ...]:
    """What a provider's answer proves: the way itself first, then what it says besides."""
    proofs = [Proof(IdentityKind(identified.kind.value), identified.app, identified.subject)]
    if identified.union:
        proofs.append(Proof(IdentityKind.WECHAT_UNION, "", identified.union))
    if identified.phone:
        proofs.append(Proof(IdentityKind.SMS, "", identified.phone))
    return tuple(dict.fromkeys(proofs))


def signed_in(
    owners: Sequence[User], proofs: Sequence[Proof], *, at: datetime, random: RandomBytes
) -> Change:
    """Whose account it is: that of whom the proofs belong to, or a new one.

    ``owners`` are the live accounts that have any of the proofs. Where they are several they become one, the
    oldest. A phone that came along is weaker: numbers change hands. Where its account knows somebody else at
    the same provider, only the number moves; two strangers are never joined.
    """
    first, *others = proofs
    phone = next((one for one in others if one.kind is IdentityKind.SMS), None)
    strong = [one for one in proofs if one is not phone]
    same = sorted((user for user in owners if any(map(user.has, strong))), key=lambda one: one.age)
    of_phone = next((user for user in owners if phone is not None and user.has(phone)), None)
    moving = of_phone is not None and of_phone not in same and _knows_another(of_phone, first)
    if of_phone is not None and not moving and of_phone not in same:
        same = sorted([*same, of_phone], key=lambda one: one.age)
    if same:
        user, *absorbed = same
    else:
        user, absorbed = _new_user(at=at, random=random), []
    gone = [_absorbed(one, into=user.id, at=at) for one in absorbed]
    user = _with(user, absorbed)
    if moving and of_phone is not None and phone is not None:
        user, giver = _moved(user, of_phone, phone)
        gone.append(giver)
    user = _linked(user, proofs, at=at, random=random)
    return Change(
        before=tuple(owners),
        after=(user, *gone),
        user=user.id,
        absorbed=tuple(one.id for one in absorbed),
        is_new=not same,
    )


def linked(
    user: User, owners: Sequence[User], proofs: Sequence[Proof], *, at: datetime, random: RandomBytes
) -> Change:
    """The account with one more way in. Accounts that had it are merged into this one.

    Whoever could sign in to both may join them. Refuses with ``TooManyIdentities``.
    """
    absorbed = [one for one in owners if one.id != user.id]
    grown = _linked(_with(user, absorbed), proofs, at=at, random=random)
    if not absorbed and len(grown.identities) > max(limits.IDENTITIES_PER_USER, len(user.identities)):
        raise TooManyIdentities(limit=limits.IDENTITIES_PER_USER)
    gone = [_absorbed(one, into=user.id, at=at) for one in absorbed]
    return Change(
        before=(user, *absorbed),
        after=(grown, *gone),
        user=user.id,
        absorbed=tuple(one.id for one in absorbed),
    )


def unlinked(user: User, identity: str) -> Change:
    """The account without that identity. Refuses with ``NoSuchIdentity`` or ``LastWayIn``."""
    if identity not in {one.id for one in user.ways}:
        raise NoSuchIdentity()
    left = [one for one in user.identities if one.id != identity]
    if not any(one.proof.kind in _WECHAT for one in left):
        # Without an application of WeChat the unionid would only find what was taken away.
        left = [one for one in left if one.proof.kind is not IdentityKind.WECHAT_UNION]
    if not left:
        raise LastWayIn()
    return Change(before=(user,), after=(replace(user, identities=tuple(left)),), user=user.id)


def closed(user: User, *, at: datetime) -> Change:
    """The account without anything in it."""
    over = replace(user, identities=(), standing=Standing.CLOSED, ended_at=at)
    return Change(before=(user,), after=(over,), user=user.id)


def _knows_another(user: User, proof: Proof) -> bool:
    """Whether somebody else of the same application already is this account's."""
    return any(
        (one.proof.kind, one.proof.app) == (proof.kind, proof.app) and one.proof != proof
        for one in user.identities
    )


def _new_user(*, at: datetime, random: RandomBytes) -> User:
    return User(id=UserId(new_id(at=at, random=random)), created_at=at)


def _with(user: User, absorbed: Iterable[User]) -> User:
    """Every identity keeps its id: it only changes hands."""
    gained = [one for other in absorbed for one in other.identities]
    return replace(user, identities=(*user.identities, *gained))


def _absorbed(user: User, *, into: UserId, at: datetime) -> User:
    return replace(user, identities=(), standing=Standing.MERGED, merged_into=into, ended_at=at)


def _moved(taker: User, giver: User, proof: Proof) -> tuple[User, User]:
    moving = tuple(one for one in giver.identities if one.proof == proof)
    left = tuple(one for one in giver.identities if one.proof != proof)
    return replace(taker, identities=(*taker.identities, *moving)), replace(giver, identities=left)


def _linked(user: User, proofs: Iterable[Proof], *, at: datetime, random: RandomBytes) -> User:
    new = tuple(
        Identity(id=new_id(at=at, random=random), proof=proof, linked_at=at)
        for proof in proofs
        if not user.has(proof)
    )
    return replace(user, identities=(*user.identities, *new))
