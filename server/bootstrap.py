"""The composition root: from settings to a running platform. The only place where parts meet.

Everything is made here, given its neighbours, started in order and ended in reverse. No module holds state,
so two complete platforms can live in one process.
"""

import asyncio
import contextlib
import enum
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest

from accounts.sms import SmsRules
from adapters.crypto.passwords import Argon2Passwords
from adapters.memory.broker import MemoryBroker, MemoryStreams
from adapters.memory.nudge import MemoryNudge
from adapters.memory.quotas import MemoryQuotas
from adapters.redis.broker import RedisBroker
from adapters.redis.nudge import RedisNudge
from adapters.redis.places import BadBrokerUrl
from adapters.redis.topology import topology_at
from adapters.sql.idempotency import SqlReplays
from adapters.sql.outbox import SqlOutbox
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from audit.holding import RecordHolding
from clinic.reading import DirectoryReadings
from conf.settings import Settings
from conf.words import Words
from core.clock import Clock, SystemClock
from core.nudge import Nudge
from core.refusals import StorageUnavailable
from core.tasks import end_tasks
from front_machine.link import HospitalLink, client_context
from handlers.body_room import UploadRoom
from handlers.client_address import ClientAddresses
from handlers.deps import Deps
from handlers.endpoint import Edge
from handlers.live_calls import LiveCalls
from handlers.protection import Origins
from handlers.recording import Recording
from handlers.socket_witness import SocketWitness
from queue_display.estimate import Estimator
from queue_display.learning import Learning
from queue_display.publishing import Publisher
from queue_display.reading import QueueReadings
from queue_display.service import QueueService
from realtime.broker import Broker
from realtime.channels import houzhen_channels
from realtime.revocations import RevocableTokens, Revoked
from realtime.revoking import Revoking
from realtime.tokens import HmacTokens
from realtime.veil import Unveiling
from server.accounts_parts import HOLDINGS, account_parts
from server.api import ROUTES, documents
from server.archive_parts import archive_probe, open_archive
from server.arrivals import Arrivals
from server.audit_parts import LogProbe, open_audit
from server.clock_watch import clock_watch
from server.consultation_parts import consultation_parts, talk_holdings
from server.demo_staff import demo_accounts
from server.edge_parts import managed_addresses, request_quotas
from server.exposition import exposed
from server.file_parts import file_parts, files_probe, open_blobs
from server.ground import Ground
from server.health import Probe
from server.health_card_parts import open_health_cards
from server.im_parts import im_parts
from server.keeping_parts import keeping
from server.known_lines import KnownLines
from server.lag import watch_lag
from server.live import Live, open_live
from server.moderation_parts import moderation_parts
from server.notice_parts import notice_parts
from server.outcomes import CannotStart
from server.patient_parts import patient_parts, records_of
from server.platforms_parts import open_platforms
from server.sealing_parts import sealing_for
from server.specs import screen_spec
from server.staff_parts import staff_parts
from server.standing import Standing
from server.start import start_answer
from server.storage import migrate_storage, require_schema
from server.telemetry import Metrics
from server.tokens import Issuer, bearer, token_key
from server.web import WebServer, bind, make_application
from server.worker_parts import worker_role

ROOT = Path(__file__).parents[1]
VERSION = "0.1.0"


class Roles(enum.Flag):
    """What one process does."""

    WEB = enum.auto()
    WORKER = enum.auto()
    ALL = WEB | WORKER


@dataclass(frozen=True, slots=True)
class QueueParts:
    """``handlers.deps.Queue``."""

    readings: QueueReadings
    commands: QueueService
    arrivals: Arrivals


@dataclass(frozen=True, slots=True)
class Platform:
    """One running process's worth of the platform."""

    settings: Settings
    web: WebServer | None
    live: Live | None

    @property
    def port(self) -> int:
        """Where it serves; 0 for a process that does not."""
        return self.web.port if self.web else 0

    async def drain(self) -> None:
        """Stop accepting, send sockets elsewhere spread over time, finish requests."""
        if self.web is not None:
            self.web.stop_accepting()
        if self.live is not None:
            await self.live.drain()
        if self.web is not None:
            await self.web.finish()


@contextlib.asynccontextmanager
async def compose(
    settings: Settings,
    roles: Roles,
    *,
    work_after: Callable[[], Awaitable[None]] | None = None,
) -> AsyncIterator[Platform]:
    """Put the platform together and run it while the context lasts. Raises ``CannotStart``.

    The worker role begins when ``work_after`` returns, if it is given.
    """
    async with contextlib.AsyncExitStack() as stack:
        ground = await _ground(settings, stack)
        scraped = settings.metrics
        await stack.enter_async_context(
            exposed(ground.metrics.registry, host=scraped.host, port=scraped.port)
        )
        web, live = None, None
        if roles & Roles.WEB:
            web, live = await _web_role(ground, stack, shared=roles != Roles.ALL)
        background: list[Coroutine[Any, Any, None]] = [
            watch_lag(ground.clock, ground.metrics.loop_lag, ground.metrics.loop_tasks)
        ]
        if live is not None:
            background.append(live.watch())
        if ground.watch is not None:
            background.append(ground.watch.watch())
        if roles & Roles.WORKER:
            background.append(worker_role(ground, work_after))
        tasks = [asyncio.create_task(work) for work in background]
        stack.push_async_callback(end_tasks, tasks)
        if web is not None:
            stack.push_async_callback(web.close)
            web.start()
        yield Platform(settings, web, live)


async def _ground(settings: Settings, stack: contextlib.AsyncExitStack) -> Ground:
    if settings.profile == "embedded":
        await migrate_storage(settings)
    else:
        await require_schema(settings)
    clock = SystemClock()
    database = Database.open(settings.storage.url, connections=settings.storage.pool)
    stack.push_async_callback(database.close)
    metrics = Metrics(CollectorRegistry())
    audit = await open_audit(settings, clock, metrics, stack)
    nudge, broker = messengers(settings, clock)
    await nudge.start()
    stack.push_async_callback(nudge.close)
    stack.push_async_callback(broker.close)
    sealing = await sealing_for(database, settings.keys, clock)
    archive = await open_archive(settings, stack)
    units = SqlUnits(database, clock=clock, nudge=nudge, sealing=sealing, archive=archive)
    estimator = Estimator()
    screens = tuple(screen_spec(screen) for screen in settings.screens)
    link = _link(settings, clock)
    if link is not None:
        stack.push_async_callback(link.close)
    return Ground(
        settings=settings,
        clock=clock,
        metrics=metrics,
        database=database,
        audit=audit,
        nudge=nudge,
        units=units,
        sealing=sealing,
        broker=broker,
        channels=houzhen_channels(),
        publisher=Publisher(screens=screens, waits=estimator.waits),
        learning=Learning(units=units, estimator=estimator, clock=clock),
        estimator=estimator,
        link=link,
        screens=screens,
        archive=archive,
        watch=clock_watch(settings, clock, metrics.registry),
    )


def messengers(settings: Settings, clock: Clock) -> tuple[Nudge, Broker]:
    """Between processes through Redis; inside one process without it."""
    urls = settings.broker.urls
    if urls == ("memory:",):
        streams = MemoryStreams(clock=clock, new_epoch=lambda: secrets.token_hex(4))
        return MemoryNudge(), MemoryBroker(streams)
    try:
        redis = topology_at(urls)
    except BadBrokerUrl as bad:
        raise CannotStart(f"broker.url: {bad}") from None
    return RedisNudge(redis), RedisBroker(redis)


def _link(settings: Settings, clock: Clock) -> HospitalLink | None:
    hospital = settings.hospital
    if not hospital.front_machine:
        return None
    try:
        context = client_context(
            ca=Path(hospital.ca), certificate=Path(hospital.certificate), key=Path(hospital.key)
        )
    except OSError as error:
        raise CannotStart(
            f"hospital.ca, certificate or key cannot be read ({error.strerror}); run.py pki makes them"
        ) from error
    chance = secrets.SystemRandom().random
    return HospitalLink(url=hospital.front_machine, context=context, clock=clock, chance=chance)


async def _web_role(
    ground: Ground, stack: contextlib.AsyncExitStack, *, shared: bool
) -> tuple[WebServer, Live]:
    settings, clock = ground.settings, ground.clock
    key = await asyncio.to_thread(token_key, Path(settings.keys.tokens))
    signed = HmacTokens([key])
    revoked = Revoked()
    tokens = RevocableTokens(signed, revoked)
    issuer = Issuer(signed, clock)
    calls = LiveCalls(ROUTES)
    try:
        live = await open_live(
            settings=settings,
            broker=Unveiling(ground.broker, ground.sealing),
            channels=ground.channels,
            clock=clock,
            tokens=tokens,
            revoked=revoked,
            units=ground.units,
            sealing=ground.sealing,
            known={"queue": KnownLines(ground.units, clock=clock)},
            registry=ground.metrics.registry,
            busy_elsewhere=ground.database.elsewhere.busy,
            rpc=calls,
            witness=SocketWitness(
                ground.audit.log,
                clock=clock,
                quotas=MemoryQuotas(clock),
                passed_over=ground.metrics.sockets_unrecorded.inc,
            ),
        )
    except StorageUnavailable as away:
        raise CannotStart(f"storage.url: the database does not answer ({away.facts.get('why')})") from away
    stack.push_async_callback(live.close)
    standing = Standing(
        units=ground.units,
        outbox=SqlOutbox(ground.database),
        clock=clock,
        pages=ROOT / settings.web.pages,
        mirrors=bool(settings.hospital.front_machine),
        log=LogProbe(ground.audit, clock),
    )
    build = await asyncio.to_thread(standing.build)
    queue = _queue(ground, live, build)
    api = documents()
    platforms = await open_platforms(
        settings, clock=clock, stack=stack, observe=ground.metrics.asked_provider
    )
    cards = await open_health_cards(
        settings.health_card,
        clock=clock,
        stack=stack,
        lent=platforms.lent,
        observe=ground.metrics.asked_provider,
    )
    moderation = moderation_parts(units=ground.units, clock=clock)
    stack.push_async_callback(end_tasks, [asyncio.create_task(moderation.watch(), name="web.words")])
    consultations = consultation_parts(
        settings=settings,
        units=ground.units,
        clock=clock,
        wording=moderation.words,
        reviews=moderation.reviews,
    )
    accounts = account_parts(
        units=ground.units,
        clock=clock,
        tokens=signed,
        token_key=key,
        take_back=live.control.take_back,
        revoked=revoked,
        ways=platforms.ways,
        sms_rules=SmsRules(settings.sms.countries, settings.sms.per_hour),
        holdings=(*HOLDINGS, *talk_holdings(consultations), RecordHolding(ground.audit.store)),
    )
    employed = demo_accounts(key) if settings.demo.enabled else ()
    passwords = Argon2Passwords()
    stack.callback(passwords.close)
    blobs = await open_blobs(settings.files, stack)
    files = file_parts(settings=settings, units=ground.units, clock=clock, blobs=blobs, key=key, stack=stack)
    deps = Deps(
        version=VERSION,
        queue=queue,
        directory=DirectoryReadings(ground.units),
        revoking=Revoking(units=ground.units, clock=clock, take_back=live.control.take_back),
        accounts=accounts,
        staff=staff_parts(
            settings=settings,
            units=ground.units,
            clock=clock,
            sessions=accounts.sessions,
            passwords=passwords,
            key=key,
        ),
        audit=ground.audit,
        wechat=platforms.service_account,
        patients=patient_parts(
            settings=settings, units=ground.units, clock=clock, records=records_of(ground.link), cards=cards
        ),
        consultations=consultations,
        notices=notice_parts(settings=settings, units=ground.units, clock=clock),
        im=im_parts(
            settings=settings,
            units=ground.units,
            clock=clock,
            broker=ground.broker,
            attachments=files,
            wording=moderation.words,
            reviews=moderation.reviews,
        ),
        moderating=moderation.moderating,
        keeping=keeping(settings=settings, units=ground.units, clock=clock),
        files=files,
        readiness=standing.readiness(
            database=ground.database.answers,
            broker=ground.broker.servers,
            others=[
                files_probe(blobs),
                *([archive_probe(ground.archive)] if settings.archive.url else ()),
                *([Probe("clock", needed=False, ask=ground.watch.standing)] if ground.watch else ()),
            ],
        ),
        metrics=lambda: generate_latest(ground.metrics.registry),
        start=lambda: start_answer(settings, issuer, build, employed),
        openapi=api["openapi.json"],
        asyncapi=api["asyncapi.json"],
    )
    words = Words.read()
    addresses = ClientAddresses(settings.web.trusted_proxies)
    edge = Edge(
        deps=deps,
        identify=bearer(tokens, clock),
        words=words,
        clock=clock,
        replays=SqlReplays(ground.database, ground.sealing),
        recording=Recording(
            ground.audit.log,
            clock=clock,
            addresses=addresses,
        ),
        seconds=ground.metrics.http_seconds,
        addresses=addresses,
        origins=Origins(settings.web.allowed_origins),
        managed=managed_addresses(settings),
        quotas=request_quotas(
            settings, clock=clock, sealing=ground.sealing, metrics=ground.metrics, stack=stack
        ),
    )
    calls.open(edge)
    application = make_application(edge, ROUTES, live.rules, settings.web, ROOT)
    listening = bind(settings.web, shared=shared)
    room = UploadRoom(files.room)
    return WebServer(application, listening, words=words, door_of=live.door, room=room), live


def _queue(ground: Ground, live: Live, build: str) -> QueueParts:
    waits = ground.estimator.waits
    readings = QueueReadings(
        units=ground.units,
        clock=ground.clock,
        positions=live,
        waits=waits,
        learning=ground.learning,
        screens=ground.screens,
        build=build,
    )
    commands = QueueService(
        units=ground.units,
        clock=ground.clock,
        publisher=ground.publisher,
        waits=waits,
        learning=ground.learning,
    )
    arrivals = Arrivals(
        commands=commands, readings=readings, link=ground.link, clock=ground.clock, random=os.urandom
    )
    return QueueParts(readings, commands, arrivals)
