"""The log put together: its database, its key, the queue of this process."""

import asyncio
import contextlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

import structlog

from accounts.policy import POLICY
from adapters.sql import migrations
from adapters.sql.audit_readings import SqlAuditReadings
from adapters.sql.audit_reviews import SqlAuditReviews
from adapters.sql.engine import BadDatabaseUrl
from adapters.sql.transaction import Database
from audit.log import AuditLog
from audit.reading import AuditReading
from audit.review import Review
from audit.review_form import form_of
from audit.reviewing import AuditReviews
from audit.signing import KEY_BYTES, SigningKey
from conf.settings import Settings
from core import limits
from core.clock import Clock
from core.form import Form
from core.refusals import StorageUnavailable
from server.health import Found
from server.outcomes import CannotStart
from server.telemetry import Metrics

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class AuditParts:
    """What others are given of the log."""

    store: SqlAuditReadings
    log: AuditLog
    key: SigningKey
    reading: AuditReading
    reviews: AuditReviews
    hospital: str

    async def document(self, review: Review, form: str) -> bytes:
        """A review as a document, made beside the loop."""
        return await asyncio.to_thread(_written, form_of(review, hospital=self.hospital), form)


async def open_audit(
    settings: Settings, clock: Clock, metrics: Metrics, stack: contextlib.AsyncExitStack
) -> AuditParts:
    """Open the log; it ends with the stack, after everybody who was opened later. Raises ``CannotStart``."""
    key = await asyncio.to_thread(signing_key, Path(settings.keys.audit))
    database = audit_database(settings)
    stack.push_async_callback(database.close)
    store = SqlAuditReadings(
        database, clock=clock, algorithm=settings.audit.hash, room=settings.audit.room_bytes
    )
    audit_log = AuditLog(store, clock=clock)
    metrics.audit_failing.set_function(lambda: float(audit_log.failing))
    metrics.audit_waiting.set_function(lambda: audit_log.backlog)
    audit_log.start()
    stack.push_async_callback(audit_log.close)
    reading = AuditReading(store, log=audit_log, clock=clock, kept_days=settings.audit.days)
    kept = settings.audit.days
    touches = {action: rule.touches.value for action, rule in POLICY.items()}
    reviews = AuditReviews(SqlAuditReviews(database), reading, clock=clock, touches=touches, kept_days=kept)
    name = settings.hospital.name
    return AuditParts(store, audit_log, key, reading, reviews, f"{name.zh} {name.en}")


def _written(form: Form, kind: str) -> bytes:
    # Imported when somebody asks: every process would carry these packages for a document a month.
    from adapters.documents.form_docx import form_docx
    from adapters.documents.form_pdf import form_pdf

    return (form_docx if kind == "docx" else form_pdf)(form)


class LogProbe:
    """How the log stands, for ``/readyz``. Size, heads and verification are looked at now and then."""

    def __init__(self, parts: AuditParts, clock: Clock) -> None:
        self._parts = parts
        self._clock = clock
        self._asked = float("-inf")
        self._warnings: list[str] = []

    async def __call__(self) -> Found:
        if self._parts.log.failing:
            return Found(ok=False, code="cannot_write")
        now = self._clock.monotonic()
        if now - self._asked > limits.AUDIT_SIZE_SECONDS:
            self._warnings = (await self._parts.reading.standing()).warnings
            self._asked = now
        return Found(ok=not self._warnings, code=self._warnings[0] if self._warnings else None)


def audit_database(settings: Settings, *, keeper: bool = False) -> Database:
    """The log's own database; ``keeper`` with the account that may take old records away."""
    url = (settings.audit.keeper_url if keeper else "") or settings.audit.url
    try:
        return Database.open(
            url, connections=limits.AUDIT_POOL_CONNECTIONS, busy_seconds=limits.AUDIT_BUSY_SECONDS
        )
    except BadDatabaseUrl as bad:
        raise CannotStart(f"audit.url: {bad}") from bad


async def migrate_audit(settings: Settings) -> tuple[str | None, str]:
    """Bring the log's database to this program's schema; answers the revisions before and after.

    Raises ``CannotStart`` when it does not answer.
    """
    url = settings.audit.keeper_url or settings.audit.url
    try:
        before = await migrations.current(url, migrations.AUDIT)
    except StorageUnavailable as away:
        raise CannotStart(
            f"audit.url: the log's database does not answer ({away.facts.get('why')})"
        ) from away
    except BadDatabaseUrl as bad:
        raise CannotStart(f"audit.url: {bad}") from bad
    if before == migrations.head(migrations.AUDIT):
        return before, before
    try:
        return before, await migrations.upgrade(url, migrations.AUDIT)
    except StorageUnavailable as refused:
        raise CannotStart(
            "audit.url: this user may not make the log's tables; run `run.py migrate` with audit.keeper_url"
        ) from refused


async def require_audit_schema(settings: Settings) -> None:
    """Raise ``CannotStart`` for another schema. Where the log is away, the lines go on without it."""
    try:
        found = await migrations.current(settings.audit.url, migrations.AUDIT)
    except StorageUnavailable as away:
        log.error("audit.away_at_start", why=away.facts.get("why"))
        return
    wanted = migrations.head(migrations.AUDIT)
    if found != wanted:
        raise CannotStart(
            f"the log's schema is {found or 'empty'}, this program needs {wanted}: "
            "run `run.py migrate` with the same settings"
        )


def signing_key(file: Path) -> SigningKey:
    """Read the key that signs heads, making it at first start; only the server's user can read the file.

    Two processes starting at once agree: the file appears whole, and the first one wins. Raises
    ``CannotStart`` for a file that holds no key.
    """
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(secrets.token_hex(KEY_BYTES))
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)
        draft.unlink()
    try:
        return SigningKey(bytes.fromhex(file.read_text("ascii").strip()))
    except (OSError, ValueError) as error:
        raise CannotStart(f"keys.audit: {file.name} holds no key ({type(error).__name__})") from error
