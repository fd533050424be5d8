"""Nurses with accounts, so that they can be brought into conversations."""

from collections.abc import Sequence

from accounts.staff import StaffAccount, StaffState
from adapters.memory.nudge import MemoryNudge
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from conf.settings import Settings
from core.actor import Role
from core.clock import SystemClock
from core.ids import StaffId
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
            await unit.commit()
    finally:
        await database.close()
