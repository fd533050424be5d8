"""A process of its own that writes to the log: python -m tests.contract.audit_child URL FIRST."""

import asyncio
import sys

from adapters.sql.audit_store import SqlAuditStore
from adapters.sql.transaction import Database
from tests.unit.audit.chains import a_record_of


async def main(url: str, first: int) -> None:
    database = Database.open(url, busy_seconds=20)
    store = SqlAuditStore(database)
    for number in range(first, first + 30):
        await store.append([a_record_of(number), a_record_of(number + 1)])
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
