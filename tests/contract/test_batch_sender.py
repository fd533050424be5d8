"""The native sender and the Python one: the same bytes arrive, the same troubles are told."""

import asyncio
import os
import shutil
import socket
import subprocess
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from adapters.native.plain import PlainSender
from adapters.native.sender import LIBRARY, NativeSender, native_sender
from realtime.fanout import BROKEN, NOT_ASKED, BatchFanOut, FanOut, Push, fan_out

ROOT = Path(__file__).parents[2]
MANY = 700


def _native(*, ring: bool) -> NativeSender:
    if not (ROOT / LIBRARY).exists():
        pytest.skip("the native sender is not built: no C compiler here")
    return NativeSender(ROOT / LIBRARY, ring=ring)


@pytest.fixture(params=["ring", "send", "python"])
def sender(request: pytest.FixtureRequest) -> Iterator[NativeSender | PlainSender]:
    if request.param == "python":
        yield PlainSender()
        return
    made = _native(ring=request.param == "ring")
    yield made
    made.close()
    made.close()


@dataclass
class Pair:
    ours: socket.socket
    theirs: socket.socket

    def read(self) -> bytes:
        got = b""
        self.theirs.setblocking(False)
        while True:
            try:
                piece = self.theirs.recv(1 << 20)
            except BlockingIOError:
                return got
            if not piece:
                return got
            got += piece


@pytest.fixture
def pairs() -> Iterator[Callable[[int], list[Pair]]]:
    made: list[Pair] = []

    def of(count: int) -> list[Pair]:
        fresh = [Pair(*socket.socketpair()) for _ in range(count)]
        for pair in fresh:
            pair.ours.setblocking(False)
        made.extend(fresh)
        return fresh

    yield of
    for pair in made:
        pair.ours.close()
        pair.theirs.close()


def test_everyone_gets_the_whole_frame(
    sender: NativeSender | PlainSender, pairs: Callable[[int], list[Pair]]
) -> None:
    crowd = pairs(MANY)
    frames = [b"first" * 40, b"second" * 50]
    for frame in frames:
        assert list(sender.send(array("i", [pair.ours.fileno() for pair in crowd]), frame)) == []
    assert {pair.read() for pair in crowd} == {b"".join(frames)}


def test_troubles_are_told_by_place(
    sender: NativeSender | PlainSender, pairs: Callable[[int], list[Pair]]
) -> None:
    crowd = pairs(MANY)
    full, dead, absent = crowd[3], crowd[600], 5
    while True:
        try:
            full.ours.send(b"x" * 65_536)
        except BlockingIOError:
            break
    dead.theirs.close()
    descriptors = array("i", [pair.ours.fileno() for pair in crowd])
    descriptors[absent] = -1
    told = dict(sender.send(descriptors, b"frame"))
    assert told == {3: 0, 600: BROKEN, 5: NOT_ASKED}
    assert crowd[absent].read() == b""
    assert all(pair.read() == b"frame" for at, pair in enumerate(crowd) if at not in told)


def test_a_socket_that_takes_a_part_says_how_much(
    sender: NativeSender | PlainSender, pairs: Callable[[int], list[Pair]]
) -> None:
    [pair] = pairs(1)
    pair.ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8_192)
    frame = bytes(range(256)) * 40_000
    [(index, sent)] = sender.send(array("i", [pair.ours.fileno()]), frame)
    assert index == 0
    assert 0 < sent < len(frame)
    assert pair.read() == frame[:sent]


def test_nobody_at_all(sender: NativeSender | PlainSender) -> None:
    assert list(sender.send(array("i"), b"frame")) == []
    assert list(sender.send(array("i", [-1, -1]), b"frame")) == [(0, NOT_ASKED), (1, NOT_ASKED)]


class Receiver:
    """What a connection is to a fan-out."""

    client = user = ""

    def __init__(self, pair: Pair, *, open_fd: int | None = None) -> None:
        self.pair = pair
        self.open_fd = pair.ours.fileno() if open_fd is None else open_fd
        self.delivered: list[bytes] = []
        self.gone_on: list[int] = []
        self.fails = self.failed = False

    def deliver(self, push: Push) -> None:
        if self.fails:
            raise RuntimeError("a fault of ours")
        self.delivered.append(push.frame)
        self.pair.ours.send(push.frame)

    def go_on(self, push: Push, sent: int) -> None:
        self.gone_on.append(sent)
        if self.fails:
            raise RuntimeError("a fault of ours")

    def lost(self, channel: str) -> None:
        raise AssertionError

    def fail(self) -> None:
        self.failed = True


@pytest.mark.parametrize("count", [3, 40])
def test_a_fan_out_by_batches_does_what_the_plain_one_does(
    sender: NativeSender | PlainSender, pairs: Callable[[int], list[Pair]], count: int
) -> None:
    push = Push.of(b'{"push":1}')
    ways: list[FanOut] = [fan_out, BatchFanOut(sender)]
    for way in ways:
        crowd = [Receiver(pair) for pair in pairs(count)]
        crowd[0].open_fd = -1
        crowd[1].open_fd, crowd[1].fails = -1, True
        way(crowd, push)
        assert [one.failed for one in crowd] == [False, True, *[False] * (count - 2)]
        assert all(one.pair.read() == push.frame for one in crowd if not one.fails)
        assert crowd[0].delivered == [push.frame]


def test_whoever_did_not_take_all_goes_on_by_itself(
    sender: NativeSender | PlainSender, pairs: Callable[[int], list[Pair]]
) -> None:
    crowd = [Receiver(pair) for pair in pairs(20)]
    crowd[4].pair.theirs.close()
    crowd[9].pair.theirs.close()
    crowd[9].fails = True
    BatchFanOut(sender)(crowd, Push.of(b"{}"))
    assert [one.gone_on for one in crowd] == [[BROKEN] if at in (4, 9) else [] for at in range(20)]
    assert [one.failed for one in crowd] == [at == 9 for at in range(20)]


def test_without_a_library_there_is_no_sender(tmp_path: Path) -> None:
    assert native_sender(tmp_path) is None
    (tmp_path / LIBRARY).parent.mkdir(parents=True)
    (tmp_path / LIBRARY).write_bytes(b"not a library")
    assert native_sender(tmp_path) is None


@pytest.mark.parametrize("compiler", ["nothing-of-that-name", "false"])
def test_a_machine_without_a_working_compiler_is_told_and_goes_on(tmp_path: Path, compiler: str) -> None:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "adapters/native").mkdir(parents=True)
    shutil.copy(ROOT / "scripts/native", tmp_path / "scripts/native")
    shutil.copy(ROOT / "adapters/native/batch_send.c", tmp_path / "adapters/native")
    ran = subprocess.run(
        ["scripts/native"], cwd=tmp_path, env={**os.environ, "CC": compiler}, capture_output=True, text=True
    )
    assert ran.returncode == 0
    assert "Python sender" in ran.stderr
    assert not (tmp_path / LIBRARY).exists()


async def test_a_ring_belongs_to_the_loops_thread_and_is_used_from_it(
    pairs: Callable[[int], list[Pair]],
) -> None:
    made = _native(ring=True)
    crowd = pairs(50)
    await asyncio.sleep(0)
    assert list(made.send(array("i", [pair.ours.fileno() for pair in crowd]), b"frame")) == []
    made.close()
    assert {pair.read() for pair in crowd} == {b"frame"}
