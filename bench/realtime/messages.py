"""An rpc of the weight of an instant message: lock and read, decide, write four rows, commit, answer.

There is no messaging in the product yet, so a command on a line stands for it: the same unit of work on the
same database, one row read for change, three written, one publication in the outbox.
"""

from itertools import count

from adapters.memory.nudge import MemoryNudge
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from bench.storage import TICKETS, one_command
from core.clock import SystemClock
from core.ids import LineId
from realtime.terms import Asking, Method
from tests.contract.sql_examples import a_line, new

CONVERSATIONS = 100


async def messages(database: Database) -> Method:
    """Prepare so many conversations and answer the method."""
    units = SqlUnits(database, clock=SystemClock(), nudge=MemoryNudge())
    names = [f"C{number:04}" for number in range(CONVERSATIONS)]
    async with units.begin() as unit:
        await unit.lines.keep_many([new(a_line(name, tickets=TICKETS)) for name in names])
        await unit.commit()
    numbers = count(1)

    async def say(asking: Asking, text: bytes) -> bytes:
        number = next(numbers)
        await one_command(units, LineId(names[number % CONVERSATIONS]), number // CONVERSATIONS)
        return b'{"seq":%d}' % number

    return say
