"""The hospital link over real TLS sockets: who may ask, what wakes, what is never kept."""

import asyncio
import json
import logging
import os
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

import aiohttp
import msgspec
import pytest
import structlog

from core.clock import SystemClock
from front_machine.contract import AskCheckIn, AskLineStates, Code, HisState, LineState, Reason
from front_machine.link import HospitalLink, HospitalUnavailable, client_context
from front_machine.page import HALF_PAGE, TWICE
from front_machine.sync import HospitalSync
from server.pki import make_pki
from tests.flow.front_machines import FrontMachine, RememberingMirror
from tests.unit.front_machine.stranger import a_hospital


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[FrontMachine]:
    made = FrontMachine(tmp_path, a_hospital(tmp_path / "his.db"))
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def link(front: FrontMachine) -> AsyncIterator[HospitalLink]:
    made = front.link()
    yield made
    await made.close()


@asynccontextmanager
async def syncing(
    front: FrontMachine, mirror: RememberingMirror, *, reply_seconds: float = 5.0, stale_seconds: float = 10.0
) -> AsyncIterator[HospitalSync]:
    """The platform's pull, running."""
    link = front.link(reply_seconds=reply_seconds)
    sync = HospitalSync(
        link,
        mirror,
        clock=SystemClock(),
        wait_seconds=min(1.0, reply_seconds / 2),
        stale_seconds=stale_seconds,
        directory_seconds=0.2,
    )
    running = asyncio.create_task(sync.run())
    try:
        yield sync
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await link.close()


async def refused(front: FrontMachine, context: ssl.SSLContext) -> str:
    """The cause for which a ping is refused."""
    link = front.link(context=context)
    try:
        with pytest.raises(HospitalUnavailable) as error:
            await link.ping()
        return error.value.cause
    finally:
        await link.close()


# Who may ask


async def test_the_platform_is_answered(link: HospitalLink) -> None:
    pong = await link.ping()
    assert pong.his
    assert pong.his_seconds is not None


async def test_nobody_without_a_certificate(front: FrontMachine) -> None:
    before = front.asked
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(front.pki.ca)
    assert await refused(front, context) in ("tls_refused", "connection_lost")
    assert front.asked == before


async def test_nobody_of_another_authority(front: FrontMachine, tmp_path: Path) -> None:
    before = front.asked
    forged = make_pki(tmp_path / "forged")
    assert await refused(front, front.context(forged)) in ("tls_refused", "connection_lost")
    assert front.asked == before


async def test_nobody_with_an_expired_certificate(front: FrontMachine, tmp_path: Path) -> None:
    before = front.asked
    folder = front.folder / "pki"
    kept = {file.name: file.read_bytes() for file in folder.glob("platform.*")}
    (folder / "platform.crt").unlink()
    old = make_pki(folder, at=SystemClock().now() - timedelta(days=400))
    context = client_context(ca=old.ca, certificate=old.platform, key=old.platform_key)
    for name, content in kept.items():
        (folder / name).write_bytes(content)
    assert await refused(front, context) in ("tls_refused", "connection_lost")
    assert front.asked == before


async def test_nobody_with_a_certificate_of_another_name(front: FrontMachine) -> None:
    before = front.asked
    stranger = make_pki(front.folder / "pki", platform_names=["kiosk.houzhen"])
    assert await refused(front, front.context(stranger)) == "forbidden"
    assert front.asked == before


async def test_the_front_machines_own_certificate_is_no_clients(front: FrontMachine) -> None:
    context = client_context(
        ca=front.pki.ca, certificate=front.pki.front_machine, key=front.pki.front_machine_key
    )
    assert await refused(front, context) in ("tls_refused", "connection_lost")


async def test_a_foreign_address_is_dropped_before_the_handshake(tmp_path: Path) -> None:
    front = FrontMachine(tmp_path, a_hospital(tmp_path / "his.db"), listen__allow=["192.0.2.0/24"])
    await front.start()
    before = front.asked
    reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
    assert await reader.read() == b""
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
    assert await refused(front, front.context()) in ("tls_refused", "connection_lost", "not_reachable")
    assert front.asked == before
    await front.stop()


async def test_the_platform_does_not_talk_to_a_forged_front_machine(
    front: FrontMachine, tmp_path: Path
) -> None:
    other = make_pki(tmp_path / "other")
    context = client_context(ca=other.ca, certificate=front.pki.platform, key=front.pki.platform_key)
    assert await refused(front, context) == "tls_refused"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/nosuch", None, 404),
        ("GET", "/v1/line-states", None, 405),
        ("DELETE", "/v1/directory", None, 405),
        ("POST", "/v1/line-states", b"{", 400),
        ("POST", "/v1/line-states", b'{"known": []}', 400),
        ("POST", "/v1/line-states", b"\xff\xfe", 400),
        ("POST", "/v1/line-states", b'{"known": {}, "more": 1}', 400),
        ("POST", "/v1/check-in", b'{"key": "a b", "visit": "v", "line": "L1"}', 400),
        ("POST", "/v1/line-states", b"x" * (600 * 1024), 400),
    ],
)
async def test_malformed_questions_get_a_coded_envelope(
    front: FrontMachine, method: str, path: str, body: bytes | None, status: int
) -> None:
    before = front.asked
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=front.context())) as session:
        url = f"https://localhost:{front.port}{path}"
        try:
            async with session.request(method, url, data=body) as response:
                assert response.status == status
                if body is None or len(body) < 1000:
                    assert json.loads(await response.read()) == {"code": "BAD_REQUEST"}
                assert "Server" not in response.headers
        except aiohttp.ClientError:
            assert body is not None  # too large: the connection is cut
            assert len(body) > 1000
    assert front.asked == before


# Directory and long-poll


async def test_the_directory_is_answered_once_until_it_changes(
    front: FrontMachine, link: HospitalLink
) -> None:
    answer = await link.directory()
    assert answer is not None
    directory, tag = answer
    assert [line.code for line in directory.lines] == ["L1", "L2"]
    assert await link.directory(tag) is None
    front.stranger.open_line("L3")
    again = await link.directory(tag)
    assert again is not None
    assert len(again[0].lines) == 3


async def test_tags_stay_the_same_after_a_restart(front: FrontMachine, link: HospitalLink) -> None:
    before = await link.line_states(AskLineStates())
    await front.stop()
    await front.start()
    again = front.link()
    after = await again.line_states(AskLineStates())
    assert sorted(before.changed, key=bytes) == sorted(after.changed, key=bytes)
    await again.close()


async def test_a_long_poll_wakes_on_a_change(front: FrontMachine, link: HospitalLink) -> None:
    first = await link.line_states(AskLineStates())
    known = {s.line: s.etag for s in (msgspec.json.decode(r, type=LineState) for r in first.changed)}
    loop = asyncio.get_running_loop()
    begun = loop.time()
    waiting = asyncio.create_task(link.line_states(AskLineStates(known=known, wait_seconds=4)))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    front.stranger.move("L2", "A002", "2 ")
    changed = (await waiting).changed
    assert loop.time() - begun < 1.0
    state = msgspec.json.decode(changed[0], type=LineState)
    assert (len(changed), state.line, state.tickets[1].state) == (1, "L2", HisState.CALLED)


async def test_a_long_poll_ends_at_its_bound_with_a_confirmation(link: HospitalLink) -> None:
    first = await link.line_states(AskLineStates())
    known = {s.line: s.etag for s in (msgspec.json.decode(r, type=LineState) for r in first.changed)}
    answer = await link.line_states(AskLineStates(known=known, wait_seconds=0.3))
    assert (answer.changed, answer.gone, answer.troubles) == ((), (), ())
    assert answer.as_of > first.as_of
    assert answer.age_seconds < 0.3


async def test_many_who_wait_share_the_questions_to_the_hospital(front: FrontMachine) -> None:
    links = [front.link() for _ in range(8)]
    first = await links[0].line_states(AskLineStates())
    known = {s.line: s.etag for s in (msgspec.json.decode(r, type=LineState) for r in first.changed)}
    before = front.asked
    await asyncio.gather(*(link.line_states(AskLineStates(known=known, wait_seconds=0.5)) for link in links))
    assert front.asked - before <= 12
    for link in links:
        await link.close()


async def test_draining_answers_who_waits(front: FrontMachine, link: HospitalLink) -> None:
    first = await link.line_states(AskLineStates())
    known = {s.line: s.etag for s in (msgspec.json.decode(r, type=LineState) for r in first.changed)}
    waiting = asyncio.create_task(link.line_states(AskLineStates(known=known, wait_seconds=4)))
    await asyncio.sleep(0.1)
    begun = asyncio.get_running_loop().time()
    await front.stop()
    assert (await waiting).changed == ()
    assert asyncio.get_running_loop().time() - begun < 1.0


# Check-in


async def test_a_check_in_happens_once_for_its_key(front: FrontMachine, link: HospitalLink) -> None:
    ask = AskCheckIn(key="k-1", visit="MZ1", line="L1")
    assert (await link.check_in(ask)).code is Code.UNKNOWN_OUTCOME  # the hospital has not decided yet
    front.stranger.run("UPDATE SQ SET ZT = 1, HM = 'A017    ' WHERE K = 'k-1'")
    assert (await link.settle("k-1")).number == "A017"
    again = await link.check_in(ask)
    assert (again.code, again.number) == (Code.OK, "A017")


async def test_a_refused_check_in_says_why(front: FrontMachine, link: HospitalLink) -> None:
    front.stranger.run("INSERT INTO SQ VALUES ('k-2', 'MZ2', 'L1', 2, '01', NULL)")
    outcome = await link.settle("k-2")
    assert (outcome.code, outcome.reason, outcome.his_code) == (
        Code.BUSINESS_ERROR,
        Reason.NO_SUCH_VISIT,
        "01",
    )


async def test_a_key_that_comes_again_with_another_visit_is_refused(
    front: FrontMachine, link: HospitalLink
) -> None:
    await link.check_in(AskCheckIn(key="k-3", visit="MZ1", line="L1"))
    other = await link.check_in(AskCheckIn(key="k-3", visit="MZ2", line="L1"))
    assert (other.code, other.reason) == (Code.BUSINESS_ERROR, Reason.KEY_REUSED)


async def test_a_key_that_never_arrived_is_empty(link: HospitalLink) -> None:
    assert (await link.settle("k-9")).code is Code.EMPTY


async def test_a_check_in_whose_answer_is_lost_is_unknown_then_settled(front: FrontMachine) -> None:
    hasty = front.link(reply_seconds=0.3)
    assert front.his is not None
    front.his.hanging.clear()
    outcome = await hasty.check_in(AskCheckIn(key="k-4", visit="MZ1", line="L1"))
    assert outcome.code is Code.UNKNOWN_OUTCOME
    front.his.hanging.set()
    await hasty.close()
    calm = front.link()
    async with asyncio.timeout(3):
        while (await calm.settle("k-4")).code is Code.EMPTY:
            await asyncio.sleep(0.05)
    await calm.close()


# Sync


async def test_sync_hands_over_everything_then_only_changes(front: FrontMachine) -> None:
    mirror = RememberingMirror()
    async with syncing(front, mirror) as sync:
        await mirror.until(lambda: len(mirror.states) == 2 and mirror.directories)
        front.stranger.move("L1", "A001", "2 ")
        await mirror.until(lambda: mirror.states["L1"].tickets[0].state is HisState.CALLED)
        assert [state.line for state in mirror.observations[-1].changed] == ["L1"]
        assert list(mirror.observations[-1].unchanged) == ["L2"]
        front.stranger.open_line("L3")
        await mirror.until(lambda: "L3" in mirror.states and len(mirror.directories) == 2)
        front.stranger.run("DELETE FROM XL WHERE DM LIKE 'L3%'")
        await mirror.until(lambda: "L3" not in mirror.states)
        assert sync.health.running
        assert sync.health.lines == 2
    assert not sync.health.running


async def test_a_quiet_hospital_still_confirms(front: FrontMachine) -> None:
    mirror = RememberingMirror()
    async with syncing(front, mirror):
        await mirror.until(lambda: len(mirror.observations) >= 3)
        assert not mirror.observations[-1].changed
        assert set(mirror.observations[-1].unchanged) == {"L1", "L2"}


@pytest.mark.parametrize(
    ("cells", "field", "why"),
    [
        ({"HM": "A001"}, "number", TWICE),
        ({"HM": ""}, "number", "is empty"),
        ({"LS": None}, "visit", "is empty"),
    ],
)
async def test_a_bad_row_leaves_its_line_as_it_was_and_the_others_moving(
    front: FrontMachine, cells: dict[str, object], field: str, why: str
) -> None:
    mirror = RememberingMirror()
    with structlog.testing.capture_logs() as logs:
        async with syncing(front, mirror) as sync:
            await mirror.until(lambda: len(mirror.states) == 2)
            good = mirror.states["L1"]
            front.stranger.ticket("L1", "B001", **cells)
            await mirror.until(lambda: sync.health.troubled == 1)
            front.stranger.move("L2", "A003", "2 ")
            await mirror.until(lambda: mirror.states["L2"].tickets[2].state is HisState.CALLED)
            assert mirror.states["L1"] == good
            await mirror.until(lambda: len(mirror.observations) > 8)
            assert mirror.confirmed["L1"] < mirror.confirmed["L2"]
            front.stranger.run("DELETE FROM PD WHERE rowid = 7")
            await mirror.until(lambda: mirror.confirmed["L1"] == mirror.confirmed["L2"])
    told = [entry for entry in logs if entry["event"] == "row.unusable" and "line_held_back" in entry]
    assert [(entry["line"], entry["row"], entry["field"], entry["why"]) for entry in told] == [
        ("L1", 7, field, why)
    ]


async def test_half_a_page_leaves_the_line_as_it_was(tmp_path: Path) -> None:
    front = FrontMachine(
        tmp_path,
        a_hospital(tmp_path / "his.db"),
        tables__tickets__query="SELECT * FROM PD WHERE CS < 9 ORDER BY rowid",
    )
    await front.start()
    mirror = RememberingMirror()
    async with syncing(front, mirror):
        await mirror.until(lambda: len(mirror.states) == 2)
        front.stranger.run("UPDATE PD SET CS = 9 WHERE DL LIKE 'L1%' AND HM LIKE 'A003%'")
        await mirror.until(lambda: bool(mirror.observations[-1].troubled))
        assert mirror.observations[-1].troubled[0].why == HALF_PAGE
        assert len(mirror.states["L1"].tickets) == 3
        front.stranger.run("UPDATE PD SET CS = 1 WHERE DL LIKE 'L1%' AND HM LIKE 'A003%'")
        await mirror.until(lambda: mirror.states["L1"].tickets[2].recall_count == 1)
    await front.stop()


async def test_an_unknown_code_is_mirrored_as_unknown_and_said_once(front: FrontMachine) -> None:
    mirror = RememberingMirror()
    with structlog.testing.capture_logs() as logs:
        async with syncing(front, mirror):
            await mirror.until(lambda: len(mirror.states) == 2)
            for number in ("A001", "A002", "A003"):
                front.stranger.move("L1", number, "K7")
                await mirror.until(
                    lambda n=number: {t.number: t.state for t in mirror.states["L1"].tickets}[n] == "unknown"
                )
    said = [entry for entry in logs if entry["event"] == "hospital.unknown_code"]
    assert [(entry["code"], entry["line"]) for entry in said] == [("K7", "L1")]


async def test_a_refused_state_is_handed_over_again(front: FrontMachine) -> None:
    mirror = RememberingMirror()
    mirror.refuse.add("L1")
    async with syncing(front, mirror):
        await mirror.until(lambda: len(mirror.observations) > 3)
        assert set(mirror.states) == {"L2"}
        assert [state.line for state in mirror.observations[-1].changed] == ["L1"]
        mirror.refuse.clear()
        await mirror.until(lambda: "L1" in mirror.states)


async def test_a_mirror_that_cannot_write_gets_it_all_again(front: FrontMachine) -> None:
    mirror = RememberingMirror(broken=True)
    async with syncing(front, mirror) as sync:
        async with asyncio.timeout(3):
            while sync.health.error != "mirror_OSError":
                await asyncio.sleep(0.02)
        mirror.broken = False
        await mirror.until(lambda: len(mirror.states) == 2)
        assert sync.health.error == ""


async def test_a_missing_hospital_file_is_told_and_its_return_is_enough(front: FrontMachine) -> None:
    mirror = RememberingMirror()
    async with syncing(front, mirror, stale_seconds=0.5) as sync:
        await mirror.until(lambda: len(mirror.states) == 2)
        away = front.stranger.file.with_suffix(".away")
        front.stranger.file.rename(away)
        await mirror.until(lambda: bool(mirror.silences))
        assert sync.health.error == "his_SQLITE_CANTOPEN"
        assert mirror.silences[0] <= SystemClock().now() - timedelta(seconds=0.4)
        assert not front.stranger.file.exists()
        away.rename(front.stranger.file)
        front.stranger.move("L1", "A001", "2 ")
        await mirror.until(lambda: mirror.states["L1"].tickets[0].state is HisState.CALLED)
        assert len(mirror.silences) == 1


async def test_a_replaced_hospital_file_is_read_anew(front: FrontMachine, tmp_path: Path) -> None:
    mirror = RememberingMirror()
    async with syncing(front, mirror):
        await mirror.until(lambda: len(mirror.states) == 2)
        fresh = a_hospital(tmp_path / "fresh.db", lines=["L1", "L2"], tickets=["Z001"])
        os.replace(fresh.file, front.stranger.file)
        await mirror.until(lambda: [t.number for t in mirror.states["L1"].tickets] == ["Z001"])


async def test_a_front_machine_that_dies_is_found_again(front: FrontMachine) -> None:
    mirror = RememberingMirror()
    async with syncing(front, mirror, stale_seconds=0.5) as sync:
        await mirror.until(lambda: len(mirror.states) == 2)
        await front.stop()
        await mirror.until(lambda: bool(mirror.silences))
        assert sync.health.failures > 0
        front.stranger.move("L1", "A001", "2 ")
        await front.start()
        await mirror.until(lambda: mirror.states["L1"].tickets[0].state is HisState.CALLED)


async def test_a_stalled_hospital_is_given_up_and_found_again(front: FrontMachine) -> None:
    mirror = RememberingMirror()
    async with syncing(front, mirror, reply_seconds=0.5, stale_seconds=0.8) as sync:
        await mirror.until(lambda: len(mirror.states) == 2)
        assert front.his is not None
        front.his.hanging.clear()
        await mirror.until(lambda: bool(mirror.silences))
        assert sync.health.error == "timeout"
        front.his.hanging.set()
        front.stranger.move("L1", "A001", "2 ")
        await mirror.until(lambda: mirror.states["L1"].tickets[0].state is HisState.CALLED)


async def test_garbage_from_the_front_machines_port_is_no_answer(front: FrontMachine) -> None:
    async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"code":1')
        await writer.drain()
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(front.pki.front_machine, front.pki.front_machine_key)
    server = await asyncio.start_server(garbage, "127.0.0.1", 0, ssl=context)
    impostor = FrontMachine(front.folder, front.stranger)
    impostor.port = server.sockets[0].getsockname()[1]
    assert await refused(impostor, front.context()) == "not_the_contract_200"
    server.close()
    await server.wait_closed()


# Nothing of a patient is kept


CANARY_NAME = "司徒金丝雀"
CANARY_VISIT = "MZCANARY7777"
CANARY_ID = "990101199003071234"


class Listener(logging.Handler):
    """Every line of the standard library's loggers, Tornado's and asyncio's among them."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def every_log() -> Iterator[list[object]]:
    listener = Listener()
    root = logging.getLogger()
    level = root.level
    root.addHandler(listener)
    root.setLevel(logging.DEBUG)
    with structlog.testing.capture_logs() as structured:
        yield [structured, listener.lines]
    root.removeHandler(listener)
    root.setLevel(level)


async def test_after_many_calls_no_file_and_no_log_line_knows_a_patient(
    tmp_path: Path, every_log: list[object]
) -> None:
    (tmp_path / "his").mkdir()
    stranger = a_hospital(tmp_path / "his" / "his.db")
    front = FrontMachine(tmp_path, stranger, check_in__settle_seconds=0.0)
    canary = {"XM": CANARY_NAME.encode("gb18030"), "LS": CANARY_VISIT}
    await front.start()
    link = front.link()
    for turn in range(50):
        stranger.ticket("L1", f"C{turn:03}", **{**canary, "LS": f"{CANARY_VISIT}{turn}"})
        if turn % 10 == 5:  # rows that go wrong, with data where no data belongs
            stranger.ticket(
                "L2", "A001", **canary, ZT=CANARY_ID, JH=CANARY_NAME, CS=CANARY_ID, XH=CANARY_NAME
            )
        await link.line_states(AskLineStates())
        await link.check_in(AskCheckIn(key=f"k{turn}", visit=CANARY_VISIT, line="L1"))
        await link.settle(f"k{turn}")
        await link.directory()
    stranger.run("DROP TABLE SQ")
    with suppress(HospitalUnavailable):
        await link.check_in(AskCheckIn(key="k-late", visit=CANARY_VISIT, line="L1"))
    await link.close()
    await front.stop()
    secrets = [CANARY_NAME, "金丝雀", CANARY_VISIT, CANARY_ID]
    told = repr(every_log)
    assert "row.unusable" in told
    for secret in secrets:
        assert secret not in told
        for file in tmp_path.rglob("*"):
            if file.is_file() and file.parent.name != "his":
                content = file.read_bytes()
                assert secret.encode() not in content
                assert secret.encode("gb18030") not in content
