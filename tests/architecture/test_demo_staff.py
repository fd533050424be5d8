"""Ready-made accounts exist in the demonstration alone; nothing else knows a password."""

import ast
from pathlib import Path

import pytest

from conf.loader import SettingsRefused, load
from core.actor import EMPLOYEES
from realtime.tokens import HmacTokens
from server.api import ROUTES
from server.demo_staff import demo_accounts, employ
from server.issue import ISSUED
from server.start import start_answer
from server.tokens import Issuer
from tests.architecture.test_structure import ROOT, sources
from tests.unit.server.test_tokens import KEY, NOON, ManualClock

MAY_KNOW_THEM = {"server/dev.py", "server/start.py", "server/bootstrap.py"}


def test_only_the_demonstration_knows_them() -> None:
    knowing = set()
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "server.demo_staff":
                knowing.add(path.relative_to(ROOT).as_posix())
    assert knowing == MAY_KNOW_THEM
    text = (ROOT / "server" / "bootstrap.py").read_text("utf-8")
    assert text.count("demo_accounts(") == 1
    assert "demo_accounts(key) if settings.demo.enabled else ()" in text


async def test_without_the_demonstration_nobody_is_employed_and_nothing_is_shown(tmp_path: Path) -> None:
    plain = load(overrides={"data": str(tmp_path)}, environment={})
    with pytest.raises(RuntimeError):
        await employ(plain)
    issuer, accounts = Issuer(HmacTokens([KEY]), ManualClock(NOON)), demo_accounts(KEY)
    assert start_answer(plain, issuer, "x", accounts).staff == []
    demo = load(overrides={"data": str(tmp_path), "demo.enabled": True}, environment={})
    assert {one.role for one in start_answer(demo, issuer, "x", accounts).staff} == EMPLOYEES


def test_production_refuses_the_demonstration() -> None:
    file = ROOT / "conf" / "production.example.toml"
    with pytest.raises(SettingsRefused, match=r"demo\.enabled"):
        load(file, overrides={"demo.enabled": True}, environment={})


def test_every_data_folder_has_its_own_passwords() -> None:
    first, second = demo_accounts(KEY), demo_accounts(KEY[::-1])
    assert {one.password for one in first}.isdisjoint({one.password for one in second})
    assert {one.secret for one in first}.isdisjoint({one.secret for one in second})
    assert len({one.secret for one in first}) == len(first)


def test_the_command_line_gives_tokens_to_machines_only() -> None:
    assert not ISSUED & EMPLOYEES
    assert all(route.path != "/v1/tokens" for route in ROUTES)
