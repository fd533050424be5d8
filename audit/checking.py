"""Verifying a whole log where it is kept, page by page beside other work."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from audit.chain import Link
from audit.head import Head
from audit.record import Record, Result, a_record, facts_of
from audit.store import AuditStore
from audit.verify import Trouble, Verification, Witnesses
from core import limits
from core.clock import business_day

VERIFY = "audit.verify"
"""The action under which a verification by the platform itself is recorded."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a verification found."""

    records: int
    heads: int
    last: int
    troubles: Sequence[Trouble]


def due_day(now: datetime) -> date:
    """Days before this one must have a signed head: a day's head has two hours to come."""
    return business_day(now - timedelta(hours=limits.AUDIT_HEAD_LATE_HOURS))


async def check(
    store: AuditStore,
    *,
    keys: Mapping[str, bytes],
    now: datetime,
    exported: Sequence[Head] = (),
    progress: Callable[[int], None] = lambda records: None,
) -> Checked:
    """Read everything and compare. ``progress`` hears how many records were read.

    Heads are read before records, so that one signed meanwhile speaks of nothing that was not seen.
    """
    kept = await store.heads()
    witnesses = Witnesses(keys=keys, kept=kept, exported=exported, today=due_day(now))
    verification = await asyncio.to_thread(Verification, witnesses)
    last = 0
    async for page in store.links():
        await asyncio.to_thread(_feed, verification, page)
        last = page[-1].sequence
        progress(verification.records)
    return Checked(verification.records, len(kept), last, verification.finish())


def _feed(verification: Verification, page: Sequence[Link]) -> None:
    for link in page:
        verification.feed(link)


def record_of(checked: Checked, *, at: datetime) -> Record:
    """The record that a verification leaves: the monthly review reads it."""
    return a_record(
        at=at,
        actor="system",
        role="system",
        action=VERIFY,
        object_=f"log#{checked.last}",
        result=Result.FAILED if checked.troubles else Result.DONE,
        code=checked.troubles[0].what.value if checked.troubles else "",
        facts=facts_of(records=checked.records, heads=checked.heads, troubles=len(checked.troubles)),
    )
