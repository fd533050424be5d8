"""Use cases of doctors' practices: who answers patients, when, for how much."""

from datetime import time, timedelta

from core.actor import Actor
from core.clock import Clock
from core.refusals import NotFound
from im import consultation_wire as wire
from im.consultation_store import Unit, Units
from im.consulting import House
from im.practice import Hours, Practice, day_of


class NoSuchPractice(NotFound):
    """The doctor has no practice here; the administration sets it up."""

    code = "consultation.no_practice"


class Practising:
    """What doctors and the administration decide."""

    def __init__(self, *, units: Units, clock: Clock, house: House) -> None:
        self._units = units
        self._clock = clock
        self._house = house

    async def doctors(self, department: str | None) -> wire.PublicDoctors:
        """Who can be asked, and which departments; also who cannot now, and why."""
        at = self._clock.now()
        async with self._units.read() as unit:
            found = [each for each in await unit.practices.all(department=department) if each.confirmed]
            taken = await unit.consultations.taken([each.user for each in found], day_of(at)) if found else {}
            names = {each.code: each.name for each in await unit.directory.departments(after=None, limit=200)}
        doctors: list[wire.PublicDoctor] = []
        pools: dict[str, wire.Pool] = {}
        for each in found:
            why = each.why_not(at=at, taken=taken.get(each.user, 0))
            name = names.get(each.department, each.department)  # type: ignore[call-overload]
            doctors.append(
                wire.PublicDoctor(
                    user=each.user,
                    name=each.name,
                    title=each.title,
                    department=each.department,
                    department_name=name,
                    introduction=each.introduction,
                    fee_fen=each.fee_fen,
                    turns=each.turns,
                    window_hours=_hours(each.window),
                    open_now=not why,
                    why_not=why,  # type: ignore[arg-type]
                )
            )
            if each.in_pool:
                is_open = each.why_not(at=at, taken=0) == "" or (
                    each.department in pools and pools[each.department].open_now
                )
                pools[each.department] = wire.Pool(
                    department=each.department,
                    name=name,
                    fee_fen=self._house.pool_fee_fen,
                    turns=self._house.pool_turns,
                    window_hours=_hours(self._house.pool_window),
                    open_now=is_open,
                )
        return wire.PublicDoctors(doctors=doctors, pools=list(pools.values()))

    async def mine(self, actor: Actor) -> wire.Practice:
        """The caller's own. Refuses with ``NoSuchPractice``."""
        async with self._units.read() as unit:
            return await self._wire(unit, await _practice(unit, actor.id))

    async def change(self, actor: Actor, body: wire.ChangePractice) -> wire.Practice:
        """What a doctor decides alone."""
        async with self._units.begin() as unit:
            before = await _practice(unit, actor.id)
            after = Practice(
                user=before.user,
                name=before.name,
                title=before.title,
                department=before.department,
                introduction=body.introduction,
                fee_fen=before.fee_fen,
                turns=before.turns,
                window=before.window,
                daily_limit=body.daily_limit,
                taking=body.taking,
                in_pool=body.in_pool,
                hours=tuple(
                    Hours(each.day, time.fromisoformat(each.begin), time.fromisoformat(each.until))
                    for each in body.hours
                ),
                confirmed=before.confirmed,
            )
            unit.practices.keep(after)
            await unit.commit()
        return await self.mine(actor)

    async def set(self, staff: str, body: wire.SetPractice) -> wire.Practice:
        """What the administration decides; a new practice takes no questions before its doctor says so."""
        user = f"doctor.{staff}"
        async with self._units.begin() as unit:
            before = await unit.practices.find(user)
            if before is None and await unit.colleague(user) is None:
                raise NoSuchPractice()
            kept = before or Practice(user=user, name="", title="", department="", taking=False)
            unit.practices.keep(
                Practice(
                    user=user,
                    name=body.name,
                    title=body.title,
                    department=body.department,
                    introduction=kept.introduction,
                    fee_fen=body.fee_fen,
                    turns=body.turns,
                    window=timedelta(hours=body.window_hours),
                    daily_limit=kept.daily_limit,
                    taking=kept.taking,
                    in_pool=kept.in_pool,
                    hours=kept.hours,
                    confirmed=body.confirmed,
                )
            )
            await unit.commit()
        async with self._units.read() as unit:
            return await self._wire(unit, await _practice(unit, user))

    async def all(self) -> list[wire.Practice]:
        """Every practice there is."""
        async with self._units.read() as unit:
            return [await self._wire(unit, each) for each in await unit.practices.all()]

    async def _wire(self, unit: Unit, practice: Practice) -> wire.Practice:
        day = day_of(self._clock.now())
        taken = await unit.consultations.taken([practice.user], day)
        return wire.Practice(
            user=practice.user,
            name=practice.name,
            title=practice.title,
            department=practice.department,
            introduction=practice.introduction,
            fee_fen=practice.fee_fen,
            turns=practice.turns,
            window_hours=_hours(practice.window),
            daily_limit=practice.daily_limit,
            taken_today=taken.get(practice.user, 0),
            taking=practice.taking,
            in_pool=practice.in_pool,
            hours=[
                wire.Hours(
                    day=each.day, begin=each.begin.isoformat("minutes"), until=each.until.isoformat("minutes")
                )
                for each in practice.hours
            ],
            confirmed=practice.confirmed,
        )


async def _practice(unit: Unit, user: str) -> Practice:
    practice = await unit.practices.find(user)
    if practice is None:
        raise NoSuchPractice()
    return practice


def _hours(window: timedelta) -> int:
    return int(window.total_seconds()) // 3600
