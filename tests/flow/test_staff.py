"""Staff from the first start on: set-up, invitations, two factors, locks, and rights that end at once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from accounts.session import SessionBounds
from adapters.memory.nudge import MemoryNudge
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from core import limits
from core.actor import EMPLOYEES, Role
from core.clock import SystemClock
from core.ids import SessionId
from server.demo_staff import employ
from server.outcomes import CannotStart
from server.staff_commands import reset_staff
from server.staff_parts import first_link, set_up_link, tell_first_link
from tests.clients.python_client import PythonClient
from tests.flow.employees import PASSWORD, Employee, Hospital, a_hospital

OTHER = "Tq7#mV9x!pLw-zz"


@pytest.fixture
async def hospital(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hospital]:
    async with a_hospital(tmp_path, monkeypatch) as opened:
        yield opened


async def refused(answer: object, status: int, code: str) -> dict[str, object]:
    got, told = await answer  # type: ignore[misc]
    assert (got, told["code"]) == (status, code), told
    return dict(told)


async def test_nobody_can_sign_in_before_the_set_up(hospital: Hospital) -> None:
    for number in ("admin", "root", "a1", "0001"):
        for password in ("admin", "password", "", PASSWORD):
            if password:
                sign_in = hospital.posts("/v1/staff/sign-in", number=number, password=password)
                await refused(sign_in, 401, "staff.sign_in_refused")
    for path in ("/v1/staff/me", "/v1/admin/staff", "/v1/admin/roles"):
        await refused(hospital.gets(path), 401, "core.unauthenticated")
    body = {"number": "a1", "name": "某", "password": PASSWORD}
    await refused(hospital.posts("/v1/staff/set-up", token="guess", **body), 404, "staff.no_such_link")


async def test_the_set_up_link_is_told_once_and_good_once(hospital: Hospital) -> None:
    line = await first_link(hospital.settings)
    assert line is not None
    assert await first_link(hospital.settings) is None, "it is told once while it is good"
    newer = await set_up_link(hospital.settings)
    old, token = (each.rpartition("=")[2] for each in (line, newer))
    body: dict[str, object] = {"number": "a1", "name": "某", "password": PASSWORD}
    await refused(hospital.posts("/v1/staff/set-up", token=old, **body), 404, "staff.no_such_link")
    weak = hospital.posts("/v1/staff/set-up", token=token, **body | {"password": "Hospital2026!"})
    assert (await refused(weak, 422, "staff.password_refused"))["params"] == {
        "field": "$.password",
        "weakness": "guessable",
    }
    several = [hospital.posts("/v1/staff/set-up", token=token, **body) for _ in range(4)]
    statuses = sorted([status for status, _ in await asyncio.gather(*several)])
    assert statuses == [200, 404, 404, 404]
    with pytest.raises(CannotStart, match="already"):
        await set_up_link(hospital.settings)
    assert await first_link(hospital.settings) is None
    # A link is no session: only the second factor opens one.
    assert (await hospital.gets("/v1/staff/me", token))[0] == 401


async def test_the_three_administrators_come_first_and_grant_what_is_proposed(hospital: Hospital) -> None:
    first = await hospital.sets_up()
    me = await hospital.done(hospital.gets("/v1/staff/me", first.token))
    assert (me["role"], me["number"], me["recovery_codes_left"]) == ("system_admin", "a1", 10)
    assert len(first.recovery_codes) == 10
    nurse = {"number": "n1", "name": "某", "role": "nurse"}
    early = hospital.posts("/v1/admin/staff", first.token, **nurse)
    told = await refused(early, 409, "staff.administrators_first")
    assert told["params"] == {"missing": ["audit_admin", "security_admin"]}
    hospital.people[Role.SECURITY_ADMIN] = await hospital.invites(Role.SECURITY_ADMIN, "a2")
    hospital.people[Role.AUDIT_ADMIN] = await hospital.invites(Role.AUDIT_ADMIN, "a3")
    invited = await hospital.done(hospital.posts("/v1/admin/staff", first.token, **nurse), 201)
    assert not invited["staff"]["granted"]
    token = invited["invitation"]["token"]
    accepted = await hospital.done(hospital.posts("/v1/staff/invitation", token=token, password=PASSWORD))
    colleague = Employee("n1", secret=accepted["enrol"]["secret"])
    second = {"challenge": accepted["challenge"], "code": await colleague.next_code()}
    await refused(hospital.posts("/v1/staff/sign-in/second", **second), 403, "staff.not_granted")
    # Who proposed cannot grant.
    grant = ("/v1/admin/staff/n1/role", "nurse")
    await refused(hospital.posts(grant[0], first.token, role=grant[1]), 403, "core.forbidden")
    security = hospital.people[Role.SECURITY_ADMIN]
    granted = await hospital.done(hospital.posts(grant[0], security.token, role=grant[1]))
    assert granted["granted"]
    assert (await hospital.posts("/v1/staff/sign-in/second", **second))[0] == 200
    rows = await hospital.done(hospital.gets("/v1/admin/staff", security.token))
    assert [(row["number"], row["state"]) for row in rows["staff"]] == [
        (number, "active") for number in ("a1", "a2", "a3", "n1")
    ]
    await refused(hospital.posts("/v1/admin/staff", first.token, **nurse), 409, "staff.number_is_taken")


@pytest.fixture
async def staffed(hospital: Hospital) -> Hospital:
    """With the three administrators and a nurse."""
    await hospital.sets_up()
    for role, number in ((Role.SECURITY_ADMIN, "a2"), (Role.AUDIT_ADMIN, "a3"), (Role.NURSE, "n1")):
        hospital.people[role] = await hospital.invites(role, number)
    return hospital


async def test_a_password_alone_reaches_nothing(staffed: Hospital) -> None:
    nurse = staffed.people[Role.NURSE]
    challenge = await staffed.challenged(nurse)
    assert challenge.keys() == {"challenge", "second"}
    for token in (challenge["challenge"], "", "x.y.z"):
        if token:
            assert (await staffed.gets("/v1/staff/me", token))[0] == 401
    forged = challenge["challenge"][:-2] + "AA"
    for wrong in (forged, "x", challenge["challenge"] + "A" * 8):
        second = staffed.posts("/v1/staff/sign-in/second", challenge=wrong, code="123456")
        await refused(second, 401, "staff.challenge_refused")


async def test_a_code_is_good_once_and_so_is_a_challenge(staffed: Hospital) -> None:
    nurse = staffed.people[Role.NURSE]
    one, two = await staffed.challenged(nurse), await staffed.challenged(nurse)
    code = await nurse.next_code()

    def second(challenge: dict[str, object], with_code: str) -> object:
        return staffed.posts("/v1/staff/sign-in/second", challenge=challenge["challenge"], code=with_code)

    both = await asyncio.gather(second(one, code), second(two, code))  # type: ignore[call-overload]
    assert sorted(status for status, _ in both) == [200, 401], "two at once with one code: one wins"
    await refused(second(await staffed.challenged(nurse), code), 401, "staff.code_refused")
    await refused(second(one, await nurse.next_code()), 401, "staff.challenge_refused")


async def test_recovery_codes_work_without_the_app_and_once(staffed: Hospital) -> None:
    nurse = staffed.people[Role.NURSE]
    code = nurse.recovery_codes[4]

    async def second(with_code: str) -> object:
        challenge = (await staffed.challenged(nurse))["challenge"]
        return await staffed.posts("/v1/staff/sign-in/second", challenge=challenge, code=with_code)

    status, told = await second(code.lower())  # type: ignore[misc]
    assert status == 200
    me = await staffed.done(staffed.gets("/v1/staff/me", told["access_token"]))
    assert me["recovery_codes_left"] == 9
    await refused(second(code), 401, "staff.code_refused")
    renewed = staffed.posts("/v1/staff/recovery-codes", told["access_token"], code=await nurse.next_code())
    fresh = (await staffed.done(renewed))["recovery_codes"]
    assert len(set(fresh) | set(nurse.recovery_codes)) == 20
    await refused(second(nurse.recovery_codes[5]), 401, "staff.code_refused")


async def test_wrong_passwords_lock_and_say_the_same_of_unknown_numbers(staffed: Hospital) -> None:
    told = []
    for number in ("n1", "nobody"):
        answers = []
        for _ in range(limits.STAFF_TRIES + 2):
            status, body = await staffed.posts("/v1/staff/sign-in", number=number, password="wrong")
            body.get("params", {}).pop("seconds", None)
            body.pop("detail")
            answers.append((status, body))
        told.append(answers)
    assert told[0] == told[1], "nothing says which numbers exist"
    assert [status for status, _ in told[0]] == [401] * limits.STAFF_TRIES + [429] * 2
    right = staffed.posts("/v1/staff/sign-in", number="n1", password=PASSWORD)
    await refused(right, 429, "staff.too_many_tries")
    security = staffed.people[Role.SECURITY_ADMIN]
    await staffed.done(staffed.posts("/v1/admin/staff/n1/unlock", security.token))
    await staffed.challenged(staffed.people[Role.NURSE])


async def test_of_many_wrong_passwords_at_once_five_are_judged(staffed: Hospital) -> None:
    tries = [staffed.posts("/v1/staff/sign-in", number="n1", password="wrong") for _ in range(20)]
    statuses = [status for status, _ in await asyncio.gather(*tries)]
    assert statuses.count(401) == limits.STAFF_TRIES
    assert statuses.count(429) == 20 - limits.STAFF_TRIES


async def test_wrong_codes_lock_however_often_the_password_is_right(staffed: Hospital) -> None:
    nurse = staffed.people[Role.NURSE]
    statuses = []
    for _ in range(limits.STAFF_TRIES + 1):
        challenge = (await staffed.challenged(nurse))["challenge"]
        status, _ = await staffed.posts("/v1/staff/sign-in/second", challenge=challenge, code="000000")
        statuses.append(status)
    assert statuses == [401] * limits.STAFF_TRIES + [429]


async def test_another_password_ends_the_other_sessions(staffed: Hospital) -> None:
    nurse = staffed.people[Role.NURSE]
    here = nurse.token
    there = (await staffed.signs_in(Employee(nurse.number, secret=nurse.secret, step=nurse.step))).token
    change = staffed.posts("/v1/staff/password", here, old="wrong", new=OTHER)
    await refused(change, 403, "staff.password_wrong")
    for weak, why in (("short", "short"), (PASSWORD, "used_before"), ("Hospital2026!", "guessable")):
        told = await refused(
            staffed.posts("/v1/staff/password", here, old=PASSWORD, new=weak), 422, "staff.password_refused"
        )
        assert told["params"] == {"field": "$.new", "weakness": why}
    await staffed.done(staffed.posts("/v1/staff/password", here, old=PASSWORD, new=OTHER))
    assert (await staffed.gets("/v1/staff/me", here))[0] == 200
    await refused(staffed.gets("/v1/staff/me", there), 401, "core.token_revoked")
    nurse.password = OTHER
    await staffed.challenged(nurse)


@contextlib.asynccontextmanager
async def a_socket(hospital: Hospital, token: str) -> AsyncIterator[PythonClient]:
    client = PythonClient()
    try:
        await client.connect(f"ws://127.0.0.1:{hospital.platform.port}/connection/websocket", (token,))
        await client.events.until("connected")
        yield client
    finally:
        await client.close()


@pytest.mark.parametrize("act", ["role", "lines", "lock", "close", "reset", "session"])
async def test_rights_end_at_once_sockets_too(staffed: Hospital, act: str) -> None:
    nurse, security = staffed.people[Role.NURSE], staffed.people[Role.SECURITY_ADMIN]
    by = staffed.people[Role.SYSTEM_ADMIN] if act == "close" else security
    path, body = f"/v1/admin/staff/n1/{act}", {}
    if act == "role":
        body = {"role": "cashier"}
    elif act == "lines":
        body = {"lines": ["L1"]}
    elif act == "session":
        path = f"/v1/admin/sessions/{nurse.signed_in['session']}/end"
    async with a_socket(staffed, nurse.token) as client:
        await staffed.done(staffed.asks("POST", path, body, token=by.token))
        told = await client.events.until("disconnected", seconds=20)
        assert told["code"] == 3500
    await refused(staffed.gets("/v1/staff/me", nurse.token), 401, "core.token_revoked")
    renew = staffed.posts("/v1/session/refresh", refresh_token=nurse.signed_in["refresh_token"])
    assert (await renew)[0] == 401


async def test_locked_and_closed_accounts_and_what_a_reset_leaves(staffed: Hospital) -> None:
    nurse, security = staffed.people[Role.NURSE], staffed.people[Role.SECURITY_ADMIN]
    await staffed.done(staffed.posts("/v1/admin/staff/n1/lock", security.token))
    right = staffed.posts("/v1/staff/sign-in", number="n1", password=PASSWORD)
    await refused(right, 403, "staff.locked")
    wrong = staffed.posts("/v1/staff/sign-in", number="n1", password="wrong")
    await refused(wrong, 401, "staff.sign_in_refused")
    await staffed.done(staffed.posts("/v1/admin/staff/n1/unlock", security.token))
    pending = await staffed.challenged(nurse)
    reset = await staffed.done(staffed.posts("/v1/admin/staff/n1/reset", security.token))
    code = await nurse.next_code()
    old = staffed.posts("/v1/staff/sign-in/second", challenge=pending["challenge"], code=code)
    await refused(old, 401, "staff.challenge_refused")
    await refused(
        staffed.posts("/v1/staff/sign-in", number="n1", password=PASSWORD), 401, "staff.sign_in_refused"
    )
    assert "invitation" not in reset, "who resets does not invite"
    await refused(staffed.posts("/v1/admin/staff/n1/invite", security.token), 403, "core.forbidden")
    system = staffed.people[Role.SYSTEM_ADMIN]
    invited = await staffed.done(staffed.posts("/v1/admin/staff/n1/invite", system.token))
    token = invited["invitation"]["token"]
    again = staffed.posts("/v1/staff/invitation", token=token, password=PASSWORD)
    assert (await refused(again, 422, "staff.password_refused"))["params"] == {
        "field": "$.password",
        "weakness": "used_before",
    }
    accepted = await staffed.done(staffed.posts("/v1/staff/invitation", token=token, password=OTHER))
    await staffed.enrols(nurse, accepted)
    await refused(
        staffed.posts("/v1/staff/invitation", token=token, password=OTHER), 404, "staff.no_such_link"
    )
    await staffed.done(staffed.posts("/v1/admin/staff/n1/close", system.token))
    await refused(
        staffed.posts("/v1/staff/sign-in", number="n1", password=OTHER), 401, "staff.sign_in_refused"
    )
    await refused(staffed.posts("/v1/admin/staff/n1/unlock", security.token), 409, "staff.wrong_state")


async def test_nobody_administers_an_own_account_and_the_three_stay(staffed: Hospital) -> None:
    system, security = staffed.people[Role.SYSTEM_ADMIN], staffed.people[Role.SECURITY_ADMIN]
    own = staffed.posts("/v1/admin/staff/a2/role", security.token, role="security_admin")
    await refused(own, 403, "staff.own_account")
    await refused(staffed.posts("/v1/admin/staff/a1/close", system.token), 403, "staff.own_account")
    for last in ("a2", "a3"):
        await refused(
            staffed.posts(f"/v1/admin/staff/{last}/close", system.token), 409, "staff.last_administrator"
        )
    for role in ("system_admin", "audit_admin"):
        promote = staffed.posts("/v1/admin/staff/n1/role", security.token, role=role)
        await refused(promote, 409, "staff.administrators_keep_their_role")
    missing = staffed.posts("/v1/admin/staff/zz/lock", security.token)
    await refused(missing, 404, "staff.no_such_account")


async def test_a_password_that_has_grown_old_is_changed_with_the_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_hospital(tmp_path, monkeypatch, staff__password_days=1) as hospital:
        first = await hospital.sets_up()
        monkeypatch.setattr("accounts.staff_sign_in.is_too_old", lambda *_, **__: True)
        monkeypatch.setattr("accounts.staff_challenge.is_too_old", lambda *_, **__: True)
        challenge = await hospital.challenged(first)
        assert challenge["must_change"]
        second = {"challenge": challenge["challenge"], "code": await first.next_code()}
        await refused(hospital.posts("/v1/staff/sign-in/second", **second), 403, "staff.password_too_old")
        same = hospital.posts("/v1/staff/sign-in/second", **second, new_password=PASSWORD)
        assert (await refused(same, 422, "staff.password_refused"))["field"] == "$.new_password"
        assert (await hospital.gets("/v1/staff/me", first.token))[0] == 200
        assert (await hospital.posts("/v1/staff/sign-in/second", **second, new_password=OTHER))[0] == 200
        # Who signed in with the old password is out, as after a change in the account itself.
        await refused(hospital.gets("/v1/staff/me", first.token), 401, "core.token_revoked")


async def test_staff_see_their_own_sessions_and_security_sees_staffs(staffed: Hospital) -> None:
    nurse, security = staffed.people[Role.NURSE], staffed.people[Role.SECURITY_ADMIN]
    own = await staffed.done(staffed.gets("/v1/sessions", nurse.token))
    assert [row["current"] for row in own["sessions"]] == [True]
    everybody = await staffed.done(staffed.gets("/v1/admin/sessions", security.token))
    assert [row["user"] for row in everybody["sessions"]] == [
        "system_admin.a1",
        "security_admin.a2",
        "audit_admin.a3",
        "nurse.n1",
    ]
    missing = staffed.posts("/v1/admin/sessions/01JDXXXXXXXXXXXXXXXXXXXXXX/end", security.token)
    await refused(missing, 404, "core.not_found")


async def test_sessions_last_as_the_settings_say(staffed: Hospital) -> None:
    database = Database.open(staffed.settings.storage.url, connections=1)
    units = SqlUnits(database, clock=SystemClock(), nudge=MemoryNudge())
    for role, minutes in ((Role.AUDIT_ADMIN, 15), (Role.NURSE, 30)):
        async with units.read() as unit:
            session = await unit.sessions.find(SessionId(staffed.people[role].signed_in["session"]))
        assert session is not None
        assert session.bounds == SessionBounds(timedelta(minutes=minutes), timedelta(hours=12))
    await database.close()


async def test_the_log_names_the_account_that_was_tried_and_never_what_was_typed(staffed: Hospital) -> None:
    for number in ("n1", "HunterTwo2"):
        await refused(
            staffed.posts("/v1/staff/sign-in", number=number, password="wrong"), 401, "staff.sign_in_refused"
        )
    audit = staffed.people[Role.AUDIT_ADMIN].token
    async with asyncio.timeout(20):
        while True:
            told = await staffed.done(staffed.gets("/v1/admin/audit?action=staff.sign_in", audit))
            found = [each["object"] for each in told["records"] if each["result"] == "refused"]
            if len(found) >= 2:
                break
            await asyncio.sleep(0.05)
    assert sorted(found) == ["/v1/staff/sign-in", "/v1/staff/sign-in#nurse.n1"]
    assert "HunterTwo2" not in str(told)


async def test_a_first_start_says_where_to_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with a_hospital(tmp_path, monkeypatch) as hospital:
        for _ in range(2):
            await tell_first_link(hospital.settings)
        said = [line for line in capsys.readouterr().out.splitlines() if "set-up" in line]
        assert len(said) == 1, "once"
        assert "https://YOUR-HOST/admin/#set-up=" in said[0]


async def test_the_demonstrations_staff_sign_in_with_what_the_start_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_hospital(tmp_path, monkeypatch, demo__enabled=True) as hospital:
        for _ in range(2):
            await employ(hospital.settings)
        shown = (await hospital.done(hospital.gets("/v1/start")))["staff"]
        assert {one["role"] for one in shown} == EMPLOYEES
        for one in shown:
            sign_in = hospital.posts("/v1/staff/sign-in", number=one["number"], password=one["password"])
            challenge = (await hospital.done(sign_in))["challenge"]
            second = hospital.posts("/v1/staff/sign-in/second", challenge=challenge, code=one["code"])
            assert (await hospital.done(second))["role"] == one["role"]


async def test_the_machine_itself_can_reset_who_is_locked_out(staffed: Hospital) -> None:
    security = staffed.people[Role.SECURITY_ADMIN]
    line = await reset_staff(staffed.settings, security.number)
    async with asyncio.timeout(20):
        while (await staffed.gets("/v1/staff/me", security.token))[0] != 401:
            await asyncio.sleep(0.05)
    token = line.rpartition("=")[2]
    accepted = await staffed.done(staffed.posts("/v1/staff/invitation", token=token, password=OTHER))
    await staffed.enrols(security, accepted)
    with pytest.raises(CannotStart, match="no staff account"):
        await reset_staff(staffed.settings, "nobody")


async def test_forgetting_wrong_tries_signs_nobody_out(staffed: Hospital) -> None:
    nurse, security = staffed.people[Role.NURSE], staffed.people[Role.SECURITY_ADMIN]
    await staffed.done(staffed.posts("/v1/admin/staff/n1/unlock", security.token))
    assert (await staffed.gets("/v1/staff/me", nurse.token))[0] == 200
