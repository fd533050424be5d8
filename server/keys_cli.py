"""``run.py keys …``: the keys of sealed fields."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from conf.loader import load
from conf.settings import Settings

keys = typer.Typer(no_args_is_help=True, help="Keys of sealed fields: list, rotate, reseal.")

Config = Annotated[Path | None, typer.Option("--config", help="settings file; default: the embedded profile")]
Data = Annotated[Path | None, typer.Option("--data", help="data folder")]


def _settings(config: Path | None, data: Path | None) -> Settings:
    return load(config, overrides={} if data is None else {"data": str(data)})


@keys.command("list")
def list_(config: Config = None, data: Data = None) -> None:
    """Show each key, what it is, and how many values are under it."""
    from server.sealing_keys import list_keys

    asyncio.run(list_keys(_settings(config, data), Console()))


@keys.command()
def rotate(config: Config = None, data: Data = None) -> None:
    """Add a key that seals from now on. Processes that run learn of it within seconds."""
    from server.audit_commands import recorded
    from server.sealing_keys import rotate_key

    settings = _settings(config, data)
    key = asyncio.run(
        recorded(settings, "command.keys_rotate", lambda: asyncio.to_thread(rotate_key, settings))
    )
    typer.echo(f"key {key} seals from now on; run.py keys reseal renews the rest")


@keys.command()
def reseal(config: Config = None, data: Data = None) -> None:
    """Seal anew what is under older keys, while the service runs. Can be cut off and started again."""
    from server.audit_commands import recorded
    from server.sealing_keys import reseal

    settings = _settings(config, data)
    done = asyncio.run(recorded(settings, "command.keys_reseal", lambda: reseal(settings, Console())))
    typer.echo(f"{done.renewed} values are under the newest key now")
    if done.broken:
        typer.echo(
            f"{done.broken} values do not open: altered, moved, or of a key that is not in the ring", err=True
        )
    if done.left > done.broken:
        typer.echo(f"{done.left} values came in under older keys meanwhile; run it again", err=True)
    sys.exit(1 if done.left else 0)
