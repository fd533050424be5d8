"""Everything that can be set on the hospital side: one TOML file, read once, refused by key.

Texts may hold ``${NAME}``, which is taken from the environment (for passwords in URLs). Relative paths are
relative to the settings file.
"""

import ipaddress
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from core import limits
from front_machine.contract_patients import ID_KINDS, SEXES
from front_machine.mapping import (
    CheckInMapping,
    MappingRefused,
    Part,
    PatientsMapping,
    Table,
    Tables,
    judge_table,
)

_OF_MSGSPEC = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<path>[^`]*)`)?$", re.S)
_FROM_ENVIRONMENT = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
Typed = TypeVar("Typed")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Listen(Part, frozen=True, kw_only=True):
    """Where the platform reaches this machine."""

    host: str = "0.0.0.0"
    port: int = 8443
    allow: tuple[str, ...]
    """Addresses or networks of the platform. Everybody else is dropped before the first byte is read."""


class Tls(Part, frozen=True, kw_only=True):
    """Files made by ``run.py pki``."""

    ca: str
    certificate: str
    key: str
    platform_names: tuple[str, ...] = ("platform.houzhen",)
    """A client certificate of our authority must also carry one of these names."""


class His(Part, frozen=True, kw_only=True):
    """How the hospital's own system is reached."""

    transport: str = "db_view"
    poll_seconds: float = 1.0
    """How often it is asked while somebody waits for news, however many wait."""
    reply_seconds: float = 8.0
    clock_still_seconds: float = 10.0
    """A hospital whose own clock (``clock.fields.now``) stands still for so long is down, though its database
    answers; 0 never asks. Without a mapped clock nothing is concluded."""
    encoding: str = "utf-8"
    """How bytes are decoded unless a table or field says otherwise."""
    link: dict[str, Any] = msgspec.field(default_factory=dict)
    """The transport's own keys; the transport checks them."""


class FrontMachineSettings(Part, frozen=True, kw_only=True):
    """The whole file."""

    listen: Listen
    tls: Tls
    his: His
    tables: Tables
    clock: Table | None = None
    """The hospital's own clock and business day, where these are not this machine's."""
    check_in: CheckInMapping | None = None
    patients: PatientsMapping | None = None


def load_settings(
    file: Path, *, environment: Mapping[str, str], overrides: Mapping[str, object] | None = None
) -> FrontMachineSettings:
    """Read, override by dotted keys (``his.link.url``), complete and judge. Raises ``MappingRefused``."""
    try:
        tree = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise MappingRefused(str(file), f"cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MappingRefused(str(file), f"not TOML: {error}") from error
    for key, value in (overrides or {}).items():
        _put(tree, key, value)
    settings = typed(_completed(tree, environment, ""), FrontMachineSettings, "")
    _judge(settings)
    folder = file.resolve().parent
    tls = settings.tls
    return msgspec.structs.replace(
        settings,
        tls=msgspec.structs.replace(
            tls,
            ca=str(folder / tls.ca),
            certificate=str(folder / tls.certificate),
            key=str(folder / tls.key),
        ),
    )


def overrides_of(texts: Sequence[str]) -> dict[str, object]:
    """Command line overrides such as ``listen.port=8443``; values as TOML reads them, else plain text."""
    overrides: dict[str, object] = {}
    for given in texts:
        key, separator, value = given.partition("=")
        if not separator:
            raise MappingRefused(given, "must be section.key=value")
        try:
            overrides[key] = tomllib.loads(f"v = {value}")["v"]
        except tomllib.TOMLDecodeError:
            overrides[key] = value
    return overrides


def typed(tree: object, kind: type[Typed], where: str) -> Typed:
    """Convert plain TOML values; raises ``MappingRefused`` naming the key below ``where``."""
    try:
        return msgspec.convert(tree, kind)
    except msgspec.ValidationError as error:
        parts = _OF_MSGSPEC.match(str(error))
        assert parts is not None
        path = ".".join(part for part in (where, parts["path"] or "") if part)
        wrong = re.search(r"(unknown|required) field `([^`]+)`", parts["what"])
        if wrong:
            key = ".".join(part for part in (path, wrong[2]) if part)
            raise MappingRefused(key, "unknown key" if wrong[1] == "unknown" else "is missing") from error
        raise MappingRefused(path or "file", parts["what"]) from error


def allowed_networks(settings: Listen) -> tuple[Network, ...]:
    """The allow-list as networks. Raises ``MappingRefused``."""
    networks = []
    for entry in settings.allow:
        try:
            networks.append(ipaddress.ip_network(entry))
        except ValueError as error:
            raise MappingRefused("listen.allow", f"{entry!r} is not an address or network") from error
    return tuple(networks)


def _put(tree: dict[str, Any], dotted: str, value: object) -> None:
    *sections, key = dotted.split(".")
    for section in sections:
        tree = tree.setdefault(section, {})
    tree[key] = value


def _completed(tree: Any, environment: Mapping[str, str], key: str) -> Any:
    if isinstance(tree, str):

        def from_environment(match: re.Match[str]) -> str:
            if match[1] not in environment:
                raise MappingRefused(key, f"the environment has no {match[1]}")
            return environment[match[1]]

        return _FROM_ENVIRONMENT.sub(from_environment, tree)
    if isinstance(tree, dict):
        return {
            name: _completed(value, environment, f"{key}.{name}".lstrip(".")) for name, value in tree.items()
        }
    if isinstance(tree, list):
        return [_completed(value, environment, key) for value in tree]
    return tree


def _judge(settings: FrontMachineSettings) -> None:
    if not settings.listen.allow:
        raise MappingRefused("listen.allow", "is empty: nobody could ask")
    allowed_networks(settings.listen)
    if not settings.tls.platform_names:
        raise MappingRefused("tls.platform_names", "is empty: nobody could ask")
    if not 0.05 <= settings.his.poll_seconds <= limits.HOSPITAL_WAIT_SECONDS:
        raise MappingRefused("his.poll_seconds", f"must be 0.05 to {limits.HOSPITAL_WAIT_SECONDS}")
    if not 0 < settings.his.reply_seconds <= limits.HOSPITAL_REPLY_SECONDS:
        raise MappingRefused("his.reply_seconds", f"must be above 0, at most {limits.HOSPITAL_REPLY_SECONDS}")
    if settings.his.clock_still_seconds < 0:
        raise MappingRefused("his.clock_still_seconds", "must not be negative")
    for name in settings.tables.__struct_fields__:
        table = getattr(settings.tables, name)
        if table is not None:
            judge_table(f"tables.{name}", name, table)
    if settings.clock is not None:
        judge_table("clock", "clock", settings.clock)
    if settings.check_in is not None:
        judge_table("check_in.settle", "settle", settings.check_in.settle)
    if settings.patients is not None:
        _judge_patients(settings.patients)


def _judge_patients(patients: PatientsMapping) -> None:
    for key, given, known in (("id_kinds", patients.id_kinds, ID_KINDS), ("sexes", patients.sexes, SEXES)):
        unknown = set(given) - known
        if unknown:
            raise MappingRefused(f"patients.{key}.{min(unknown)}", f"known are {', '.join(sorted(known))}")
    if patients.find is not None:
        judge_table("patients.find", "find_patient", patients.find)
        if ":id_number" not in patients.find.query:
            raise MappingRefused("patients.find.query", "asks for nobody: use :id_number")
    for part, name in (("create", "settle_patient"), ("bind_health_card", "settle_card")):
        write = getattr(patients, part)
        if write is not None:
            judge_table(f"patients.{part}.settle", name, write.settle)
            for what, text in (("statement", write.statement), ("settle.query", write.settle.query)):
                if ":key" not in text:
                    raise MappingRefused(
                        f"patients.{part}.{what}", "must use :key, or nothing could be settled"
                    )
