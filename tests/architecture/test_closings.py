"""T18: every way in which our code closes a connection or ends a subscription says why, as SDKs need it.

A reason that is empty makes a final close not final, one that parses as JSON stops npm's client for good, and
a frame has room for 123 bytes. So each reason in the code is written out where it can be read, here too.
"""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from realtime import codes
from realtime.websocket import close_frame

pytestmark = pytest.mark.acceptance("T18")

ROOT = Path(__file__).parents[2]
PACKAGES = ("core", "realtime", "clinic", "queue_display", "front_machine", "handlers", "adapters", "server")
EDGE = Path("handlers/realtime_connection.py")
CODEC = Path("realtime/websocket.py")


def calls(*names: str) -> Iterator[tuple[Path, ast.Call]]:
    """Every call of a function or class of that name in our code."""
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Call):
                    called = node.func.attr if isinstance(node.func, ast.Attribute) else None
                    called = node.func.id if isinstance(node.func, ast.Name) else called
                    if called in names:
                        yield file.relative_to(ROOT), node


def judge(reason: str) -> None:
    assert reason.strip() == reason != ""
    assert len(reason.encode()) <= 123
    with pytest.raises(ValueError):
        json.loads(reason)


def written(node: ast.expr) -> object:
    """The value of a literal."""
    assert isinstance(node, ast.Constant), ast.unparse(node)
    return node.value


def test_every_close_and_every_end_of_a_subscription_has_a_reason_that_can_be_read() -> None:
    seen = set()
    for file, call in calls("Disconnect"):
        if any(isinstance(argument, ast.Starred) for argument in call.args) or not call.args:
            continue
        code, reason = (written(argument) for argument in call.args)
        assert isinstance(code, int), file
        assert isinstance(reason, str), file
        assert 2_000 <= code < 5_000, file
        judge(reason)
        seen.add(code)
    told = {one.code for table in (codes.Closings, codes.Unsubscribings) for one in codes._members(table)}
    assert seen == told, "all of them are said in realtime/codes.py"


def test_every_violation_has_a_reason_that_can_be_read() -> None:
    found = [call for file, call in calls("Violation") if file == CODEC]
    assert len(found) >= 8
    assert {file for file, _ in calls("Violation")} == {CODEC}
    for call in found:
        reason = written(call.args[1])
        assert isinstance(reason, str)
        judge(reason)


def test_close_frames_are_made_in_one_place_from_these() -> None:
    made = list(calls("close_frame"))
    assert [(file, ast.unparse(call)) for file, call in made] == [
        (EDGE, "websocket.close_frame(code, words)")
    ]
    said = {ast.unparse(call) for file, call in calls("_say_goodbye", "_leave")}
    assert said == {
        "self._say_goodbye(why.code, why.reason, why.name)",
        "self._say_goodbye(code, words, reason)",
        # The peer's own close is echoed; it has said its reason itself.
        "self._leave(code, _LEFT)",
        "self._leave(violation.code, _BROKEN, violation.reason)",
    }


def test_no_reason_can_make_a_frame_that_is_not_one() -> None:
    for one in (*codes.CLOSINGS, codes.Disconnect(4_000, "号" * 41)):
        frame = close_frame(one.code, one.reason)
        assert len(frame) <= 127
        assert frame[4:].decode() == one.reason
