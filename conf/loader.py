"""Reads settings once: file, then overrides, then judgement.

A setting can be overridden by an environment variable ``HOUZHEN_<SECTION>__<KEY>`` (for passwords in URLs)
or by a command's flags. Everything wrong is one ``SettingsRefused`` whose text names the key.
"""

import ipaddress
import os
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from conf.settings import Settings
from core import limits
from notices.words import BadPattern, judged

HERE = Path(__file__).parent
PREFIX = "HOUZHEN_"
MOST_DAYS = 36_500
MOST_YEARS = 100
LEAST_ARCHIVE_DAYS = 30
MOST_TIME_SERVERS = 8
_TIME_SERVER = re.compile(r"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?")
LOG_DAYS = 183
"""The law's floor; ``audit.retention`` and the log's database keep it too."""
_BROKER = re.compile(r"memory:$|rediss?(\+sentinel|\+cluster)?://")
_HOUR = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_SAFE = re.compile(r"https://[^/]|http://(127\.0\.0\.1|localhost)(:|/|$)")
_OF_MSGSPEC = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<path>[^`]*)`)?$")


class SettingsRefused(Exception):
    """The settings cannot be used; the text names the key and says why."""


def load(
    file: Path | None = None,
    *,
    overrides: Mapping[str, object] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """Read ``file`` (default: the embedded profile), apply overrides, expand ``{data}`` and judge the whole.

    ``overrides`` maps dotted keys (``web.port``) to values and wins over the environment, which wins over the
    file. Raises ``SettingsRefused``.
    """
    source = file or HERE / "embedded.toml"
    tree = _read(source)
    environment = os.environ if environment is None else environment
    for name, text in sorted(environment.items()):
        if name.startswith(PREFIX) and "__" in name:
            _put(tree, name[len(PREFIX) :].lower().replace("__", "."), _value(text))
    for key, value in (overrides or {}).items():
        _put(tree, key, value)
    settings = _typed(tree, source)
    expanded = _typed(_expand(msgspec.to_builtins(settings), Path(settings.data).resolve()), source)
    _judge(expanded)
    return expanded


def _read(source: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(source.read_text("utf-8"))
    except OSError as error:
        raise SettingsRefused(f"{source}: cannot be read ({error.strerror})") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsRefused(f"{source}: not TOML: {error}") from error


def _value(text: str) -> object:
    """An environment value as TOML would read it; what TOML does not understand is plain text."""
    try:
        return tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        return text


def _put(tree: dict[str, Any], dotted: str, value: object) -> None:
    *sections, key = dotted.split(".")
    for section in sections:
        tree = tree.setdefault(section, {})
        if not isinstance(tree, dict):
            raise SettingsRefused(f"{dotted}: {section} is not a section")
    tree[key] = value


def _typed(tree: object, source: Path) -> Settings:
    try:
        return msgspec.convert(tree, Settings)
    except msgspec.ValidationError as error:
        parts = _OF_MSGSPEC.match(str(error))
        assert parts is not None
        what, path = parts["what"], parts["path"] or ""
        unknown = re.search(r"unknown field `([^`]+)`", what)
        if unknown:
            key = f"{path}.{unknown[1]}".lstrip(".")
            raise SettingsRefused(f"{source.name}: {key}: unknown key") from error
        raise SettingsRefused(f"{source.name}: {path or 'file'}: {what}") from error


def _expand(tree: Any, data: Path) -> Any:
    if isinstance(tree, str):
        return tree.replace("{data}", str(data))
    if isinstance(tree, dict):
        return {key: _expand(value, data) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [_expand(value, data) for value in tree]
    return tree


def _judge(settings: Settings) -> None:
    """Refuse combinations that cannot work, before anything is opened."""
    for key, why in _contradictions(settings):
        raise SettingsRefused(f"{key}: {why}")


def _contradictions(settings: Settings) -> Iterable[tuple[str, str]]:
    production = settings.profile == "production"
    if not settings.storage.url.startswith(("sqlite:///", "mysql", "mariadb")):
        yield "storage.url", "must begin with sqlite:/// , mysql:// or mariadb://"
    for name in ("url", "keeper_url"):
        url = getattr(settings.audit, name)
        if not url.startswith(("sqlite:///", "mysql", "mariadb")) and not (name == "keeper_url" and not url):
            yield f"audit.{name}", "must begin with sqlite:/// , mysql:// or mariadb://"
    if not LOG_DAYS <= settings.audit.days <= MOST_DAYS:
        yield "audit.days", f"must be {LOG_DAYS} to {MOST_DAYS}: the log is kept for half a year at least"
    if settings.audit.room_bytes < 0:
        yield "audit.room_bytes", "must be 0 or more"
    if not all(_BROKER.match(url) for url in settings.broker.urls):
        yield (
            "broker.url",
            "must be memory: or begin with redis://, redis+sentinel:// or redis+cluster:// (rediss for TLS)",
        )
    if "memory:" in settings.broker.urls and len(settings.broker.urls) > 1:
        yield "broker.url", "memory: is no shard: it stands alone"
    if not 0 <= settings.web.port <= 65535:
        yield "web.port", "must be 0 to 65535"
    if not 1 <= settings.web.processes <= 64:
        yield "web.processes", "must be 1 to 64"
    if len(settings.clock.servers) > MOST_TIME_SERVERS:
        yield "clock.servers", f"must be at most {MOST_TIME_SERVERS}"
    for server in settings.clock.servers:
        if not _TIME_SERVER.fullmatch(server):
            yield "clock.servers", f"{server} is no host, and no host with a port behind a colon"
    for place in settings.web.admin_addresses:
        if not _is_network(place):
            yield "web.admin_addresses", f"{place} is no address and no network such as 10.0.0.0/24"
    for proxy in settings.web.trusted_proxies:
        if not _is_network(proxy):
            yield "web.trusted_proxies", f"{proxy} is no address and no network such as 10.0.0.0/24"
    if settings.web.connections_per_address < 1:
        yield "web.connections_per_address", "must be 1 or more"
    if settings.web.connections_per_user < 1:
        yield "web.connections_per_user", "must be 1 or more"
    if not 0 <= settings.web.requests_scale <= 1_000:
        yield "web.requests_scale", "must be 0 to 1000"
    if settings.hospital.front_machine and not settings.hospital.front_machine.startswith("https://"):
        yield "hospital.front_machine", "must begin with https:// (the front machine speaks mutual TLS only)"
    least = {"tickets_days": 2, "history_days": limits.QUEUE_LEARN_DAYS + 2, "outbox_days": 1}
    for name, days in least.items():
        if not days <= getattr(settings.retention, name) <= MOST_DAYS:
            yield f"retention.{name}", f"must be {days} to {MOST_DAYS}"
    for name, years in {"conversations_years": 3, "records_years": 15}.items():
        said = getattr(settings.retention, name)
        if said and not years <= said <= MOST_YEARS:
            yield f"retention.{name}", f"must be {years} to {MOST_YEARS} (the law's floor), or 0: for ever"
    yield from _about_health_cards(settings)
    yield from _about_notices(settings)
    archive = settings.archive
    if archive.url and not archive.url.startswith(("mongodb://", "mongodb+srv://")):
        yield "archive.url", "must begin with mongodb:// or mongodb+srv://"
    if not LEAST_ARCHIVE_DAYS <= archive.after_days <= MOST_DAYS:
        yield "archive.after_days", f"must be {LEAST_ARCHIVE_DAYS} to {MOST_DAYS}"
    files = settings.files
    if files.store == "s3":
        if not _SAFE.match(files.s3_url):
            yield "files.s3_url", "must begin with https:// (http:// only on 127.0.0.1)"
        for name in ("s3_bucket", "s3_access_key"):
            if not getattr(files, name):
                yield f"files.{name}", "is needed for an S3 store"
    if not 1 <= settings.patients.per_account <= limits.PATIENTS_PER_ACCOUNT:
        yield "patients.per_account", f"must be 1 to {limits.PATIENTS_PER_ACCOUNT}"
    for name, fewest, most in (
        ("idle_minutes", 1, 24 * 60),
        ("administrators_idle_minutes", 1, 60),
        ("session_hours", 1, 24 * 7),
        ("password_days", 0, 3_650),
    ):
        if not fewest <= getattr(settings.staff, name) <= most:
            yield f"staff.{name}", f"must be {fewest} to {most}"
    if production and settings.demo.enabled:
        yield "demo.enabled", "the demonstration's ready-made tokens are refused in production"
    if production and "*" in settings.web.allowed_origins:
        yield "web.allowed_origins", "* is refused in production"
    yield from _about_providers(settings, production=production)
    yield from _doubles("own_lines", (line.id for line in settings.own_lines))
    yield from _doubles("screens", (screen.id for screen in settings.screens))
    for screen in settings.screens:
        if not (screen.lines or screen.departments):
            yield f"screens.{screen.id}", "shows nothing: give lines or departments"
    for line in settings.own_lines:
        if not line.rooms:
            yield f"own_lines.{line.id}.rooms", "a line needs at least one room"


def _about_providers(settings: Settings, *, production: bool) -> Iterable[tuple[str, str]]:
    """WeChat, Alipay, SMS: addresses carry secrets, so they are encrypted unless they stay in the machine."""
    wechat, alipay, sms = settings.wechat, settings.alipay, settings.sms
    addresses = {
        "wechat.api": wechat.api,
        "wechat.pages": wechat.pages,
        "alipay.gateway": alipay.gateway,
        "sms.gateway": sms.gateway,
    }
    for key, address in addresses.items():
        if address and not _SAFE.match(address):
            yield key, "must begin with https:// (http:// only on 127.0.0.1)"
    if wechat.app and not wechat.page_hosts:
        yield "wechat.page_hosts", "name the hosts of the hospital's pages"
    if wechat.aes_key_file and not wechat.token_file:
        yield "wechat.token_file", "is needed beside wechat.aes_key_file"
    certificates = (alipay.app_certificate_file, alipay.alipay_certificate_file, alipay.root_certificate_file)
    if any(certificates) and not all(certificates):
        yield "alipay.app_certificate_file", "give all three certificates or none"
    if sms.sender == "http" and not sms.gateway:
        yield "sms.gateway", 'is needed for sms.sender = "http"'
    if production and settings.consultations.sandbox_payment:
        yield "consultations.sandbox_payment", "gives and takes no money; production needs a payment module"
    if production and sms.sender == "log":
        yield "sms.sender", "log delivers nothing; production needs http or none"


def _about_notices(settings: Settings) -> Iterable[tuple[str, str]]:
    notices = settings.notices
    for name in ("night_begin", "night_end"):
        if not _HOUR.fullmatch(getattr(notices, name)):
            yield f"notices.{name}", "must be a time such as 22:00"
    for section, app in (
        ("wechat_mini", "wechat_mini"),
        ("wechat_page", "wechat"),
        ("alipay_mini", "alipay"),
    ):
        for kind, form in getattr(notices, section).items():
            if not getattr(settings, app).app:
                yield f"notices.{section}", f"needs {app}.app"
            for field, pattern in form.fields.items():
                try:
                    judged(pattern)
                except BadPattern as bad:
                    yield f"notices.{section}.{kind}.fields.{field}", str(bad)


def _about_health_cards(settings: Settings) -> Iterable[tuple[str, str]]:
    card = settings.health_card
    if card.provider == "offline" and settings.profile == "production":
        yield "health_card.provider", "offline is an issuer for demonstrations: refused in production"
    if card.provider in {"provincial", "tencent"}:
        if not card.address.startswith("https://" if settings.profile == "production" else "http"):
            yield "health_card.address", "must begin with https://"
        if not card.app:
            yield "health_card.app", "is needed by this provider"
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", card.issuer):
        yield "health_card.issuer", "must be 1 to 32 letters, digits, - or _"
    if not 20 <= card.code_seconds <= 600:
        yield "health_card.code_seconds", "must be 20 to 600"


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


def _doubles(key: str, ids: Iterable[str]) -> Iterable[tuple[str, str]]:
    for name, times in Counter(ids).items():
        if times > 1:
            yield key, f"the id {name} is given {times} times"


def environment() -> Mapping[str, str]:
    """The process's environment, for settings files that name variables. Nobody else reads it."""
    return dict(os.environ)


def judge_for_many_processes(settings: Settings) -> None:
    """Refuse what works in one process only. Called by ``serve``, ``web`` and ``worker``."""
    if settings.broker.urls == ("memory:",):
        raise SettingsRefused(
            "broker.url: memory: reaches one process only; several need redis:// (or use run.py dev)"
        )
