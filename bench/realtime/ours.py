"""Our server as the bench runs it: the realtime part of a web process on a broker in memory.

Publications come over one raw TCP connection, a payload per line, as they do for the peers of our own.
"""

import argparse
import asyncio
import json
import ssl
import sys
import threading
from collections.abc import Sequence

from prometheus_client import CollectorRegistry
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from adapters.memory.broker import MemoryBroker, MemoryStreams
from adapters.memory.nudge import MemoryNudge
from adapters.sql import migrations
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from bench.peers.lines import take_publications
from bench.realtime.contenders import CHANNEL, LINE, PUBLISHED
from bench.realtime.messages import messages
from bench.realtime.sampling import Sampler
from conf.settings import Hospital, Names, Settings, Web
from conf.words import Words
from core import limits
from core.clock import SystemClock
from core.sealing import NoKeys
from realtime.channels import houzhen_channels
from realtime.revocations import RevocableTokens, Revoked
from realtime.tokens import HmacTokens
from server.garbage import settle_garbage
from server.known_lines import KnownLines
from server.live import open_live
from server.telemetry import configure_logs
from server.web import WebServer
from tests.contract.sql_examples import a_line, new


async def lines_of(url: str, names: Sequence[str]) -> tuple[Database, SqlUnits]:
    """A database with these lines; the server lets nobody listen to others."""
    await migrations.upgrade(url)
    database = Database.open(url)
    units = SqlUnits(database, clock=SystemClock(), nudge=MemoryNudge())
    async with units.begin() as unit:
        await unit.lines.keep_many([new(a_line(name)) for name in names])
        await unit.commit()
    return database, units


async def serve(asked: argparse.Namespace) -> None:
    clock, channels, revoked = SystemClock(), houzhen_channels(), Revoked()
    broker = MemoryBroker(MemoryStreams(clock=clock, new_epoch=lambda: "bench"))
    settings = Settings(
        profile="embedded",
        hospital=Hospital(name=Names(zh="医院", en="Hospital")),
        web=Web(native_sender=asked.sender == "native"),
    )
    database, units = await lines_of(f"sqlite:///{asked.data}", [LINE])
    live = await open_live(
        settings=settings,
        broker=broker,
        channels=channels,
        clock=clock,
        tokens=RevocableTokens(HmacTokens([asked.secret.encode()]), revoked),
        revoked=revoked,
        units=units,
        known={"queue": KnownLines(units, clock=clock)},
        sealing=NoKeys(),
        registry=CollectorRegistry(),
        rpc={"say": await messages(database)} if asked.messages else {},
        busy_elsewhere=database.elsewhere.busy,
    )
    web = bind_sockets(0, "127.0.0.1", backlog=limits.HTTP_BACKLOG)
    application = Application(list(live.rules), log_function=lambda handler: None)
    if asked.certificate:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(asked.certificate, asked.key)
        HTTPServer(application, ssl_options=tls).add_sockets(web)
    else:
        WebServer(application, web, words=Words.read(), door_of=live.door).start()
    keep = channels.find(CHANNEL)[0].keep
    for _ in range(PUBLISHED):
        position = await broker.publish(CHANNEL, b'{"line":"L0301"}', keep=keep)
    publications = await take_publications(lambda data: broker.publish(CHANNEL, data, keep=keep))
    settle_garbage()
    port = web[0].getsockname()[1]
    say(port=port, publications=publications, epoch=position.epoch, offset=position.offset)
    await asyncio.Event().wait()


def say(**facts: object) -> None:
    print(json.dumps(facts), flush=True)


def tell_profiles(sampler: Sampler) -> None:
    """Each line that comes is the name of a phase that has ended."""
    for line in sys.stdin:
        say(profile=sampler.report(line.strip()))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--secret", required=True)
    parser.add_argument("--sender", choices=("native", "python"), default="native")
    parser.add_argument("--certificate", default="")
    parser.add_argument("--key", default="")
    parser.add_argument("--data", required=True, help="where its database may be made")
    parser.add_argument("--messages", action="store_true", help="serve the rpc `say`")
    parser.add_argument("--profile", action="store_true")
    asked = parser.parse_args()
    if asked.profile:
        sampler = Sampler()
        sampler.start()
        threading.Thread(target=tell_profiles, args=(sampler,), daemon=True).start()
    configure_logs(form="json", level="warning", role="bench")
    asyncio.run(serve(asked))


if __name__ == "__main__":
    main()
