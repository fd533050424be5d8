"""Nurses with accounts, so that they can be brought into conversations."""

import os
from collections.abc import Sequence
from dataclasses import replace

from accounts.credentials import Credentials
from accounts.staff import StaffAccount, StaffState
from adapters.memory.nudge import MemoryNudge
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from clinic.directory import Department, Directory
from conf.settings import Settings
from core.actor import Role
from core.clock import SystemClock
from core.ids import StaffId, new_id
from im import posting
from im.consultation import opened
from im.consultation_store import Kept, Statement
from im.consulting import House
from im.practice import Practice
from im.store import NewConversation
from im.thread import Kind, Part, Seat, State
from server.sealing_parts import sealing_for


async def employ(settings: Settings, numbers: Sequence[str], *, role: Role = Role.NURSE) -> None:
    """Accounts that work, without anybody's password."""
    clock = SystemClock()
    database = Database.open(settings.storage.url, connections=1)
    try:
        sealing = await sealing_for(database, settings.keys, clock)
        units = SqlUnits(database, clock=clock, nudge=MemoryNudge(), sealing=sealing)
        async with units.begin() as unit:
            for number in numbers:
                await unit.staff.add(
                    StaffAccount(
                        number=StaffId(number),
                        name=f"护士{number}",
                        role=role,
                        lines=frozenset(),
                        state=StaffState.ACTIVE,
                        granted=True,
                        created_at=clock.now(),
                        changed_at=clock.now(),
                    )
                )
                # Nobody's: signed in by the test itself.
                unit.credentials.keep(StaffId(number), Credentials(password="-", set_at=clock.now()))
            await unit.commit()
    finally:
        await database.close()


async def lists(settings: Settings, *departments: Department) -> None:
    """What the hospital's directory says."""
    database = Database.open(settings.storage.url, connections=1)
    try:
        async with SqlUnits(database, clock=SystemClock(), nudge=MemoryNudge()).begin() as unit:
            await unit.directory.keep(Directory(departments=departments))
            await unit.commit()
    finally:
        await database.close()


async def practise(settings: Settings, user: str, *, fee_fen: int = 0) -> None:
    """A practice that takes questions at any hour."""
    clock = SystemClock()
    database = Database.open(settings.storage.url, connections=1)
    try:
        units = SqlUnits(database, clock=clock, nudge=MemoryNudge())
        async with units.begin() as unit:
            kept = Practice(user=user, name="李医生", title="主治医师", department="d1", confirmed=True)
            unit.practices.keep(replace(kept, fee_fen=fee_fen))
            await unit.commit()
    finally:
        await database.close()


async def consult(settings: Settings, *, user: str, doctor: str, patient: str) -> str:
    """A consultation that waits for the doctor, made in the database."""
    clock = SystemClock()
    database = Database.open(settings.storage.url, connections=1)
    try:
        sealing = await sealing_for(database, settings.keys, clock)
        units = SqlUnits(database, clock=clock, nudge=MemoryNudge(), sealing=sealing)
        at = clock.now()
        it = opened(
            id_=new_id(at=at, random=os.urandom),
            user=user,
            patient=patient,
            doctor=doctor,
            department="d1",
            terms=House().terms(None),
            at=at,
        )
        seats = (Seat(user=user, part=Part.PATIENT, shown=""), Seat(user=doctor, part=Part.DOCTOR, shown=""))
        async with units.begin() as unit:
            said = Statement(complaint="头疼三天了，没有好转", earlier_diagnosis="偏头痛")
            await unit.consultations.add(Kept(it, said), key=it.id)
            draft = NewConversation(
                id=it.id, kind=Kind.CONSULTATION, state=State.WAITING, key=it.id, seats=seats
            )
            await posting.create(unit, draft, at=at)
            await unit.commit()
    finally:
        await database.close()
    return it.id
