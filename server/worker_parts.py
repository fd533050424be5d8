"""The worker role put together: each loop under its own lease."""

import os
import secrets
import socket
from collections.abc import Awaitable, Callable

from adapters.sql.idempotency import SqlReplays
from adapters.sql.leases import SqlLeases
from adapters.sql.outbox import SqlOutbox
from core import limits
from front_machine.link import HospitalLink
from front_machine.patient_link import PatientLink
from front_machine.sync import HospitalSync
from queue_display.mirroring import MirrorService
from queue_display.retention import KeptDays, Retention
from queue_display.telling import ToldDays
from queue_display.upkeep import OwnLines
from server.accounts_parts import account_forgetting
from server.archive_parts import archive_work
from server.audit_work import AuditWork
from server.consultation_parts import consultation_work
from server.exposition import SyncCollector
from server.file_parts import file_work
from server.ground import Ground
from server.keeping_parts import keeping_work
from server.leases import LeaseKeeper
from server.leftovers import OutboxLeftovers
from server.mirroring import QueueMirror
from server.notice_parts import notice_forgetting, notice_work
from server.patient_parts import patient_forgetting, patient_work
from server.relay import Relay, RelayGauges
from server.specs import own_line_spec
from server.staff_parts import staff_forgetting
from server.work import Forgetting, Sync, Timers, Work, run_under_leases


async def worker_role(ground: Ground, work_after: Callable[[], Awaitable[None]] | None) -> None:
    """Run every loop of a worker until cancelled; they begin when ``work_after`` returns, if it is given."""
    if work_after is not None:
        await work_after()
    keeper = LeaseKeeper(
        SqlLeases(ground.database),
        holder=f"{socket.gethostname()}.{os.getpid()}.{secrets.token_hex(3)}",
        clock=ground.clock,
    )
    loops: dict[str, Work] = {
        "relay": _relay(ground, keeper).run,
        "timers": _timers(ground, keeper).run,
        "retention": _forgetting(ground, keeper).run,
        "consultations": consultation_work(
            settings=ground.settings,
            units=ground.units.under(keeper.fence_of("consultations")),
            clock=ground.clock,
        ),
        "files": file_work(ground.settings, ground.units.under(keeper.fence_of("files")), ground.clock),
        "notices": notice_work(
            ground.settings,
            ground.units.under(keeper.fence_of("notices")),
            ground.clock,
            told=lambda kind, what: ground.metrics.notices.labels(kind=kind.value, outcome=what.value).inc(),
        ),
        "records": keeping_work(ground, ground.units.under(keeper.fence_of("records"))),
        "audit": AuditWork(ground.audit, ground.settings, clock=ground.clock, metrics=ground.metrics).run,
    }
    if ground.link is not None:
        loops["sync"] = _sync(ground, ground.link, keeper)
        loops["patients"] = patient_work(
            units=ground.units.under(keeper.fence_of("patients")),
            clock=ground.clock,
            records=PatientLink(ground.link),
        )
    if ground.settings.archive.url:
        loops["archive"] = archive_work(ground, keeper.fence_of("archive"))
    try:
        await run_under_leases(keeper, loops)
    finally:
        await keeper.close()


def _relay(ground: Ground, keeper: LeaseKeeper) -> Relay:
    async def publish(channel: str, data: bytes, key: str) -> object:
        keep = ground.channels.policy(channel).keep
        return await ground.broker.publish(channel, data, keep=keep, idempotency_key=key)

    metrics = ground.metrics

    def behind(rows: int, lag_seconds: float) -> None:
        metrics.outbox_rows.set(rows)
        metrics.outbox_lag.set(lag_seconds)

    return Relay(
        SqlOutbox(ground.database),
        publish=publish,
        nudge=ground.nudge,
        clock=ground.clock,
        fence=keeper.fence_of("relay"),
        gauges=RelayGauges(behind=behind),
    )


def _timers(ground: Ground, keeper: LeaseKeeper) -> Timers:
    own = OwnLines(
        units=ground.units.under(keeper.fence_of("timers")),
        clock=ground.clock,
        publisher=ground.publisher,
        learning=ground.learning,
    )
    return Timers(own, [own_line_spec(line) for line in ground.settings.own_lines])


def _forgetting(ground: Ground, keeper: LeaseKeeper) -> Forgetting:
    kept, clock = ground.settings.retention, ground.clock
    fence = keeper.fence_of("retention")
    past = Retention(
        units=ground.units.under(fence),
        clock=clock,
        kept=KeptDays(tickets=kept.tickets_days, history=kept.history_days),
    )
    leftovers = OutboxLeftovers(
        SqlOutbox(ground.database),
        is_board=ground.channels.holds_boards,
        clock=clock,
        days=kept.outbox_days,
        fence=fence,
    )
    replays = SqlReplays(ground.database, ground.sealing)

    async def forget_revocations() -> None:
        async with ground.units.begin() as unit:
            unit.revocations.forget(at=clock.now())
            await unit.commit()

    return Forgetting(
        (
            lambda: replays.forget(at=clock.now()),
            forget_revocations,
            account_forgetting(ground.units.under(fence), clock),
            staff_forgetting(ground.units.under(fence), clock),
            patient_forgetting(ground.units.under(fence), clock),
            notice_forgetting(ground.units.under(fence), clock),
            leftovers.sweep,
            past.sweep,
        )
    )


def _sync(ground: Ground, link: HospitalLink, keeper: LeaseKeeper) -> Sync:
    units = ground.units.under(keeper.fence_of("sync"))
    mirror = MirrorService(
        units=units, clock=ground.clock, publisher=ground.publisher, learning=ground.learning
    )
    told = ToldDays(units=units, learning=ground.learning, mirror=mirror)
    pull = HospitalSync(
        link,
        QueueMirror(mirror, told, units, ground.clock),
        clock=ground.clock,
        stale_seconds=limits.HOSPITAL_STALE_SECONDS,
    )
    ground.metrics.registry.register(SyncCollector(lambda: pull.health, ground.clock.now))
    return Sync(pull, mirror)
