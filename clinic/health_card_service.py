"""Use cases of health cards: apply, show a code, verify one that was read; tie a card to the record.

The issuer is asked outside a transaction; only what it answered is kept, at once. An issuer that dies in the
middle leaves nothing half-made: the next attempt asks whether there is a card before it applies for one.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO

import segno

from accounts.consent import Kind as Consent
from accounts.consent import require_consent
from clinic.card_tying import NEVER, CardTying
from clinic.health_card_store import KeptCard
from clinic.health_card_wire import CardStanding, ShowCode, ShownCode, VerifiedCode, VerifyCode
from clinic.health_cards import (
    CardsNotSetUp,
    CodeKind,
    CodeRefused,
    CodeUsed,
    HealthCards,
    IssuedCard,
    NoCard,
    Scene,
    StaticNotAllowed,
    kind_of,
    refresh_after,
)
from clinic.hospital_records import HospitalRecords
from clinic.patient import Patient
from clinic.patient_store import Unit, Units
from clinic.patients import patient_for
from core import limits
from core.actor import Actor
from core.clock import Clock
from core.ids import PatientId
from core.masking import mask_id_number, mask_name


@dataclass(frozen=True, slots=True)
class CardRules:
    """What the hospital decides."""

    static_codes: bool
    once_per_scene: bool


class HealthCardService:
    """Health cards of patients. ``cards`` is ``None`` where the hospital has no issuer."""

    def __init__(
        self,
        *,
        units: Units,
        cards: HealthCards | None,
        records: HospitalRecords | None,
        clock: Clock,
        in_force: Mapping[Consent, str],
        rules: CardRules,
    ) -> None:
        self._units = units
        self._cards = cards
        self._tying = CardTying(units=units, records=records, clock=clock, in_force=in_force)
        self._clock = clock
        self._in_force = in_force
        self._rules = rules

    async def standing(self, actor: Actor, patient: PatientId) -> CardStanding:
        """Whether a patient has a card. Refuses with ``NoSuchPatient``."""
        async with self._units.read() as unit:
            found = await patient_for(unit, actor, patient)
            kept = (await unit.health_cards.of([found.id])).get(found.id)
        return _standing(kept)

    async def apply(self, actor: Actor, patient: PatientId) -> CardStanding:
        """Apply for a card; a patient who has one keeps it.

        Refuses with ``NoSuchPatient``, ``ConsentNeeded``, ``CardsNotSetUp``, ``CardsAway``, ``CardRefused``.
        """
        found, kept = await self._agreed(actor, patient)
        if kept is None:
            cards = self._issuer()
            issued = await cards.query(found.person) or await cards.apply(found.person)
            kept = KeptCard(found.id, cards.issuer, issued.card, issued.main_index, self._clock.now())
            async with self._units.begin() as unit:
                # Held, so that a patient who goes meanwhile leaves no card behind.
                await unit.patients.family_for_change(found.user)
                await self._still_agreed(unit, actor, patient)
                await unit.health_cards.keep(kept)
                await unit.commit()
            kept = await self._tying.tie(found, kept)
        return _standing(kept)

    async def show(self, actor: Actor, patient: PatientId, body: ShowCode) -> ShownCode:
        """A fresh code of a patient's card.

        Refuses as ``apply`` does, with ``NoCard``, and with ``StaticNotAllowed``.
        """
        kind = CodeKind(body.kind)
        if kind is CodeKind.STATIC and not self._rules.static_codes:
            raise StaticNotAllowed()
        found, kept = await self._agreed(actor, patient)
        if kept is None:
            raise NoCard()
        code = await self._issuer().show(IssuedCard(kept.card, kept.main_index), found.person, kind)
        async with self._units.read() as unit:
            await self._still_agreed(unit, actor, patient)
        return ShownCode(
            text=code.text,
            svg=drawn(code.text),
            kind=code.kind.value,
            good_until=code.good_until,
            refresh_after_seconds=refresh_after(
                code.good_until,
                now=self._clock.now(),
                at_least=limits.HEALTH_CARD_REFRESH_SECONDS,
                static=limits.HEALTH_CARD_STATIC_SECONDS,
            ),
        )

    async def verify(self, body: VerifyCode) -> VerifiedCode:
        """Whose code was read. Refuses with ``CodeRefused`` or one of its kinds, ``CardsAway``."""
        kind = kind_of(body.code)
        if kind is CodeKind.STATIC and not self._rules.static_codes:
            raise StaticNotAllowed()
        cards = self._issuer()
        issued = await cards.verify(body.code, scene=Scene(body.scene))
        async with self._units.begin() as unit:
            holder = await self._holder(unit, issued.main_index)
            if holder is None and kind is CodeKind.STATIC:
                raise CodeRefused()
            if kind is CodeKind.DYNAMIC and self._rules.once_per_scene:
                await self._use_up(unit, body)
            await unit.commit()
        return VerifiedCode(
            issuer=cards.issuer,
            kind=kind.value,
            card_masked=mask_id_number(issued.card),
            known=holder is not None,
            patient=None if holder is None else holder.id,
            name_masked=None if holder is None else mask_name(holder.person.name),
            hospital_number=(holder.hospital_number or None) if holder is not None else None,
        )

    async def _agreed(self, actor: Actor, patient: PatientId) -> tuple[Patient, KeptCard | None]:
        async with self._units.read() as unit:
            found = await self._still_agreed(unit, actor, patient)
            kept = (await unit.health_cards.of([found.id])).get(found.id)
        return found, kept

    async def _still_agreed(self, unit: Unit, actor: Actor, patient: PatientId) -> Patient:
        found = await patient_for(unit, actor, patient)
        await require_consent(unit, found.user, Consent.SENSITIVE_HEALTH, in_force=self._in_force)
        return found

    async def _holder(self, unit: Unit, main_index: str) -> Patient | None:
        """Who has the card: of several accounts' entries one that the hospital knows, if there is one."""
        best: Patient | None = None
        for name in await unit.health_cards.holders(main_index):
            found = await unit.patients.find(name)
            if found is not None and found.is_here and (best is None or found.hospital_number):
                best = found
        return best

    async def _use_up(self, unit: Unit, body: VerifyCode) -> None:
        digest = hashlib.sha256(f"{body.scene}\n{body.code}".encode()).digest()
        until = self._clock.now() + timedelta(seconds=limits.HEALTH_CARD_USED_SECONDS)
        if not await unit.health_cards.use(digest, until=until):
            raise CodeUsed()

    def _issuer(self) -> HealthCards:
        if self._cards is None:
            raise CardsNotSetUp()
        return self._cards


def drawn(text: str) -> str:
    """The code as an SVG image, with the quiet zone that readers need."""
    image = BytesIO()
    segno.make_qr(text, error="m").save(image, kind="svg", scale=4, border=4, xmldecl=False)
    return image.getvalue().decode()


def _standing(kept: KeptCard | None) -> CardStanding:
    if kept is None:
        return CardStanding(state="none")
    return CardStanding(
        state="issued",
        issuer=kept.issuer,
        card_masked=mask_id_number(kept.card),
        bound=kept.bound_at is not None and kept.bound_at > NEVER,
    )
