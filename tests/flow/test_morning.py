"""From the hospital's own table to a phone and a screen, over real sockets, with everything in between."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core import limits
from tests.flow.town import SOON_SECONDS, Phone, Town, a_town, fresh_key


@pytest.fixture(
    params=[
        "embedded",
        pytest.param("redis and mariadb", marks=[pytest.mark.redis, pytest.mark.mariadb]),
    ]
)
def neighbours(request: pytest.FixtureRequest) -> dict[str, object]:
    """Settings of the embedded default, and of Redis and MariaDB."""
    if request.param == "embedded":
        return {}
    return {
        "broker__url": request.getfixturevalue("redis_url"),
        "storage__url": request.getfixturevalue("mariadb_database_url"),
    }


@pytest.fixture
async def town(neighbours: dict[str, object], tmp_path: Path) -> AsyncIterator[Town]:
    """The same town on both."""
    async with a_town(tmp_path, **neighbours) as town:
        await town.knows("L1")
        yield town


async def test_a_change_in_the_hospitals_table_reaches_a_phone_and_a_screen(town: Town) -> None:
    async with town.phone("L1") as phone, town.screen("hall") as screen:
        await asyncio.to_thread(town.his.move, "L1", "A001", "2 ")
        board = await phone.until(lambda board: bool(board["now"]))
        assert [now["number"] for now in board["now"]] == ["A001"]
        assert "A001" not in board["waiting"]
        part = await screen.until(lambda part: part["line"] == "L1" and bool(part["now"]))
        assert part["now"][0]["name"] == "张*丰"
        assert part["now"][0]["call_id"].startswith("L1:")
    assert await town.board("L1") == board


async def test_phones_see_numbers_and_never_a_name(town: Town) -> None:
    async with town.phone("L1") as phone:
        await asyncio.to_thread(town.his.move, "L1", "A001", "2 ")
        await phone.until(lambda board: bool(board["now"]))
    seen = repr(phone.published) + repr(await town.get("/v1/lines/L1")) + repr(await town.get("/v1/lines"))
    seen += repr(await town.get("/v1/lines/L1/tickets/A001"))
    assert "张" not in seen
    assert "MZL1A001" not in seen


async def test_a_code_nobody_mapped_is_unknown_and_nothing_is_guessed(town: Town) -> None:
    async with town.phone("L1") as phone:
        await asyncio.to_thread(town.his.move, "L1", "A002", "?9")
        board = await phone.until(lambda board: board["unknown"] == ["A002"])
    assert "A002" not in board["waiting"]
    status, ticket = await town.get("/v1/lines/L1/tickets/A002")
    assert (status, ticket["state"], ticket["advice"]) == (200, "unknown", "ask_staff")


async def test_a_ticket_told_twice_keeps_the_last_good_state_of_that_line_only(town: Town) -> None:
    before = await town.board("L1")
    async with town.phone("L2") as other:
        await asyncio.to_thread(town.his.ticket, "L1", "A001")
        await asyncio.to_thread(town.his.move, "L2", "A001", "2 ")
        await other.until(lambda board: bool(board["now"]))
    after = await town.board("L1")
    assert (after["version"], after["waiting"]) == (before["version"], before["waiting"])
    await asyncio.to_thread(town.his.run, "DELETE FROM PD WHERE rowid = (SELECT MAX(rowid) FROM PD)")
    async with town.phone("L1") as phone:
        await asyncio.to_thread(town.his.move, "L1", "A001", "2 ")
        await phone.until(lambda board: bool(board["now"]))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second of silence is an outage."""
    monkeypatch.setattr(limits, "HOSPITAL_STALE_SECONDS", 0.5)


@pytest.mark.usefixtures("impatient")
async def test_a_silent_hospital_shows_its_age_everywhere_and_comes_back_by_itself(town: Town) -> None:
    async with town.phone("L1") as phone, town.screen("hall") as screen:
        await town.front.stop()
        stale = await phone.until(lambda board: not board["fresh"])
        await screen.until(lambda part: part["line"] == "L1" and not part["fresh"])
        status, view = await town.get("/v1/lines/L1")
        assert (status, view["fresh"], view["as_of"]) == (200, False, stale["as_of"])
        _, ready = await town.get("/readyz")
        assert ready["ready"]
        [hospital] = [each for each in ready["dependencies"] if each["name"] == "hospital"]
        assert not hospital["ok"]
        assert hospital["age_seconds"] >= 0.5
        await asyncio.to_thread(town.his.move, "L1", "A001", "2 ")
        await town.front.start()
        board = await phone.until(lambda board: board["fresh"] and bool(board["now"]))
        assert board["as_of"] > stale["as_of"]


async def test_check_in_on_a_mirrored_line_goes_through_the_front_machine(town: Town) -> None:
    body = {"expected_version": 0, "visit": "MZ-NEW"}
    asked = asyncio.create_task(town.post("/v1/lines/L1/check-in", body, town.nurse() | fresh_key()))
    async with asyncio.timeout(SOON_SECONDS):
        while not town.his.count("SQ"):
            await asyncio.sleep(0.02)
    await asyncio.to_thread(town.his.run, "UPDATE SQ SET ZT = 1, HM = 'A004'")
    await asyncio.to_thread(town.his.ticket, "L1", "A004", LS="MZ-NEW")
    status, answer = await asked
    assert status == 200, answer
    async with asyncio.timeout(SOON_SECONDS):
        while "A004" not in (await town.board("L1"))["waiting"]:
            await asyncio.sleep(0.05)
    status, refused = await town.post("/v1/lines/L1/call-next", {"room": "301", "expected_version": 1})
    assert (status, refused["code"]) == (409, "queue.line_is_mirrored")


async def opened(town: Town, people: int) -> int:
    """The own line with its rooms open and some people in it; answers its version."""
    version = (await town.board("blood"))["version"]
    for room in ("w1", "w2"):
        status, answer = await town.post(f"/v1/lines/blood/rooms/{room}/open", {"expected_version": version})
        assert status == 200, answer
        version = answer["version"]
    for person in range(people):
        body = {"expected_version": version, "visit": f"V{person}", "name": "李小明"}
        status, answer = await town.post("/v1/lines/blood/check-in", body)
        assert status == 200, answer
        version = answer["version"]
    return int(version)


async def test_every_command_leaves_phone_and_snapshot_equal(town: Town) -> None:
    async with town.phone("blood") as phone:
        version = await opened(town, 6)

        async def does(path: str, **body: object) -> dict[str, object]:
            nonlocal version
            status, answer = await town.post(f"/v1/lines/blood{path}", {"expected_version": version, **body})
            assert status == 200, (path, answer)
            version = answer["version"]
            board = await phone.until(lambda board: board["version"] >= version)
            fresh = await town.board("blood")
            for confirmed in (board, fresh, answer["board"]):
                confirmed.pop("as_of")
            assert board == fresh == answer["board"], path
            return fresh

        board = await does("/call-next", room="w1", reason="顺呼")
        assert board["now"][0]["number"] == "C001"  # type: ignore[index]
        await does("/tickets/C001/recall")
        await does("/tickets/C001/start")
        await does("/tickets/C001/undo")
        await does("/tickets/C001/start")
        await does("/tickets/C001/send-for-tests")
        await does("/tickets/C003/call", room="w2")
        await does("/tickets/C003/pass-over")
        await does("/tickets/C003/recheck-in")
        await does("/tickets/C001/return")
        await does("/tickets/C004/defer", places=1)
        await does("/tickets/C004/suspend")
        await does("/tickets/C004/resume")
        await does("/tickets/C005/transfer", to_line="x-ray")
        await does("/tickets/C006/give-up")
        await does("/tickets/C002/cancel")
        await does("/call-next", room="w1")
        await does("/tickets/" + (await town.board("blood"))["now"][0]["number"] + "/start")
        await does("/tickets/" + (await town.board("blood"))["now"][0]["number"] + "/finish")
        await does("/rooms/w2/pause")
        await does("/rooms/w2/open")
        await does("/rooms/w2/close")
        await does("/stop")
    status, history = await town.get("/v1/lines/blood/history?limit=200", town.nurse())
    assert status == 200
    done = {item["what"] for item in history["items"]}
    assert {"called", "recalled", "undone", "transferred", "clinic_stopped"} <= done
    assert all(item["actor"] and item["at"] for item in history["items"])
    assert "李" not in repr(history)


async def test_of_two_nurses_calling_at_once_one_wins_and_the_other_sees_the_state(town: Town) -> None:
    version = await opened(town, 4)
    answers = await asyncio.gather(
        *(
            town.post("/v1/lines/blood/call-next", {"room": room, "expected_version": version})
            for room in ("w1", "w2")
        )
    )
    assert sorted(status for status, _ in answers) == [200, 409]
    [conflict] = [body for status, body in answers if status == 409]
    assert conflict["code"] == "queue.line_has_moved"
    assert conflict["params"]["version"] == version + 1
    assert conflict["params"]["now"] == ["C001@w1:called"] or conflict["params"]["now"] == ["C001@w2:called"]


async def test_the_same_check_in_twice_is_one_ticket(town: Town) -> None:
    version = await opened(town, 0)
    headers = town.nurse() | fresh_key()
    body = {"expected_version": version, "visit": "V1"}
    first = await town.post("/v1/lines/blood/check-in", body, headers)
    assert await town.post("/v1/lines/blood/check-in", body, headers) == first
    assert (await town.board("blood"))["waiting"] == ["C001"]


async def test_who_may_not_is_told_no(town: Town) -> None:
    anonymous = {"Authorization": "Bearer x"}
    body = {"expected_version": 0, "room": "w1"}
    assert (await town.post("/v1/lines/blood/call-next", body, anonymous))[0] == 401
    assert (await town.post("/v1/lines/blood/call-next", body, town.nurse("x-ray")))[0] == 404
    assert (await town.get("/v1/lines/blood/staff"))[0] == 401
    assert (await town.get("/v1/lines/blood/staff", town.nurse("x-ray")))[0] == 404
    assert (await town.get("/v1/screens/hall"))[0] == 401
    assert (await town.get("/v1/screens/other", town.nurse()))[0] == 404
    nobody = Phone(town.sockets, "screen:hall")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5), nobody:
            pass
    await nobody.client.disconnect()
    assert nobody.published == []


async def test_directory_lists_what_the_hospital_lists(town: Town) -> None:
    status, rooms = await town.get("/v1/lines?department=lab")
    assert status == 200
    assert {item["id"] for item in rooms["items"]} == {"blood", "x-ray"}
    for path in ("/v1/departments", "/v1/doctors", "/v1/rooms"):
        assert (await town.get(path))[0] == 200
    for path in ("nothing", "%00", "..%2f..", "%F0%9F%98%80", "x" * 3000):
        status, problem = await town.get(f"/v1/lines/{path}")
        assert (status, problem["code"]) == (404, "queue.no_such_line")


async def test_pages_and_documents_are_served(town: Town) -> None:
    for path in ("/openapi.json", "/asyncapi.json", "/healthz", "/v1/start"):
        assert (await town.get(path))[0] == 200, path
    async with town.http.get("/metrics") as response:
        assert "houzhen_http_seconds" in await response.text()
