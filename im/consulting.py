"""Use cases of consultations: ask, pay, take, answer, end, rate, and what the clock does.

One shape: the consultation's row is locked, the rule decides, the conversation follows, both commit together.
Locks: consultation, conversation, users by name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from accounts.consent import Kind as Consent
from accounts.consent import require_consent
from clinic.patients import patient_for
from core import limits
from core.actor import Actor, Role
from core.clock import Clock, business_day
from core.ids import PatientId, RandomBytes, UserId, new_id
from core.keys import KeyTaken
from core.masking import mask_name
from im import consultation as rules
from im import posting
from im.consultation import Consultation, NoSuchConsultation, Stage, Terms
from im.consultation_store import Kept, Statement, Unit, Units
from im.consultation_wire import Extend, OpenConsultation, Rate, Refer
from im.fees import Fees
from im.messaging import NoReviews, Reviews
from im.practice import Practice, day_of
from im.store import NewConversation
from im.thread import Kind, Part, Seat, State
from im.wire import CardBody, TextBody
from im.wording import Action, AnyWords, Wording, judged
from notices.adding import Telling
from notices.notice import Kind as NoticeKind

Rule = Callable[[Consultation], Consultation]
_GUARDED_YEARS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What a hospital sets for every consultation."""

    pay_within: timedelta = timedelta(minutes=30)
    accept_within: timedelta = timedelta(hours=2)
    pool_fee_fen: int = 0
    pool_turns: int = 20
    pool_window: timedelta = timedelta(hours=24)

    def terms(self, practice: Practice | None) -> Terms:
        """What is agreed: the doctor's terms, or those of every pool."""
        return Terms(
            fee_fen=self.pool_fee_fen if practice is None else practice.fee_fen,
            turns=self.pool_turns if practice is None else practice.turns,
            window=self.pool_window if practice is None else practice.window,
            pay_within=self.pay_within,
            accept_within=self.accept_within,
        )


class Consulting:
    """What patients and doctors do with consultations."""

    def __init__(
        self,
        *,
        units: Units,
        clock: Clock,
        random: RandomBytes,
        house: House,
        fees: Fees,
        in_force: Mapping[Consent, str],
        telling: Telling,
        wording: Wording | None = None,
        reviews: Reviews | None = None,
    ) -> None:
        self._units = units
        self._clock = clock
        self._random = random
        self._house = house
        self._fees = fees
        self._in_force = in_force
        self._telling = telling
        self._wording = wording or AnyWords()
        self._reviews = reviews or NoReviews()

    # The patient.

    async def open(self, actor: Actor, body: OpenConsultation) -> str:
        """Ask a doctor or a department; answers the consultation's id. The same ``cid``: the same one.

        Refuses with ``NoSuchPatient``, ``ConsentNeeded``, ``GuardianNeeded``, ``NoSuchConsultation`` (no such
        doctor or pool), ``DoctorNotTaking`` and ``WordsNotAllowed``.
        """
        at, key = self._clock.now(), f"{actor.id}|{body.cid}"
        verdict = judged(self._wording, body.complaint)
        earlier = judged(self._wording, body.earlier_diagnosis).text
        async with self._units.begin() as unit:
            known = await unit.consultations.find_key(key)
            if known is not None:
                return known
            person = (await patient_for(unit, actor, PatientId(body.patient))).person
            await require_consent(unit, UserId(actor.id), Consent.SENSITIVE_HEALTH, in_force=self._in_force)
            if age_on(person.born, at) < _GUARDED_YEARS and person.guardian is None:
                raise rules.GuardianNeeded()
            practice = await self._asked(unit, body, at=at)
            department = practice.department if practice is not None else str(body.department)
            it = rules.opened(
                id_=new_id(at=at, random=self._random),
                user=actor.id,
                patient=body.patient,
                doctor=None if practice is None else practice.user,
                department=department,
                terms=self._house.terms(practice),
                at=at,
            )
            said = Statement(complaint=verdict.text, earlier_diagnosis=earlier)
            try:
                await unit.consultations.add(Kept(it, said), key=key)
            except KeyTaken:
                return await self._found(key)
            seats = [Seat(user=actor.id, part=Part.PATIENT, shown=mask_name(person.name))]
            if practice is not None:
                seats.append(_doctor_seat(practice))
            await posting.create(unit, _conversation(it, seats), at=at)
            posted = await posting.post(
                unit,
                it.id,
                sender=actor.id,
                role=Part.PATIENT,
                cid="complaint",
                body=TextBody(text=verdict.text),
                at=at,
                random=self._random,
            )
            if verdict.action is not Action.PASS:
                self._reviews.add(unit, posted.row, body.complaint, verdict)
            await unit.commit()
        return it.id

    async def pay(self, actor: Actor, consultation: str) -> None:
        """The sandbox pays at once. Refuses with ``NoSandbox`` where a payment module is at work."""

        def pays(it: Consultation) -> Consultation:
            return rules.paid(it, self._fees.pay_now(it.id), at=self._clock.now())

        await self._own(actor, consultation, pays)

    async def told_paid(self, consultation: str, reference: str) -> None:
        """The payment module says that the fee has come; told twice, it is the same."""
        async with self._units.begin() as unit:
            before = await _held(unit, consultation)
            after = replace(before, it=rules.paid(before.it, reference, at=self._clock.now()))
            unit.consultations.keep(before, after)
            await unit.commit()

    async def cancel(self, actor: Actor, consultation: str) -> None:
        """The patient does not want it any more."""
        await self._own(actor, consultation, lambda it: rules.cancelled(it, at=self._clock.now()))

    async def rate(self, actor: Actor, consultation: str, body: Rate) -> None:
        """How it was, once."""
        async with self._units.begin() as unit:
            before = _of(await _held(unit, consultation), actor)
            said = replace(before.said, rated_text=body.text)
            after = Kept(rules.rated(before.it, body.stars, at=self._clock.now()), said)
            unit.consultations.keep(before, after)
            await unit.commit()

    # The doctor.

    async def accept(self, actor: Actor, consultation: str) -> None:
        """Take it. Refuses with ``DoctorNotConfirmed`` and ``TakenByAnother``."""
        at = self._clock.now()
        async with self._units.begin() as unit:
            practice = await self._able(unit, actor)
            before = await self._for_doctor(unit, actor, consultation, practice)
            after = replace(before, it=rules.accepted(before.it, actor.id, at=at))
            if after != before:
                unit.consultations.keep(before, after)
                await posting.add_member(unit, consultation, _doctor_seat(practice), at=at)
                await posting.change(
                    unit,
                    consultation,
                    at=at,
                    state=State.ACTIVE,
                    expires_at=after.it.expires_at,
                    turns_left=after.it.terms.turns,
                )
                await self._says(unit, after.it, "consultation.accepted", at=at, doctor=practice.name)
                await unit.commit()

    async def reject(self, actor: Actor, consultation: str, reason: str) -> None:
        """Not take it; the fee goes back."""
        at = self._clock.now()
        async with self._units.begin() as unit:
            before = await _held(unit, consultation)
            said = replace(before.said, reason=reason)
            after = Kept(rules.rejected(before.it, actor.id, at=at), said)
            await self._follow(unit, before, after, at=at)
            await unit.commit()

    async def extend(self, actor: Actor, consultation: str, body: Extend) -> None:
        """More time, more questions, or both; the same ``cid`` once."""
        at = self._clock.now()
        async with self._units.begin() as unit:
            before = _answered_by(await _held(unit, consultation), actor)
            room = await posting.held(unit, consultation, sender="system", cid=body.cid)
            if room.earlier is not None:
                return
            after = replace(before, it=rules.extended(before.it, by=timedelta(hours=body.hours), at=at))
            unit.consultations.keep(before, after)
            turns = None if room.thread.turns_left is None else room.thread.turns_left + body.turns
            await posting.change(
                unit, consultation, at=at, expires_at=after.it.expires_at, turns_left=turns, what="extended"
            )
            await self._says(
                unit,
                after.it,
                "consultation.extended",
                at=at,
                cid=body.cid,
                hours=body.hours,
                turns=body.turns,
            )
            await unit.commit()

    async def end(self, actor: Actor, consultation: str, summary: str) -> None:
        """The doctor with a summary, the patient without.

        Refuses with ``SummaryNeeded`` and ``WordsNotAllowed``.
        """
        at = self._clock.now()
        summary = judged(self._wording, summary).text
        async with self._units.begin() as unit:
            before = await _held(unit, consultation)
            if actor.role is Role.DOCTOR:
                _answered_by(before, actor)
                if not summary.strip():
                    raise rules.SummaryNeeded()
                because, said = "doctor", replace(before.said, summary=summary)
            else:
                _of(before, actor)
                because, said = "patient", before.said
            after = Kept(rules.ended(before.it, because, at=at), said)
            await self._follow(unit, before, after, at=at)
            await unit.commit()

    async def refer(self, actor: Actor, consultation: str, body: Refer) -> None:
        """To be seen in the hospital."""
        at = self._clock.now()
        async with self._units.begin() as unit:
            before = _answered_by(await _held(unit, consultation), actor)
            said = replace(before.said, reason=body.reason)
            after = Kept(rules.referred(before.it, at=at), said)
            await posting.post(
                unit,
                consultation,
                sender=actor.id,
                role=Part.DOCTOR,
                cid="referral",
                body=CardBody(card="referral", id=body.department, status="referred"),
                at=at,
                random=self._random,
            )
            await self._follow(unit, before, after, at=at)
            await unit.commit()

    async def let_go(self, unit: Unit, user: str, *, at: datetime) -> None:
        """End what is open of whoever closes the account, in that transaction; unearned fees go back."""
        for kept in await unit.consultations.of_user(
            user, open_=True, after=None, limit=limits.CONSULTATIONS_AT_ONCE
        ):
            before = await _held(unit, kept.it.id)
            active = before.it.stage is Stage.ACTIVE
            it = rules.ended(before.it, "patient", at=at) if active else rules.cancelled(before.it, at=at)
            await self._follow(unit, before, replace(before, it=it), at=at)

    # The clock.

    async def sweep(self) -> int:
        """Decide what is due and give fees back; answers how many were looked at."""
        at, limit = self._clock.now(), limits.CONSULTATIONS_AT_ONCE
        async with self._units.read() as unit:
            due = await unit.consultations.due(at=at, limit=limit)
            owed = await unit.consultations.to_refund(limit=limit)
        for name in due:
            async with self._units.begin() as unit:
                before = await _held(unit, name)
                after = replace(before, it=rules.overdue(before.it, at=at))
                if after != before:
                    await self._follow(unit, before, after, at=at)
                    await unit.commit()
        for name in owed:
            await self._give_back(name)
        return len(due) + len(owed)

    async def _give_back(self, name: str) -> None:
        """Ask for the refund until it is said to be done; the reference makes it happen once."""
        async with self._units.read() as unit:
            kept = await unit.consultations.find(name)
        if kept is None or not await self._fees.refund(name, kept.it.paid, kept.it.terms.fee_fen):
            return
        async with self._units.begin() as unit:
            before = await _held(unit, name)
            after = replace(before, it=rules.refunded(before.it, at=self._clock.now()))
            unit.consultations.keep(before, after)
            await unit.commit()

    # Parts.

    async def _asked(self, unit: Unit, body: OpenConsultation, *, at: datetime) -> Practice | None:
        """The practice that is asked, one place of its day taken; ``None``: the department's pool."""
        if body.doctor is None:
            pool = await unit.practices.all(department=str(body.department or ""))
            if not any(each.in_pool and each.why_not(at=at, taken=0) == "" for each in pool):
                raise rules.DoctorNotTaking(why="off_duty" if pool else "not_taking")
            return None
        practice = await unit.practices.find(body.doctor)
        if practice is None or not practice.confirmed:
            raise NoSuchConsultation()
        why = practice.why_not(at=at, taken=0)
        if not why and await unit.consultations.count_day(practice.user, day_of(at)) > practice.daily_limit:
            why = "full_today"
        if why:
            raise rules.DoctorNotTaking(why=why)
        return practice

    async def _able(self, unit: Unit, actor: Actor) -> Practice:
        practice = await unit.practices.find(actor.id)
        if practice is None or not practice.confirmed:
            raise rules.DoctorNotConfirmed()
        return practice

    async def _for_doctor(self, unit: Unit, actor: Actor, consultation: str, practice: Practice) -> Kept:
        kept = await _held(unit, consultation)
        theirs = kept.it.doctor == actor.id
        pooled = kept.it.department == practice.department and practice.in_pool
        if not theirs and not pooled:
            raise NoSuchConsultation()
        return kept

    async def _own(self, actor: Actor, consultation: str, rule: Rule) -> None:
        async with self._units.begin() as unit:
            before = _of(await _held(unit, consultation), actor)
            after = replace(before, it=rule(before.it))
            await self._follow(unit, before, after, at=self._clock.now())
            await unit.commit()

    async def _follow(self, unit: Unit, before: Kept, after: Kept, *, at: datetime) -> None:
        """Keep what became of it, and let its conversation follow."""
        unit.consultations.keep(before, after)
        if after.it.stage is before.it.stage or after.it.stage.is_open:
            return
        stage = after.it.stage
        await self._says(
            unit, after.it, f"consultation.{_SAID[stage]}", at=at, because=after.it.ended_because
        )
        await posting.change(unit, after.it.id, at=at, state=State.CLOSED)

    async def _says(
        self,
        unit: Unit,
        it: Consultation,
        code: str,
        *,
        at: datetime,
        cid: str | None = None,
        **facts: str | int,
    ) -> None:
        await posting.announce_event(unit, it.id, code, at=at, random=self._random, cid=cid, **facts)
        if cid is None and code != "consultation.cancelled":
            # Each happens once; who cancelled knows.
            key = f"{code}|{it.id}"
            params = {"conversation": it.id}
            await self._telling.add(unit, it.user, NoticeKind.CONSULTATION, key, params, at=at)

    async def _found(self, key: str) -> str:
        async with self._units.read() as unit:
            known = await unit.consultations.find_key(key)
        assert known is not None
        return known


_SAID = {
    Stage.ENDED: "ended",
    Stage.RATED: "ended",
    Stage.TIMED_OUT: "timed_out",
    Stage.REJECTED: "rejected",
    Stage.CANCELLED: "cancelled",
    Stage.REFERRED: "referred",
}


async def _held(unit: Unit, consultation: str) -> Kept:
    kept = await unit.consultations.hold(consultation)
    if kept is None:
        raise NoSuchConsultation()
    return kept


def _of(kept: Kept, actor: Actor) -> Kept:
    if kept.it.user != actor.id:
        raise NoSuchConsultation()
    return kept


def _answered_by(kept: Kept, actor: Actor) -> Kept:
    if kept.it.doctor != actor.id:
        raise NoSuchConsultation()
    return kept


def _doctor_seat(practice: Practice) -> Seat:
    return Seat(user=practice.user, part=Part.DOCTOR, shown=practice.name)


def _conversation(it: Consultation, seats: list[Seat]) -> NewConversation:
    return NewConversation(
        id=it.id,
        kind=Kind.CONSULTATION,
        state=State.WAITING,
        key=f"consultation|{it.id}",
        seats=tuple(seats),
        department=it.department,
        patient=it.patient,
        retention="record",
    )


def age_on(born: date, at: datetime) -> int:
    """Whole years on the hospital's day."""
    today = business_day(at)
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))
