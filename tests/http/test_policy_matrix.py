"""Every endpoint × every role × own, somebody else's and no such record: what the one table says.

Walks ``server.api.ROUTES`` on a running platform with real tokens, so a new endpoint is covered by being one.
Where its path names a record it needs an entry in ``RECORDS``, and a sound body in ``BODIES`` where it takes
one: without these the test fails.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
import pytest
import pytest_asyncio

from accounts.policy import POLICY, Reach, Touches
from core.actor import ADMINS, EMPLOYEES, Role
from handlers.routes import Route
from server.api import ROUTES, documents
from tests.fault.im.people import consult, practise
from tests.http.callers import MINE, NOWHERE, OTHERS, Answer, Callers, everybody

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROLES = sorted(EMPLOYEES | {Role.PATIENT, Role.KIOSK, Role.SCREEN})
BY_TOKEN = {"core.unauthenticated", "core.forbidden", "core.token_expired", "core.token_revoked"}
NAMES = [f"{route.method} {route.path}" for route in ROUTES]

Record = Callable[[Callers], Awaitable[tuple[str, str, str]]]
"""Answers a record of the caller's own, somebody else's, and none."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def callers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Callers]:
    async with everybody(tmp_path_factory.mktemp("hospital")) as gathered:
        yield gathered


async def lines(callers: Callers) -> tuple[str, str, str]:
    return MINE, OTHERS, NOWHERE


async def sessions(callers: Callers) -> tuple[str, str, str]:
    mine, others = [await callers.session_of(callers.actors[r]) for r in (Role.PATIENT, Role.NURSE)]
    return mine[1].id, others[1].id, "01JDXXXXXXXXXXXXXXXXXXXXXX"


async def patients(callers: Callers) -> tuple[str, str, str]:
    return (
        await callers.own_family_member(),
        callers.other_patient["family_member"],
        "01JDXXXXXXXXXXXXXXXXXXXXXX",
    )


async def identities(callers: Callers) -> tuple[str, str, str]:
    here, there = (one["identity"] for one in (callers.patient, callers.other_patient))
    return here, there, "01JDXXXXXXXXXXXXXXXXXXXXXX"


async def consultations(callers: Callers) -> tuple[str, str, str]:
    settings, doctor = callers.hospital.settings, callers.actors[Role.DOCTOR].id
    await practise(settings, doctor)
    patient = await callers.own_family_member()
    mine = await consult(settings, user=callers.actors[Role.PATIENT].id, doctor=doctor, patient=patient)
    theirs = await consult(
        settings,
        user=callers.other_patient["user"],
        doctor="doctor.elsewhere",
        patient=callers.other_patient["family_member"],
    )
    return mine, theirs, "01JDXXXXXXXXXXXXXXXXXXXXXX"


RECORDS: dict[str, tuple[Role, Record]] = {
    "line": (Role.NURSE, lines),
    "session": (Role.PATIENT, sessions),
    "patient": (Role.PATIENT, patients),
    "identity": (Role.PATIENT, identities),
    "consultation": (Role.PATIENT, consultations),
}
"""Part of a path → who meets records of that kind, and three of them."""

NO_RECORDS = frozenset({"kind", "number", "room", "screen", "staff", "month", "reply", "file", "review"}) | {
    "word",
    "hold",
    "department",
}
"""Parts that name nobody's record: kinds, what hangs on a line, what administrators see all of, and files,
whose address carries a ticket besides (``tests/http/test_files.py``)."""

BODIES: dict[str, dict[str, object]] = {
    "CheckIn": {"visit": "V1", "name": "某", "expected_version": 1},
    "IntoRoom": {"room": "blood-1", "expected_version": 1},
    "OpenRoom": {"expected_version": 1},
    "Command": {"expected_version": 1},
    "Defer": {"places": 1, "expected_version": 1},
    "Transfer": {"to_line": OTHERS, "expected_version": 1},
    "Undo": {"expected_version": 1},
    "Reveal": {},
    "ShowCode": {},
    "Rate": {"stars": 5},
    "Reject": {"reason": "不接诊"},
    "Extend": {"cid": "more-0001", "hours": 1},
    "End": {"summary": "多休息"},
    "FollowTicket": {"on": True},
    "Refer": {"department": "d1", "reason": "需要面诊"},
}
"""A sound body of each model that a request about a record carries."""


def path_of(route: Route, **parts: str) -> str:
    return route.path.format_map(dict.fromkeys(route.parts, "nowhere") | parts)


def by_name(name: str) -> Route:
    return ROUTES[NAMES.index(name)]


def documented() -> dict[tuple[str, str], set[str]]:
    paths = msgspec.json.decode(documents()["openapi.json"])["paths"]
    return {
        (method.upper(), path): set(operation["responses"])
        for path, operations in paths.items()
        for method, operation in operations.items()
    }


def body_of(route: Route) -> dict[str, object] | None:
    return {} if route.method == "POST" else None


@pytest.mark.parametrize("name", NAMES)
async def test_nobody_known_and_no_good_token_gets_in(callers: Callers, name: str) -> None:
    route = by_name(name)

    async def asks(token: str | None) -> Answer:
        return await callers.asks(route.method, path_of(route), body=body_of(route), token=token)

    nobody = await asks(None)
    if route.allow is None:
        assert nobody.code not in BY_TOKEN
    else:
        assert (nobody.status, nobody.code) == (401, "core.unauthenticated")
    for token, code in (
        (callers.forged, "core.unauthenticated"),
        ("nonsense", "core.unauthenticated"),
        (callers.expired, "core.token_expired"),
        (callers.revoked, "core.token_revoked"),
    ):
        answer = await asks(token)
        assert (answer.status, answer.code) == (401, code)


@pytest.mark.parametrize("name", NAMES)
async def test_each_role_meets_what_the_table_says(callers: Callers, name: str) -> None:
    route, told = by_name(name), documented()
    for role in ROLES:
        may = route.allow is None or role in route.allow
        # What may be done may end the session it came with.
        token = await (callers.fresh(role) if may else callers.kept(role))
        answer = await callers.asks(route.method, path_of(route), body=body_of(route), token=token)
        if not may and answer.code == "core.token_revoked":
            # What an earlier test ended at once everywhere is told a moment later.
            token = await callers.fresh(role)
            answer = await callers.asks(route.method, path_of(route), body=body_of(route), token=token)
        if may:
            assert answer.code not in BY_TOKEN, role
        else:
            assert (answer.status, answer.code) == (403, "core.forbidden"), role
        assert str(answer.status) in told[route.method, route.path], (role, answer.status)
        assert answer.status < 500, (role, answer)


def guarded() -> list[str]:
    """Endpoints whose path names a record that belongs to somebody."""
    return [
        name
        for name, route in zip(NAMES, ROUTES, strict=True)
        if set(route.parts) - NO_RECORDS and route.rule.reach in {Reach.OWN, Reach.LINES}
    ]


@pytest.mark.parametrize("name", guarded())
async def test_somebody_elses_record_and_none_are_answered_alike(callers: Callers, name: str) -> None:
    route = by_name(name)
    unknown = set(route.parts) - RECORDS.keys() - NO_RECORDS
    assert not unknown, f"say in RECORDS (or NO_RECORDS) whose {unknown} are"
    body = body_of(route)
    if route.body is not None:
        assert route.body.__name__ in BODIES, f"a sound body of {route.body.__name__} is missing in BODIES"
        body = BODIES[route.body.__name__]
    for part in set(route.parts) & RECORDS.keys():
        role, record = RECORDS[part]
        if route.allow is not None and role not in route.allow:
            # Of a consultation the doctor is the other one whose it is.
            role = Role.DOCTOR
        own, others, none = await record(callers)

        async def asks(one: str, part: str = part, role: Role = role) -> tuple[int, str | None, bytes]:
            token = await callers.fresh(role)
            path = path_of(route, **{part: one})
            answer = await callers.asks(route.method, path, body=body, token=token)
            return answer.status, answer.code, answer.body.replace(one.encode(), b"<id>")

        theirs, nobodys = await asks(others), await asks(none)
        assert theirs == nobodys
        assert theirs[0] == 404, "no record is found before anything else is judged"
        mine = await asks(own)
        assert mine != theirs, "one's own is met"


def parts_named() -> set[str]:
    return {part for route in ROUTES for part in route.parts}


async def test_every_part_of_a_path_is_known(callers: Callers) -> None:
    assert parts_named() <= RECORDS.keys() | NO_RECORDS


# The three administrators (GB/T 22239-2019, 8.1.4.2).

OWN_DOING = re.compile(r"staff\.|session\.|platform\.|line\.look|directory\.|sign_in")


def actions_of(role: Role) -> set[str]:
    return {action for action, rule in POLICY.items() if rule.roles is not None and role in rule.roles}


async def test_the_three_administrators_are_apart(callers: Callers) -> None:
    shared = set.intersection(*(actions_of(role) for role in ADMINS))
    assert all(OWN_DOING.match(action) or action == "admin.roles" for action in shared), shared
    audit = actions_of(Role.AUDIT_ADMIN) - shared
    assert all(action.startswith("audit.") for action in audit), audit
    for role in (Role.SYSTEM_ADMIN, Role.SECURITY_ADMIN):
        assert not [action for action in actions_of(role) if action.startswith("audit.")]
    assert not actions_of(Role.SYSTEM_ADMIN) & actions_of(Role.SECURITY_ADMIN) - shared - {"admin.staff.list"}


async def test_no_administrator_meets_a_patients_record_and_nobody_deletes_the_log(callers: Callers) -> None:
    for action, rule in POLICY.items():
        if rule.touches in {Touches.PERSONAL, Touches.HEALTH, Touches.MONEY}:
            assert rule.roles is not None, action
            assert not rule.roles & ADMINS, action
    for route in ROUTES:
        if route.action.startswith("audit."):
            assert route.method == "GET" or re.search(r"/reviews(/\{month\}/sign)?$", route.path), route.path


async def test_administration_is_for_set_addresses(callers: Callers) -> None:
    for route in ROUTES:
        assert route.rule.managed == (route.rule.touches is Touches.ADMINISTRATION), route.path
        if route.path.startswith("/v1/admin/"):
            assert route.rule.managed, route.path


@pytest.mark.parametrize("name", [name for name in NAMES if by_name(name).rule.managed])
async def test_nobody_administers_from_elsewhere(callers: Callers, name: str) -> None:
    route = by_name(name)
    for role in (None, Role.PATIENT, *sorted(ADMINS)):
        token = None if role is None else await callers.kept(role)
        body = body_of(route)
        # Through a proxy that no setting names: whoever that is, it is not this machine.
        answer = await callers.asks(
            route.method, path_of(route), body=body, token=token, X_Forwarded_For="203.0.113.9"
        )
        assert (answer.status, answer.code) == (403, "core.not_from_here"), role
