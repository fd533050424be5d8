"""A process of its own that the tests of storage kill.

python -m tests.contract.sql_child hold URL    hold the lease "relay" for ever; says "holding" when it does
python -m tests.contract.sql_child call URL    call tickets for ever; says every version once it is committed
"""

import asyncio
import os
import sys

from adapters.memory.nudge import MemoryNudge
from adapters.sql.leases import SqlLeases
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from core.clock import SystemClock
from core.events import Outgoing
from core.ids import LineId, TicketNumber
from queue_display.ticket import TicketState
from server.leases import LeaseKeeper
from tests.contract.sql_examples import moved


async def hold(database: Database) -> None:
    async def work() -> None:
        print("holding", flush=True)
        await asyncio.Event().wait()

    keeper = LeaseKeeper(SqlLeases(database), holder=f"child-{os.getpid()}", clock=SystemClock())
    await keeper.while_holding("relay", work)


async def call(database: Database) -> None:
    units = SqlUnits(database, clock=SystemClock(), nudge=MemoryNudge())
    while True:
        async with units.begin() as unit:
            line = await unit.lines.load_for_change(LineId("L0301"))
            number = TicketNumber(f"A{line.version % len(line.tickets) + 1:03d}")
            called = line.tickets[number].state is TicketState.CALLED
            change = moved(line, number, to=TicketState.IN_SERVICE if called else TicketState.CALLED)
            await unit.lines.keep(change)
            unit.publish(Outgoing("queue:L0301", str(change.after.version).encode()))
            await unit.commit()
        print(change.after.version, flush=True)


async def main(what: str, url: str) -> None:
    database = Database.open(url)
    await (hold if what == "hold" else call)(database)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
