"""The log of one process: records wait in a bounded queue and are written together (group commit).

Whoever must not answer before its record is durable waits for the batch the record is in; the others go on.
When a batch cannot be written, whatever the reason, it stays, first in the queue, and is tried again; until
it is written nothing that needs the log is begun. What is in memory when the process is killed is lost: that
is the crash window, some milliseconds wide while the store answers (docs/audit.md).
"""

import asyncio
import contextlib

import structlog

from audit.chain import Tip
from audit.record import Record, bare
from audit.store import AuditStore, Doubtful
from core import limits
from core.clock import Clock
from core.refusals import StorageUnavailable, Unavailable
from core.tasks import end_tasks

log = structlog.get_logger()


class AuditUnavailable(Unavailable):
    """Nothing can be recorded now, so nothing was done."""

    code = "audit.unavailable"


class DoneNotRecorded(Unavailable):
    """It was done, and its record still waits to be written. Do not do it again."""

    code = "audit.done_not_recorded"


class _Batch:
    """Records that are written together, and one event for everybody who waits for them."""

    __slots__ = ("failed", "records", "told")

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.told = asyncio.Event()
        self.failed = False


class AuditLog:
    """Takes records. ``start`` it; ``close`` writes what is left, as long as the bound allows."""

    def __init__(
        self, store: AuditStore, *, clock: Clock, backlog: int = limits.AUDIT_BACKLOG_RECORDS
    ) -> None:
        self._store = store
        self._clock = clock
        self._bound = backlog
        self._open = _Batch()
        self._pending: list[Record] = []
        self._wake = asyncio.Event()
        self._hurry = asyncio.Event()
        self._proved = float("-inf")
        self._probe: asyncio.Task[bool] | None = None
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self.failing = False
        """Whether the last attempt to write failed; only a success ends it."""
        self.written = 0
        self.failures = 0

    @property
    def backlog(self) -> int:
        """How many records are not durable yet."""
        return len(self._open.records) + len(self._pending)

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._write_for_ever(), name="audit.write")

    async def close(self) -> None:
        """Write what waits, then end. How many could not be written is told."""
        if self._task is not None:
            self._closing = True
            self._wake.set()
            self._hurry.set()
            await asyncio.wait([self._task], timeout=limits.AUDIT_CLOSE_SECONDS)
            await end_tasks([self._task])
        if self._probe is not None:
            await end_tasks([self._probe])
        if self.backlog:
            log.error("audit.lost", records=self.backlog)

    async def ready(self) -> None:
        """Refuse with ``AuditUnavailable`` unless a record could be written now.

        A success of the last second is proof enough; otherwise the store is asked, once for all who ask.
        """
        self.has_room()
        if self.failing:
            raise AuditUnavailable
        if self._clock.monotonic() - self._proved <= limits.AUDIT_PROOF_SECONDS:
            return
        if self._probe is None or self._probe.done():
            self._probe = asyncio.create_task(self._ask(), name="audit.probe")
        if not await asyncio.shield(self._probe):
            raise AuditUnavailable

    def has_room(self) -> None:
        """Refuse with ``AuditUnavailable`` when one more record could not even wait."""
        if self.backlog >= self._bound:
            raise AuditUnavailable

    def note(self, record: Record) -> None:
        """Take a record that nobody waits for. Beyond the bound too: what was done must not be forgotten.

        Callers ask ``has_room`` before they do anything, so the excess is only what was under way then.
        """
        self._open.records.append(record)
        self._wake.set()
        if len(self._open.records) >= limits.AUDIT_BATCH_RECORDS:
            self._hurry.set()

    async def write(self, record: Record) -> None:
        """Take a record and return when it is durable.

        Raises ``DoneNotRecorded`` when the first attempt failed; the record is kept and tried again.
        """
        batch = self._open
        batch.records.append(record)
        self._wake.set()
        self._hurry.set()
        await batch.told.wait()
        if batch.failed:
            raise DoneNotRecorded

    async def _ask(self) -> bool:
        began = self._clock.monotonic()
        try:
            async with asyncio.timeout(limits.AUDIT_PROBE_SECONDS):
                await self._store.answers()
        except (TimeoutError, StorageUnavailable):
            return False
        except Exception as defect:
            log.error("audit.cannot_ask", error=type(defect).__name__)
            return False
        self._proved = max(self._proved, began)
        return True

    async def _write_for_ever(self) -> None:
        while self.backlog or not self._closing:
            await self._wake.wait()
            if not self._hurry.is_set():
                # Nobody waits: a moment's patience makes one write of many.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(limits.AUDIT_LINGER_SECONDS):
                        await self._hurry.wait()
            batch = self._take()
            await self._write_pending(batch)
            batch.told.set()

    def _take(self) -> _Batch:
        batch, self._open = self._open, _Batch()
        self._pending += batch.records
        self._wake.clear()
        self._hurry.clear()
        return batch

    async def _write_pending(self, batch: _Batch) -> None:
        """Write all that is pending, however often it takes; who waits learns of the first failure."""
        doubt: Tip | None = None
        most = limits.AUDIT_BATCH_RECORDS
        some: list[Record] = []
        while self._pending:
            if doubt is None:
                some = self._pending[:most]
            # Otherwise the very same again: the doubtful tip says whether these were written, and no others.
            began = self._clock.monotonic()
            try:
                await self._store.append(some, doubt=doubt)
            except StorageUnavailable as away:
                if isinstance(away, Doubtful):
                    doubt = away.tip
                self._fails(batch, str(away.facts.get("why")))
                await asyncio.sleep(limits.AUDIT_RETRY_SECONDS)
            except Exception as defect:
                # A table that is gone, or one record that no table takes: the others do not wait for it.
                doubt = None
                if len(some) > 1:
                    most = 1
                elif not await self._bare_instead(some[0], began):
                    self._fails(batch, type(defect).__name__)
                    await asyncio.sleep(limits.AUDIT_RETRY_SECONDS)
            else:
                doubt, most = None, min(most * 2, limits.AUDIT_BATCH_RECORDS)
                self._has_written(len(some), began)

    async def _bare_instead(self, record: Record, began: float) -> bool:
        """Write what is left of a refused record; where that is refused too, it is not the record's fault."""
        try:
            await self._store.append([bare(record)])
        except Exception:
            return False
        log.error("audit.unrecordable", action=record.action)
        self._has_written(1, began)
        return True

    def _has_written(self, count: int, began: float) -> None:
        del self._pending[:count]
        self.written += count
        self._proved = began
        if self.failing:
            log.info("audit.writes_again", waiting=self.backlog)
            self.failing = False

    def _fails(self, batch: _Batch, why: str) -> None:
        self.failures += 1
        if not self.failing:
            log.error("audit.cannot_write", why=why, waiting=self.backlog)
        self.failing = True
        for each in (batch, self._take()):
            each.failed = True
            each.told.set()
