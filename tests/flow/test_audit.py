"""The log in a running platform: what is recorded, what stops without it, and what its commands find."""

import asyncio
import re
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from adapters.files.audit_export import exported_heads
from adapters.sql.audit_store import SqlAuditStore
from adapters.sql.transaction import Database
from audit.record import Record
from conf.loader import load
from conf.settings import Settings
from core.actor import Role
from core.clock import SystemClock
from realtime.tokens import HmacTokens
from server.api import ROUTES
from server.audit_commands import run_export, run_purge, run_verify
from server.bootstrap import Roles, compose
from server.issue import issue_recorded
from server.outcomes import CannotStart
from server.tokens import Issuer, staff_actor, token_key
from tests.flow.town import OWN_LINE, SCREEN
from tests.services.mariadb import MariadbServer
from tests.services.proxy import Path as Network


def a_platform(data: Path, **more: object) -> Settings:
    overrides = {
        "data": str(data),
        "web.port": 0,
        "log.level": "error",
        "own_lines": [OWN_LINE],
        "screens": [SCREEN],
        **more,
    }
    return load(overrides=overrides, environment={})


class Clerk:
    """Somebody with a token at the platform's port."""

    def __init__(self, settings: Settings, port: int, role: Role) -> None:
        issuer = Issuer(HmacTokens([token_key(Path(settings.keys.tokens))]), SystemClock())
        token = issuer.issue(staff_actor(role, "0007"), good_for=timedelta(hours=1)).token
        self.headers = {"Authorization": f"Bearer {token}"}
        self.address = f"http://127.0.0.1:{port}"

    async def asks(self, method: str, path: str, body: object = None) -> tuple[int, dict[str, Any]]:
        async with (
            aiohttp.ClientSession(self.address, headers=self.headers) as session,
            session.request(method, path, json=body) as answer,
        ):
            return answer.status, await answer.json()

    async def metric(self, name: str) -> float:
        """What ``/metrics`` says of one gauge."""
        async with aiohttp.ClientSession(self.address) as session, session.get("/metrics") as answer:
            lines = (await answer.text()).splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))

    async def revokes(self, user: str) -> tuple[int, str]:
        status, body = await self.asks("POST", "/v1/tokens/revocations", {"user": user})
        return status, str(body.get("code", ""))


async def records(url: str) -> list[Record]:
    database = Database.open(url)
    try:
        return [link.record async for page in SqlAuditStore(database).links() for link in page]
    finally:
        await database.close()


@pytest.fixture
async def network(mariadb_server: MariadbServer) -> AsyncIterator[Network]:
    async with Network(mariadb_server.port) as network:
        yield network


@pytest.mark.mariadb
async def test_administration_stops_without_the_log_and_the_lines_go_on(
    tmp_path: Path, mariadb_audit_url: str, mariadb_server: MariadbServer, network: Network
) -> None:
    url = mariadb_audit_url.replace(f":{mariadb_server.port}/", f":{network.port}/")
    settings = a_platform(tmp_path, **{"audit.url": url})
    async with compose(settings, Roles.ALL) as platform:
        admin = Clerk(settings, platform.port, Role.SECURITY_ADMIN)
        nurse = Clerk(settings, platform.port, Role.NURSE)
        assert await admin.revokes("nurse.1") == (201, "")
        network.silent = True
        network.cut()
        async with asyncio.timeout(60):
            while (await admin.revokes("nurse.2"))[1] != "audit.unavailable":
                await asyncio.sleep(0.1)
        for number in range(3):
            assert (await nurse.asks("GET", f"/v1/lines/blood/history?limit={number + 1}"))[0] == 200
        network.heal()
        async with asyncio.timeout(60):
            while (await admin.revokes("nurse.3"))[0] != 201:
                await asyncio.sleep(0.2)
    kept = await records(mariadb_audit_url)
    done = [record for record in kept if record.action == "token.revoke" and record.result == "done"]
    assert len(done) >= 2
    looked = [record for record in kept if record.action == "line.work"]
    assert [(record.actor, record.result, record.address) for record in looked] == [
        ("nurse.0007", "done", "127.0.0.1")
    ] * 3


async def test_a_log_that_lost_its_table_says_so_and_goes_on_where_it_was(tmp_path: Path) -> None:
    """No outage but a defect: the writer must live on, the metric that operators are woken by must tell."""
    settings = a_platform(tmp_path)
    file = settings.audit.url.removeprefix("sqlite:///")
    async with compose(settings, Roles.ALL) as platform:
        admin = Clerk(settings, platform.port, Role.SECURITY_ADMIN)
        assert await admin.revokes("nurse.1") == (201, "")
        assert await admin.metric("houzhen_audit_failing") == 0
        alter(file, "ALTER TABLE audit_record RENAME TO audit_record_gone")
        async with asyncio.timeout(60):
            while (await admin.revokes("nurse.2"))[1] != "audit.unavailable":
                await asyncio.sleep(0.1)
        assert await admin.metric("houzhen_audit_failing") == 1
        alter(file, "ALTER TABLE audit_record_gone RENAME TO audit_record")
        async with asyncio.timeout(60):
            while (await admin.revokes("nurse.3"))[0] != 201:
                await asyncio.sleep(0.2)
        assert await admin.metric("houzhen_audit_failing") == 0
    assert await run_verify(settings, folder=None, public_key=None) == 0


def alter(file: str, statement: str) -> None:
    with closing(sqlite3.connect(file, timeout=30)) as database, database:
        database.execute(statement)


async def test_commands_verify_export_and_leave_records(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = a_platform(tmp_path)
    for name in ("0001", "0002", "0003"):
        await issue_recorded(settings, role="kiosk", name=name, lines=[], good_for=timedelta(days=1))
    with pytest.raises(CannotStart):
        await issue_recorded(settings, role="patient", name="1", lines=[], good_for=timedelta(days=1))
    assert await run_verify(settings, folder=None, public_key=None) == 0
    share = Path(settings.audit.export)
    assert "1 heads" in await run_export(settings)
    pem = share / "public-key.pem"
    assert await run_verify(settings, folder=share, public_key=pem) == 0
    kept = await records(settings.audit.url)
    assert [(record.action, record.object, record.result) for record in kept] == [
        ("command.token", "kiosk.0001", "done"),
        ("command.token", "kiosk.0002", "done"),
        ("command.token", "kiosk.0003", "done"),
        ("command.token", "patient.1", "refused"),
        ("command.audit_export", "", "done"),
    ]
    assert {record.role for record in kept} == {"system"}
    with pytest.raises(CannotStart, match="183 days"):
        await run_purge(settings, days=182)
    assert "0 records" in await run_purge(settings, days=None)

    database = sqlite3.connect(settings.audit.url.removeprefix("sqlite:///"))
    with closing(database), database:
        with pytest.raises(sqlite3.IntegrityError, match="only added to"):
            database.execute("UPDATE audit_record SET object = 'nurse.9999' WHERE sequence = 2")
        database.execute("DROP TRIGGER audit_record_no_update")
        database.execute("UPDATE audit_record SET object = 'nurse.9999' WHERE sequence = 2")
    capsys.readouterr()
    assert await run_verify(settings, folder=share, public_key=pem) == 1
    said = capsys.readouterr().out
    assert "record 2" in said
    assert "edited" in said
    for head in exported_heads(share):
        (share / "heads").joinpath("extra").mkdir(exist_ok=True)
        (share / "heads" / "extra" / f"{head.number + 5:08d}.json").write_text("{}")
    with pytest.raises(CannotStart, match="not a head"):
        await run_verify(settings, folder=share, public_key=None)
    pem.write_text("no key")
    with pytest.raises(CannotStart, match="no Ed25519"):
        await run_verify(settings, folder=share, public_key=pem)


async def test_the_audit_administrator_searches_and_nobody_else(tmp_path: Path) -> None:
    settings = a_platform(tmp_path)
    async with compose(settings, Roles.ALL) as platform:
        auditor = Clerk(settings, platform.port, Role.AUDIT_ADMIN)
        others = [Clerk(settings, platform.port, role) for role in (Role.SYSTEM_ADMIN, Role.SECURITY_ADMIN)]
        for other in others:
            assert (await other.asks("GET", "/v1/admin/audit"))[0] == 403
        async with asyncio.timeout(30):
            while True:
                status, page = await auditor.asks("GET", "/v1/admin/audit?result=refused&limit=10")
                assert status == 200
                if len(page["records"]) == 2:
                    break
        assert {record["actor"] for record in page["records"]} == {
            "system_admin.0007",
            "security_admin.0007",
        }
        assert page["next"] is None
        status, looked = await auditor.asks("GET", "/v1/admin/audit?actor=audit_admin.0007&action=audit.look")
        assert len(looked["records"]) >= 1
        assert (await auditor.asks("GET", "/v1/admin/audit?from=yesterday"))[0] == 422
        assert (await auditor.asks("GET", "/v1/admin/audit?from=2026-11-01T00:00:00%2B08:00"))[0] == 200
        status, standing = await auditor.asks("GET", "/v1/admin/audit/standing")
        assert status == 200
        assert standing["records"] >= 4
        assert standing["writes"]
        status, ready = await auditor.asks("GET", "/readyz")
        assert {"name": "audit", "ok": True, "needed": False} in ready["dependencies"]


async def test_a_month_is_reviewed_signed_and_filed(tmp_path: Path) -> None:
    settings = a_platform(tmp_path)
    async with compose(settings, Roles.ALL) as platform:
        auditor = Clerk(settings, platform.port, Role.AUDIT_ADMIN)
        month = f"{SystemClock().now():%Y-%m}"
        place = f"/v1/admin/audit/reviews/{month}"
        assert (await auditor.asks("GET", place))[0] == 404
        assert (await auditor.asks("POST", "/v1/admin/audit/reviews", {"month": "2026-13"}))[0] == 422
        status, draft = await auditor.asks("POST", "/v1/admin/audit/reviews", {"month": month})
        assert (status, draft["state"], draft["version"]) == (201, "draft", 1)
        status, listed = await auditor.asks("GET", "/v1/admin/audit/reviews")
        assert [each["month"] for each in listed["reviews"]] == [month]
        words = {"findings": "无异常。", "conclusion": "日志完整。"}
        status, refused = await auditor.asks("POST", f"{place}/sign", words)
        assert (status, refused["code"]) == (409, "audit.month_is_not_over")
        for form, begins in (("pdf", b"%PDF"), ("docx", b"PK")):
            async with (
                aiohttp.ClientSession(auditor.address, headers=auditor.headers) as session,
                session.get(f"{place}/document?form={form}") as answer,
            ):
                assert answer.status == 200
                assert (await answer.read()).startswith(begins)


async def test_every_endpoint_that_is_recorded_leaves_one_record_also_on_refusal(tmp_path: Path) -> None:
    """Nobody, and a clinic screen, which may do nothing of all this, knock at every door."""
    settings = a_platform(tmp_path, **{"web.requests_scale": 100.0})
    recorded = [route for route in ROUTES if route.rule.roles is not None or route.rule.touches.recorded]
    assert len(recorded) > 40
    async with compose(settings, Roles.ALL) as platform:
        screen = Clerk(settings, platform.port, Role.SCREEN)
        async with aiohttp.ClientSession(screen.address) as session:
            for route in recorded:
                path = re.sub(r"\{\w+\}", "a-b-c", route.path)
                for headers in ({}, screen.headers):
                    # No JSON: where anybody may, the body is refused.
                    sent = {"headers": headers, "data": b"{" if route.method == "POST" else None}
                    async with session.request(route.method, path, **sent) as answer:
                        assert answer.status < 500, path
    kept = await records(settings.audit.url)
    found = Counter(record.action for record in kept if record.role in {"anonymous", "screen"})
    wanted: Counter[str] = Counter()
    for route in recorded:
        by_screen = route.rule.touches.recorded or Role.SCREEN not in (route.rule.roles or ())
        wanted[route.action] += 1 + by_screen if route.rule.roles is not None else 2
    assert found == wanted
    assert {record.result for record in kept if record.action in wanted} <= {"refused", "done"}
