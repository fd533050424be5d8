"""The worker's part of the log: heads signed, copied off the machine, and the whole verified once a day."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import structlog

from adapters.files.audit_export import AuditExport, exported_heads
from audit.checking import check, record_of
from audit.head import Head, HeadKind
from audit.keeping import Heads, export
from audit.store import HeadTaken
from conf.settings import Settings
from core import limits
from core.clock import Clock
from core.refusals import StorageUnavailable
from server.audit_parts import AuditParts
from server.telemetry import Metrics

log = structlog.get_logger()


class AuditWork:
    """One loop under a lease. Trouble of the log's database or of the share is told and tried again."""

    def __init__(self, parts: AuditParts, settings: Settings, *, clock: Clock, metrics: Metrics) -> None:
        self._parts = parts
        self._clock = clock
        self._metrics = metrics
        self._heads = Heads(parts.store, key=parts.key, clock=clock)
        self._folder = Path(settings.audit.export)
        self._export = AuditExport(self._folder, pem=parts.key.pem)
        self._verify_due = False
        self._measured = float("-inf")

    async def run(self) -> None:
        """Look after the log until cancelled."""
        while True:
            await self.turn()
            await asyncio.sleep(limits.AUDIT_LOOK_SECONDS)

    async def _measure(self) -> None:
        """Tell how much there is and how long there is room, now and then."""
        now = self._clock.monotonic()
        if now - self._measured < limits.AUDIT_SIZE_SECONDS:
            return
        found = await self._parts.reading.capacity()
        self._measured = now
        self._metrics.audit_records.set(found.size.records)
        self._metrics.audit_bytes.set(found.size.bytes)
        if found.days_left is not None:
            self._metrics.audit_days_left.set(found.days_left)
        if found.little_room:
            log.warning("audit.little_room", days_left=round(found.days_left or 0, 1))

    async def turn(self) -> None:
        """Sign what is due, copy it, verify once a day."""
        try:
            signed = await self._heads.sign_due()
            await self._copy()
            await self._measure()
            self._verify_due |= any(head.kind is HeadKind.DAY for head in signed)
            if self._verify_due:
                await self._verify()
                self._verify_due = False
        except StorageUnavailable as away:
            log.warning("audit.keeping_stopped", why=away.facts.get("why"))
        except HeadTaken:
            log.info("audit.head_taken")

    async def _copy(self) -> None:
        try:
            await export(self._parts.store, self._export)
        except OSError as error:
            self._metrics.audit_export_failures.inc()
            log.error("audit.export_failed", error=type(error).__name__, number=error.errno)
        else:
            self._metrics.audit_exported.set(self._clock.now().timestamp())

    async def _verify(self) -> None:
        checked = await check(
            self._parts.store, keys=self._keys(), now=self._clock.now(), exported=await self._exported()
        )
        self._metrics.audit_troubles.set(len(checked.troubles))
        await self._parts.store.append([record_of(checked, at=self._clock.now())])
        if checked.troubles:
            found = sorted({trouble.what.value for trouble in checked.troubles})
            log.error("audit.tampered", troubles=len(checked.troubles), what=found)

    def _keys(self) -> Mapping[str, bytes]:
        return {self._parts.key.id: self._parts.key.public}

    async def _exported(self) -> list[Head]:
        try:
            return await asyncio.to_thread(exported_heads, self._folder)
        except (OSError, ValueError) as error:
            log.error("audit.export_unreadable", error=type(error).__name__)
            return []
