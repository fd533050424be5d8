"""What both roles of the platform stand on: settings, database, broker, and what is made of them once."""

from dataclasses import dataclass

from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from conf.settings import Settings
from core.clock import Clock
from core.nudge import Nudge
from core.sealing import Sealing
from front_machine.link import HospitalLink
from im.archive import Archive
from queue_display.board import ScreenSpec
from queue_display.estimate import Estimator
from queue_display.learning import Learning
from queue_display.publishing import Publisher
from realtime.broker import Broker
from realtime.channels import Channels
from server.audit_parts import AuditParts
from server.clock_watch import ClockWatch
from server.telemetry import Metrics


@dataclass(frozen=True, slots=True)
class Ground:
    """What both roles stand on."""

    settings: Settings
    clock: Clock
    metrics: Metrics
    database: Database
    nudge: Nudge
    audit: AuditParts
    units: SqlUnits
    sealing: Sealing
    broker: Broker
    channels: Channels
    publisher: Publisher
    learning: Learning
    estimator: Estimator
    link: HospitalLink | None
    screens: tuple[ScreenSpec, ...]
    archive: Archive
    watch: ClockWatch | None
