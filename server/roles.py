"""The commands of the process tree: ``serve`` the parent, ``web`` and ``worker`` its children."""

import asyncio
import signal
import sys
from pathlib import Path

import structlog

from conf.settings import Settings, Web
from core import limits
from server.bootstrap import Roles, compose
from server.garbage import settle_garbage
from server.lifetime import end_within, keep_files_private, stop_signal
from server.outcomes import CannotStart
from server.staff_parts import tell_first_link
from server.storage import migrate_storage
from server.telemetry import configure_logs
from server.tree import Child, GivenUp, Tree
from server.web import bind

RUN = str(Path(__file__).parents[1] / "run.py")

log = structlog.get_logger()


async def run_web(settings: Settings) -> None:
    """Serve until SIGTERM, then drain."""
    configure_logs(form=settings.log.format, level=settings.log.level, role="web")
    keep_files_private()
    await _run(settings, Roles.WEB)


async def run_worker(settings: Settings) -> None:
    """Work until SIGTERM."""
    configure_logs(form=settings.log.format, level=settings.log.level, role="worker")
    keep_files_private()
    await _run(settings, Roles.WORKER)


async def _run(settings: Settings, roles: Roles) -> None:
    async with stop_signal() as stopped, compose(settings, roles) as platform:
        settle_garbage()
        log.info("role.ready", port=platform.port)
        await stopped.wait()
        log.info("role.draining")
        end_within()
        await platform.drain()


async def run_tree(settings: Settings, *, config: Path | None, data: Path | None) -> None:
    """Migrate, then keep ``web`` × N and a worker running until SIGTERM.

    Raises ``CannotStart`` when the port is taken or a child cannot stay up.
    """
    configure_logs(form=settings.log.format, level=settings.log.level, role="serve")
    keep_files_private()
    await migrate_storage(settings)
    await tell_first_link(settings)
    port = _free_port(settings.web)
    commands = children(settings, config=config, data=data, port=port)
    tree = Tree(commands, spare=[sys.executable, RUN, "spare"], spares=limits.RESTART_SPARES)
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, tree.stop)
    try:
        await tree.run()
    except GivenUp as given_up:
        raise CannotStart(str(given_up)) from given_up


def _free_port(web: Web) -> int:
    """The port the web processes will share; nobody else may have it, another ``serve`` neither."""
    taken = bind(web, shared=False)
    port: int = taken[0].getsockname()[1]
    for each in taken:
        each.close()
    return port


def children(settings: Settings, *, config: Path | None, data: Path | None, port: int) -> list[Child]:
    """The commands that ``serve`` keeps running."""
    common = [sys.executable, RUN]
    options: list[str] = []
    if config is not None:
        options += ["--config", str(config.resolve())]
    if data is not None:
        options += ["--data", str(data.resolve())]
    scraped = settings.metrics.port
    worker = [*common, "worker", *options, "--metrics-port", str(scraped)]
    processes = [Child("worker", worker)]
    for number in range(1, settings.web.processes + 1):
        web = [*common, "web", *options, "--port", str(port)]
        web += ["--metrics-port", str(scraped + number if scraped else 0)]
        processes.append(Child(f"web-{number}", web))
    return processes
