"""The command line. Each command reads settings, hands over, and says one clear line when it cannot.

Heavy imports happen inside the commands: ``--help`` and a refused setting answer at once.
"""

import asyncio
import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from conf.loader import SettingsRefused, judge_for_many_processes, load
from conf.settings import Settings
from server.keys_cli import keys

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
app.add_typer(keys, name="keys")

audit_app = typer.Typer(no_args_is_help=True, help="The log of who did what: verify, export, purge, key.")
app.add_typer(audit_app, name="audit")

im_app = typer.Typer(no_args_is_help=True, help="Conversations: verify, purge.")
app.add_typer(im_app, name="im")

Config = Annotated[Path | None, typer.Option("--config", help="settings file; default: the embedded profile")]
Data = Annotated[Path | None, typer.Option("--data", help="data folder")]
Port = Annotated[int | None, typer.Option("--port", help="port to serve on; 0 picks a free one")]
MetricsPort = Annotated[int | None, typer.Option("--metrics-port", help="where this process is scraped")]


def main() -> None:
    """Run the command line; a refused setting or a foreseen failure ends with one line and status 2."""
    from server.outcomes import CannotStart

    try:
        app()
    except (SettingsRefused, CannotStart) as refused:
        Console(stderr=True).print(
            f"houzhen: {refused}", style="red", markup=False, highlight=False, soft_wrap=True
        )
        sys.exit(2)


def _settings(
    config: Path | None,
    data: Path | None = None,
    port: int | None = None,
    metrics_port: int | None = None,
) -> Settings:
    overrides: dict[str, object] = {}
    if metrics_port is not None:
        overrides["metrics.port"] = metrics_port
    if data is not None:
        overrides["data"] = str(data)
    if port is not None:
        overrides["web.port"] = port
    settings = load(config, overrides=overrides)
    _judge_broker(settings)
    return settings


def _judge_broker(settings: Settings) -> None:
    """Refuse addresses that mean no Redis before anything is started."""
    from adapters.redis.places import BadBrokerUrl, places

    if settings.broker.urls == ("memory:",):
        return
    try:
        places(settings.broker.urls)
    except BadBrokerUrl as bad:
        raise SettingsRefused(f"broker.url: {bad}") from None


@app.command()
def dev(
    port: Annotated[int, typer.Option(help="port to serve on")] = 8888,
    data: Annotated[Path, typer.Option(help="data folder")] = Path(".data"),
    speed: Annotated[float, typer.Option(help="how fast the demonstration day runs; 1 is real time")] = 10.0,
    start: Annotated[str, typer.Option(help="time of the demonstration day to begin at")] = "09:10",
    config: Config = None,
) -> None:
    """Everything on this machine: a demonstration hospital, its front machine, the platform in one loop."""
    from server.dev import DEMO_SETTINGS, run_dev

    settings = _settings(config or DEMO_SETTINGS, data, port)
    asyncio.run(run_dev(settings, speed=speed, start=start))


@app.command()
def serve(config: Config = None, data: Data = None, port: Port = None) -> None:
    """The process tree: web processes and a worker, restarted when they die. Needs Redis."""
    from server.roles import run_tree

    settings = _settings(config, data, port)
    judge_for_many_processes(settings)
    asyncio.run(run_tree(settings, config=config, data=data))


@app.command()
def web(
    config: Config = None, data: Data = None, port: Port = None, metrics_port: MetricsPort = None
) -> None:
    """One web process (started by serve)."""
    from server.roles import run_web

    settings = _settings(config, data, port, metrics_port)
    judge_for_many_processes(settings)
    asyncio.run(run_web(settings))


@app.command()
def worker(config: Config = None, data: Data = None, metrics_port: MetricsPort = None) -> None:
    """One worker process (started by serve): relay, hospital sync, timers, under leases."""
    from server.roles import run_worker

    settings = _settings(config, data, metrics_port=metrics_port)
    judge_for_many_processes(settings)
    asyncio.run(run_worker(settings))


@app.command(hidden=True)
def spare() -> None:
    """Everything imported, waiting to be told which command to become (started by serve)."""
    import server.roles  # noqa: F401

    arguments = sys.stdin.readline()
    if arguments:
        app(json.loads(arguments), standalone_mode=False)


@app.command("front-machine")
def front_machine(
    config: Annotated[Path, typer.Option(help="the front machine's own settings file")],
    set_: Annotated[list[str] | None, typer.Option("--set", help="override: section.key=value")] = None,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error")] = "info",
) -> None:
    """The hospital side: a stateless HTTPS service (mutual TLS) before the hospital's own system."""
    from server.hospital_side import run_front_machine

    asyncio.run(run_front_machine(config, overrides=set_ or [], log_level=log_level))


@app.command()
def migrate(config: Config = None, data: Data = None) -> None:
    """Bring the database to this version's schema."""
    from server.storage import migrate_storage

    before, after = asyncio.run(migrate_storage(_settings(config, data)))
    typer.echo(f"schema: {before or 'empty'} → {after}")


@app.command()
def pki(
    folder: Annotated[Path, typer.Argument(help="where keys and certificates are kept")],
    name: Annotated[list[str] | None, typer.Option(help="host name or address of the front machine")] = None,
) -> None:
    """Make or renew the private CA and the certificates of platform and front machine."""
    from core.clock import SystemClock
    from server.pki import describe, make_pki

    make_pki(folder, at=SystemClock().now(), front_machine_names=tuple(name or ()))
    for line in describe(folder):
        typer.echo(line)


@app.command()
def check(config: Config = None, data: Data = None) -> None:
    """Say within a minute whether all is well, and what is not. Status 1 when something is not."""
    from server.checks import run_checks

    sys.exit(asyncio.run(run_checks(_settings(config, data))))


@app.command()
def token(
    role: Annotated[str, typer.Argument(help="kiosk or screen; people sign in")],
    name: Annotated[str, typer.Argument(help="which: a kiosk's name, or a screen's id")],
    line: Annotated[list[str] | None, typer.Option(help="restrict a kiosk to these lines")] = None,
    days: Annotated[int, typer.Option(help="good for so many days", min=1, max=3650)] = 1,
    config: Config = None,
    data: Data = None,
) -> None:
    """Issue a token for a kiosk or a screen; prints it once and keeps no copy."""
    from server.issue import issue_recorded

    settings, good_for = _settings(config, data), timedelta(days=days)
    issued = asyncio.run(issue_recorded(settings, role=role, name=name, lines=line or [], good_for=good_for))
    typer.echo(issued.token)
    # Not among what a script takes: the id is no secret, and the only way to name this one token.
    typer.echo(f"token id {issued.id}, for: run.py revoke --token-id", err=True)


staff_app = typer.Typer(no_args_is_help=True, help="Staff accounts, where no page can help yet.")
app.add_typer(staff_app, name="staff")


@staff_app.command("set-up-link")
def staff_set_up_link(config: Config = None, data: Data = None) -> None:
    """A new one-time link for the first system administrator, while there is none; earlier ones end."""
    from server.audit_commands import recorded
    from server.staff_parts import set_up_link

    settings = _settings(config, data)
    typer.echo(asyncio.run(recorded(settings, "command.staff_set_up", lambda: set_up_link(settings))))


@staff_app.command("reset")
def staff_reset(
    number: Annotated[str, typer.Argument(help="the staff number")], config: Config = None, data: Data = None
) -> None:
    """Reset password and second factor of an account that nobody inside can reset; prints an invitation."""
    from server.staff_commands import reset_staff

    typer.echo(asyncio.run(reset_staff(_settings(config, data), number)))


@app.command()
def revoke(
    user: Annotated[str | None, typer.Option(help="whose tokens: nurse.0007, screen.hall-3f")] = None,
    token_id: Annotated[str | None, typer.Option(help="one token, by the id told when it was issued")] = None,
    config: Config = None,
    data: Data = None,
) -> None:
    """Take tokens back, all of a user or a single one; sockets that they opened close within a second."""
    from server.issue import revoke_recorded

    typer.echo(asyncio.run(revoke_recorded(_settings(config, data), user=user, token_id=token_id)))


@im_app.command("verify")
def im_verify(
    file: Annotated[Path | None, typer.Argument(help="an exported record; default: the database")] = None,
    conversation: Annotated[str | None, typer.Option(help="only this conversation")] = None,
    config: Config = None,
    data: Data = None,
) -> None:
    """Name every message that was edited, replaced, removed or cut off. Status 1 when there is any."""
    from server.im_commands import verify_database, verify_file

    if file is not None:
        sys.exit(verify_file(file))
    sys.exit(asyncio.run(verify_database(_settings(config, data), conversation)))


@im_app.command("purge")
def im_purge(
    conversation: Annotated[str | None, typer.Option(help="only this conversation")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="show what may go, and let nothing go")] = False,
    config: Config = None,
    data: Data = None,
) -> None:
    """Let go what is older than the law wants it kept and was announced thirty days ago.

    The worker does it by itself. Nothing goes earlier, whoever calls; a hold keeps it.
    """
    from server.im_commands import purge

    sys.exit(asyncio.run(purge(_settings(config, data), conversation, look=dry_run)))


@audit_app.command("verify")
def audit_verify(
    from_export: Annotated[Path | None, typer.Option(help="the exported folder to compare with")] = None,
    public_key: Annotated[Path | None, typer.Option(help="PEM file to trust instead of the own key")] = None,
    config: Config = None,
    data: Data = None,
) -> None:
    """Read the whole log and name whatever was changed. Status 1 when something was."""
    from server.audit_commands import run_verify

    settings = _settings(config, data)
    sys.exit(asyncio.run(run_verify(settings, folder=from_export, public_key=public_key)))


@audit_app.command("export")
def audit_export(config: Config = None, data: Data = None) -> None:
    """Copy signed heads and records to the folder of the settings now (the worker does it by itself)."""
    from server.audit_commands import run_export

    typer.echo(asyncio.run(run_export(_settings(config, data))))


@audit_app.command("purge")
def audit_purge(
    days: Annotated[int | None, typer.Option(help="keep so many days; default: the settings")] = None,
    config: Config = None,
    data: Data = None,
) -> None:
    """Take away whole days that are old enough. Younger than 183 days is refused, whoever asks."""
    from server.audit_commands import run_purge

    typer.echo(asyncio.run(run_purge(_settings(config, data), days=days)))


@audit_app.command("key")
def audit_key(config: Config = None, data: Data = None) -> None:
    """Show the public key that verifies signed heads, for the machine where the exports lie."""
    from server.audit_commands import show_key

    typer.echo(show_key(_settings(config, data)), nl=False)


@app.command()
def schema(
    check: Annotated[bool, typer.Option("--check", help="fail when the committed files differ")] = False,
) -> None:
    """Write docs/api and the pages' limits from the code, or check that what is committed is what it says."""
    from server.api import write_generated

    sys.exit(write_generated(Path(__file__).parents[1], check=check))
