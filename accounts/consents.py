"""Use cases of consents: read, give, take back."""

from collections.abc import Callable, Mapping
from datetime import datetime

from accounts import consent as rules
from accounts.consent import Entry, Kind
from accounts.consent_store import Units
from accounts.consent_texts import ConsentTexts
from accounts.consent_wire import ConsentList, ConsentQuery, ConsentRow, ConsentStanding
from core.actor import Actor
from core.clock import Clock
from core.ids import SessionId, UserId
from core.refusals import NotFound

Decide = Callable[[Mapping[Kind, Entry]], Entry | None]


class ConsentService:
    """The ledger as its owner uses it."""

    def __init__(self, *, units: Units, texts: ConsentTexts, clock: Clock) -> None:
        self._units = units
        self._texts = texts
        self._in_force = texts.in_force
        self._clock = clock

    async def all(self, actor: Actor, query: ConsentQuery) -> ConsentList:
        """Every text in force, and what the account agreed to."""
        async with self._units.read() as unit:
            latest = await unit.consents.latest(UserId(actor.id))
        return ConsentList(consents=[self._row(kind, latest.get(kind), query.lang) for kind in Kind])

    async def give(self, actor: Actor, kind: str, version: str) -> ConsentStanding:
        """Agree to the text in force. Refuses with ``OtherVersion`` when another one was read."""
        found = _kind(kind)

        def decide(latest: Mapping[Kind, Entry]) -> Entry | None:
            at, session = self._clock.now(), SessionId(actor.session)
            entry = Entry(found, version, is_given=True, at=at, session=session)
            return rules.give(latest, entry, in_force=self._in_force[found])

        return await self._change(actor, found, decide)

    async def withdraw(self, actor: Actor, kind: str) -> ConsentStanding:
        """Take a consent back, at once; nothing happens where none is given."""
        found = _kind(kind)
        at, session = self._clock.now(), SessionId(actor.session)
        return await self._change(
            actor, found, lambda latest: rules.withdraw(latest, found, at=at, session=session)
        )

    async def _change(self, actor: Actor, kind: Kind, decide: Decide) -> ConsentStanding:
        user = UserId(actor.id)
        async with self._units.begin() as unit:
            latest = dict(await unit.consents.latest(user))
            entry = decide(latest)
            if entry is not None:
                unit.consents.append(user, entry)
                await unit.commit()
                latest[kind] = entry
        version, at = _given(latest.get(kind))
        return ConsentStanding(
            kind=kind.value, version=self._in_force[kind], given_version=version, given_at=at
        )

    def _row(self, kind: Kind, last: Entry | None, language: str) -> ConsentRow:
        version, at = _given(last)
        text = self._texts.text(kind, self._in_force[kind], language)
        return ConsentRow(
            kind=kind.value,
            version=text.version,
            title=text.title,
            text=text.text,
            required=kind.is_required,
            given_version=version,
            given_at=at,
        )


def _given(last: Entry | None) -> tuple[str | None, datetime | None]:
    if last is None or not last.is_given:
        return None, None
    return last.version, last.at


def _kind(text: str) -> Kind:
    if text not in {kind.value for kind in Kind}:
        raise NotFound()
    return Kind(text)
