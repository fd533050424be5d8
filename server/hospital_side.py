"""``run.py front-machine``: the service inside the hospital, from its one settings file to the open port."""

from collections.abc import Sequence
from pathlib import Path

from adapters.his.registry import open_his
from conf.loader import environment
from core.clock import SystemClock
from front_machine.gateway import build_gateway, serve
from front_machine.his import HisTrouble
from front_machine.mapping import MappingRefused
from front_machine.settings import FrontMachineSettings, load_settings, overrides_of
from server.lifetime import keep_files_private
from server.outcomes import CannotStart
from server.telemetry import configure_logs


def read_settings(config: Path, overrides: Sequence[str]) -> FrontMachineSettings:
    """Read the file with ``section.key=value`` overrides. Raises ``CannotStart`` naming the key."""
    try:
        return load_settings(config, environment=environment(), overrides=overrides_of(overrides))
    except MappingRefused as refused:
        raise CannotStart(f"{config.name}: {refused}") from refused


async def run_front_machine(config: Path, *, overrides: Sequence[str], log_level: str = "info") -> None:
    """Serve until SIGTERM. Raises ``CannotStart`` when settings, keys or the port cannot be used."""
    configure_logs(form="json", level=log_level, role="front-machine")
    keep_files_private()
    settings = read_settings(config, overrides)
    try:
        gateway = build_gateway(settings, open_his(settings.his), clock=SystemClock())
        await serve(gateway)
    except (MappingRefused, HisTrouble) as refused:
        raise CannotStart(f"{config.name}: {refused}") from refused
    except OSError as error:
        raise CannotStart(f"{config.name}: {error.strerror or error}") from error
