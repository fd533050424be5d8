"""What is shown as an example works, and what the operator's page says is what the code does."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import yaml
from prometheus_client import CollectorRegistry
from prometheus_client.process_collector import ProcessCollector

from adapters.ntp.servers import NtpServers
from conf.loader import load
from conf.settings import Setting, Settings
from core.clock import SystemClock
from front_machine.sync import SyncHealth
from queue_display.line import LineSettings
from realtime.metrics import RealtimeMetrics
from server.clock_watch import ClockWatch
from server.exposition import SyncCollector
from server.specs import own_line_spec, screen_spec
from server.telemetry import Metrics

ROOT = Path(__file__).parents[3]
CONF = ROOT / "conf"
PLATFORM = sorted(each for each in CONF.glob("*.toml") if not each.name.startswith("front-machine"))
PAGE = (ROOT / "docs" / "operating.md").read_text("utf-8")


@pytest.mark.parametrize("file", PLATFORM, ids=lambda file: file.name)
def test_an_example_can_be_used(file: Path) -> None:
    settings = load(file, environment={})
    assert settings.profile == ("production" if file.name.startswith("production") else "embedded")
    for line in settings.own_lines:
        own_line_spec(line)
    for screen in settings.screens:
        screen_spec(screen)


def keys(kind: type[Setting], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Every key of the settings with its default."""
    for field in msgspec.structs.fields(kind):
        if isinstance(field.type, type) and issubclass(field.type, Setting) and field.name != "name":
            yield from keys(field.type, f"{prefix}{field.name}.")
        else:
            made = field.default_factory
            yield f"{prefix}{field.name}", field.default if made is msgspec.NODEFAULT else made()


def row_of(key: str) -> str:
    found = re.search(rf"^\| `{re.escape(key)}` \| (.*?) \|", PAGE, re.MULTILINE)
    assert found is not None, f"docs/operating.md does not explain {key}"
    return found[1]


def shown(default: object) -> str:
    if default is msgspec.NODEFAULT:
        return "required"
    if default is None:
        return "none"
    if isinstance(default, tuple):
        return f"`{json.dumps(default)}`"
    if default == "":
        return '`""`'
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


@pytest.mark.parametrize(("key", "default"), list(keys(Settings)))
def test_every_setting_is_explained_with_its_default(key: str, default: object) -> None:
    assert row_of(key) == shown(default)


@pytest.mark.parametrize("name", LineSettings.__slots__)
def test_every_setting_of_a_line_is_explained_with_its_default(name: str) -> None:
    assert row_of(name) == shown(getattr(LineSettings(), name))


def metrics() -> set[str]:
    """Every name that a process shows."""
    registry = CollectorRegistry()
    Metrics(registry)
    RealtimeMetrics(registry)
    ProcessCollector(registry=registry)
    ClockWatch(NtpServers(()), clock=SystemClock(), registry=registry)
    now = SystemClock().now()
    registry.register(SyncCollector(lambda: SyncHealth(last_pull=now), lambda: now))
    found = set()
    for metric in registry.collect():
        found |= {metric.name, *(sample.name for sample in metric.samples)}
        if metric.type == "counter":
            found.add(f"{metric.name}_total")
        if metric.type == "histogram":
            found |= {f"{metric.name}_{part}" for part in ("bucket", "count", "sum")}
    return found


def named_in(text: str) -> set[str]:
    return set(re.findall(r"\b(?:houzhen|realtime|process)_[a-z_]+[a-z]\b", text))


def test_dashboard_and_alerts_use_metrics_that_exist() -> None:
    rules = yaml.safe_load((CONF / "deploy" / "alerts.yml").read_text("utf-8"))
    dashboard = json.loads((CONF / "deploy" / "dashboard.json").read_text("utf-8"))
    expressions = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    expressions += [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    assert len(expressions) > 10
    assert named_in(" ".join(expressions)) <= metrics()


def test_the_page_names_metrics_that_exist() -> None:
    table = [line for line in PAGE.splitlines() if line.startswith(("| `houzhen_", "| `realtime_"))]
    assert named_in(" ".join(line.split("|")[1] for line in table)) <= metrics() | {"houzhen_outbox_"}
