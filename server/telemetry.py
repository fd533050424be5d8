"""What the program says about itself: structured log lines and Prometheus metrics.

A line is an event name and fields: never a person, never a body, never a URL. Tornado's and asyncio's own
loggers go through the same renderer. Of an exception a line holds its type and where it was raised: its text
and the values around it (a frame with a token, a row with a name) stay out.
"""

import logging
import sys
import time
import traceback
from types import TracebackType
from typing import Literal, TextIO

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.process_collector import ProcessCollector

from core import limits

WHERE_FRAMES = 8
QUIET = ("tornado.access", "aiohttp.access", "alembic", "sqlalchemy.engine", "asyncio")


def configure_logs(
    *, form: Literal["json", "console"], level: str, role: str, stream: TextIO | None = None
) -> None:
    """Send every log line of this process to ``stream`` (stderr) in one form. Call once, first thing."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        lambda _, __, fields: {**fields, "role": role},
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=(stream or sys.stderr).isatty())
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, told_briefly, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def told_briefly(_: object, __: str, fields: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Put ``error`` (type) and ``where`` (file:line, innermost first) in place of an exception."""
    given = fields.pop("exc_info", None)
    error = given if isinstance(given, BaseException) else None
    if given and error is None:
        error = given[1] if isinstance(given, tuple) else sys.exception()
    if error is not None:
        fields["error"] = type(error).__name__
        fields["where"] = _places(error.__traceback__)
    return fields


def _places(trace: TracebackType | None) -> str:
    frames = list(traceback.walk_tb(trace))[-WHERE_FRAMES:]
    return " < ".join(
        f"{frame.f_code.co_filename.rsplit('/', 1)[-1]}:{line}" for frame, line in reversed(frames)
    )


class Metrics:
    """The process's own metrics. Labels come from closed sets (routes, reasons); never a person or a line."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        ProcessCollector(registry=registry)
        self.http_seconds = Histogram(
            "houzhen_http_seconds",
            "Time to answer a request.",
            ["route", "status"],
            registry=registry,
            buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10),
        )
        self.sockets_unrecorded = Counter(
            "houzhen_socket_refusals_unrecorded_total",
            "Refusals on sockets that were too many to be recorded one by one.",
            registry=registry,
        )
        self.notices = Counter(
            "houzhen_notices", "Notices by what became of them.", ["kind", "outcome"], registry=registry
        )
        self.too_often = Counter(
            "houzhen_too_often_total",
            "Requests refused because an address, account or device asked too often.",
            ["pace"],
            registry=registry,
        )
        self.loop_lag = Histogram(
            "houzhen_loop_lag_seconds",
            "How late the event loop is: time something blocked it.",
            registry=registry,
            buckets=(0.001, 0.005, 0.02, 0.05, 0.1, 0.5, 2),
        )
        self.loop_tasks = Gauge("houzhen_loop_tasks", "Tasks of the event loop.", registry=registry)
        self.provider_seconds = Histogram(
            "houzhen_provider_seconds",
            "Time of a request to WeChat, Alipay or the SMS gateway.",
            ["provider", "outcome"],
            registry=registry,
            buckets=(0.05, 0.1, 0.3, 1, 3, 5),
        )
        self.outbox_rows = Gauge(
            "houzhen_outbox_rows", "Publications committed, not yet out.", registry=registry
        )
        self.outbox_lag = Gauge(
            "houzhen_outbox_lag_seconds", "Age of the oldest publication not yet out.", registry=registry
        )
        self.audit_failing = Gauge(
            "houzhen_audit_failing",
            "1 while the log cannot be written: health, money and administration stand still.",
            registry=registry,
        )
        self.audit_waiting = Gauge(
            "houzhen_audit_waiting_records", "Records that are not written yet.", registry=registry
        )
        self.audit_records = Gauge("houzhen_audit_records", "Records of the log.", registry=registry)
        self.audit_bytes = Gauge("houzhen_audit_bytes", "What the log takes.", registry=registry)
        self.audit_days_left = Gauge(
            "houzhen_audit_days_left",
            "For how many days the log has room as it grows now; ten years where nobody knows.",
            registry=registry,
        )
        self.audit_days_left.set(limits.AUDIT_DAYS_KNOWN)
        self.audit_exported = Gauge(
            "houzhen_audit_exported_timestamp_seconds",
            "When the signed heads of the log were last copied off the machine.",
            registry=registry,
        )
        self.audit_export_failures = Counter(
            "houzhen_audit_export_failures", "Copies of the log that failed.", registry=registry
        )
        self.audit_troubles = Gauge(
            "houzhen_audit_troubles", "What the last daily verification of the log found.", registry=registry
        )
        self.started = Gauge(
            "houzhen_started_timestamp_seconds", "When the process started.", registry=registry
        )
        self.started.set(time.time())

    def asked_provider(self, provider: str, outcome: str, seconds: float) -> None:
        """A request to WeChat, Alipay, the SMS gateway or an issuer of health cards has ended."""
        self.provider_seconds.labels(provider=provider, outcome=outcome).observe(seconds)
