"""``run.py dev``: a whole hospital morning on one machine, nothing installed.

The demonstration hospital and its front machine are processes of their own; the platform reaches the hospital
only through the front machine's mutual TLS. The platform's web and worker roles share one loop.
"""

import asyncio
import contextlib
import shutil
import socket
import sys
from functools import partial
from pathlib import Path

import msgspec
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from conf.settings import Settings
from core import limits
from core.clock import SystemClock
from server.bootstrap import Roles, compose
from server.demo_platforms import agree, connected
from server.demo_staff import employ
from server.lifetime import alone_in, keep_files_private, stop_signal
from server.pki import make_pki
from server.staff_parts import tell_first_link
from server.storage import migrate_storage
from server.telemetry import configure_logs
from server.tree import Child, Tree

ROOT = Path(__file__).parents[1]
DEMO_SETTINGS = ROOT / "conf" / "demo.toml"
FRONT_MACHINE_SETTINGS = ROOT / "conf" / "front-machine.demo.toml"


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def run_dev(settings: Settings, *, speed: float, start: str) -> None:
    """Run until Ctrl-C or SIGTERM. Raises ``CannotStart`` when port or data folder is taken."""
    configure_logs(form=settings.log.format, level=settings.log.level, role="dev")
    keep_files_private()
    data = Path(settings.data)
    with alone_in(data):
        await _run(settings, data, speed=speed, start=start)


async def _run(settings: Settings, data: Path, *, speed: float, start: str) -> None:
    await asyncio.to_thread(make_pki, data / "pki", at=SystemClock().now())
    agreed = await asyncio.to_thread(agree, data / "platforms")
    front_port, open_port = free_port(), free_port()
    linked = msgspec.structs.replace(
        connected(settings, agreed.parent, open_port),
        hospital=msgspec.structs.replace(settings.hospital, front_machine=f"https://127.0.0.1:{front_port}"),
    )
    await migrate_storage(settings)
    # Before anybody can ask: the start page shows who may sign in.
    await (employ(settings) if settings.demo.enabled else tell_first_link(settings))
    commands = neighbour_commands(data, front_port=front_port, speed=speed, start=start)
    neighbours = Tree([*commands, open_platforms_command(agreed, open_port)])
    running = asyncio.create_task(neighbours.run())
    try:
        platform_of = compose(linked, Roles.ALL, work_after=partial(_answers, front_port))
        async with platform_of as platform, stop_signal() as stopped:
            _say_what_to_open(platform.port, open_port, speed)
            stopping = asyncio.create_task(stopped.wait())
            await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            neighbours.stop()
            await platform.drain()
    finally:
        neighbours.stop()
        await running


async def _answers(port: int) -> None:
    """Wait a moment until somebody listens; a platform that comes first only complains about nobody."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(limits.DEV_NEIGHBOUR_SECONDS):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    return
                await asyncio.sleep(0.05)


def neighbour_commands(data: Path, *, front_port: int, speed: float, start: str) -> list[Child]:
    """The commands of the strangers: the hospital's own system, and the front machine before it."""
    his = data.resolve() / "his.db"
    python = sys.executable
    hospital = [python, "-m", "demo.hospital", "--db", str(his), "--speed", str(speed), "--start", start]
    pki = data.resolve() / "pki"
    overrides = {
        "listen.port": front_port,
        "his.link.url": f"sqlite:///{his}",
        "tls.ca": pki / "ca.crt",
        "tls.certificate": pki / "front-machine.crt",
        "tls.key": pki / "front-machine.key",
    }
    front = [python, str(ROOT / "run.py"), "front-machine", "--config", str(FRONT_MACHINE_SETTINGS)]
    front += ["--log-level", "warning"]
    for key, value in overrides.items():
        front += ["--set", f"{key}={value}"]
    return [
        Child("hospital", hospital, folder=ROOT),
        Child("front-machine", front, folder=ROOT),
    ]


def open_platforms_command(agreed: Path, port: int) -> Child:
    """The command of WeChat, Alipay and everybody's phones, simulated."""
    command = [sys.executable, "-m", "demo.platforms", "--agreed", str(agreed.resolve())]
    return Child("platforms", [*command, "--port", str(port)], folder=ROOT)


def _say_what_to_open(port: int, open_port: int, speed: float) -> None:
    address = f"http://127.0.0.1:{port}"
    table = Table.grid(padding=(0, 2))
    for what, where in (
        ("start page 首页", f"{address}/"),
        ("a clinic screen 候诊屏", f"{address}/screen/hall-3"),
        ("a patient's phone 手机", f"{address}/h5/"),
        ("calling page 叫号", f"{address}/doctor/"),
        ("back office 管理", f"{address}/admin/"),
        ("text messages 手机短信", f"http://127.0.0.1:{open_port}/"),
        ("API documents 接口文档", f"{address}/docs"),
    ):
        table.add_row(what, f"[link={where}]{where}[/link]")
    width = shutil.get_terminal_size((100, 24)).columns
    Console(width=min(width, 100)).print(
        Panel(table, title="Houzhen 候诊", subtitle=f"demonstration day, {speed:g}× · Ctrl-C ends it")
    )
