"""The shape of the house, kept by tests: who imports whom, how thin the edge is, that nothing is global."""

import ast
import importlib
import inspect
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = (
    "core",
    "realtime",
    "accounts",
    "audit",
    "notices",
    "clinic",
    "queue_display",
    "im",
    "front_machine",
    "handlers",
    "adapters",
    "conf",
    "server",
)


def modules() -> Iterator[str]:
    for package in OURS:
        for found in pkgutil.walk_packages([str(ROOT / package)], f"{package}."):
            if ".migrations" not in found.name:
                yield found.name


def sources() -> Iterator[Path]:
    for package in OURS:
        yield from sorted((ROOT / package).rglob("*.py"))


def test_imports_only_point_down() -> None:
    ran = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-4000:]


def test_endpoints_pages_sockets_and_streams_are_all_the_request_handlers_there_are() -> None:
    from tornado.web import RequestHandler, StaticFileHandler

    for name in modules():
        importlib.import_module(name)
    pending, found = [RequestHandler], set()
    while pending:
        for child in pending.pop().__subclasses__():
            pending.append(child)
            if child.__module__.split(".")[0] in OURS and not child.__module__.startswith("front_machine"):
                found.add(child.__name__)
    assert StaticFileHandler.__name__ not in found
    streams = {"_OfStreams", "_Down", "HttpStream", "EventStream", "Emulation"}
    assert found == {"JsonEndpoint", "PageFile", "RealtimeSocket", *streams}


def endpoints() -> list[object]:
    from server.api import ROUTES

    return [route.function for route in ROUTES]


def test_an_endpoint_is_at_most_ten_statements() -> None:
    for function in endpoints():
        tree = ast.parse(inspect.getsource(function))  # type: ignore[arg-type]
        body = tree.body[0]
        assert isinstance(body, ast.AsyncFunctionDef)
        statements = [node for node in ast.walk(body) if isinstance(node, ast.stmt)][1:]
        assert len(statements) <= 10, body.name
        assert ast.get_docstring(body), f"{body.name} says nothing about itself"


ALLOWED_AT_MODULE_LEVEL = {"Routes", "getLogger", "get_logger"}


def test_modules_hold_no_state() -> None:
    """No module makes an object of ours when imported, besides routers; and none has a mutable global."""
    for path in sources():
        if "migrations" in path.parts:
            continue
        for node in ast.parse(path.read_text("utf-8")).body:
            value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
            target = ast.unparse(node.targets[0]) if isinstance(node, ast.Assign) else ""
            mutable = isinstance(value, ast.List | ast.Set) or (
                isinstance(value, ast.Dict) and not value.keys
            )
            assert not mutable or target == "__all__", f"{path}:{node.lineno} a mutable global"


@pytest.mark.parametrize("word", ["utils", "helpers", "manager", "base", "misc", "common"])
def test_no_drawer_for_odds_and_ends(word: str) -> None:
    assert not [path for path in sources() if path.stem == word]
