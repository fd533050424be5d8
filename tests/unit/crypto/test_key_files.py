"""Key files: made once, whole, for one reader; turned while others read; never silently replaced."""

import json
import multiprocessing
from pathlib import Path

import pytest

from adapters.crypto.fields import FieldSealing
from adapters.crypto.key_files import KeyFiles, KeysMissing
from adapters.crypto.ring import RingBroken, new_ring, read_ring, write_ring
from adapters.crypto.suites import Suite
from core.clock import ManualClock, SystemClock
from tests.unit.crypto.rings import NOON, counted, files_in

HERE = {"table": "t", "column": "c", "row": "r"}


@pytest.mark.parametrize("suite", list(Suite))
def test_a_first_start_makes_both_files_for_the_server_alone(tmp_path: Path, suite: Suite) -> None:
    files = files_in(tmp_path)
    ring = files.open(suite, at=NOON)
    assert files.open(Suite.AES, at=NOON) == files.read() == ring
    assert ring.newest.suite is ring.index.suite is suite
    made = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert sorted(file.name for file in made) == ["fields.json", "fields.json.lock", "master.key"]
    assert {file.stat().st_mode & 0o777 for file in made} == {0o600}


def test_no_key_is_in_the_ring_as_it_lies(tmp_path: Path) -> None:
    files = files_in(tmp_path)
    ring = files.turn(Suite.SM, at=NOON) if files.open(Suite.AES, at=NOON) else None
    assert ring is not None
    content = (tmp_path / "data" / "fields.json").read_text()
    for key in (ring.index.key, *(each.key for each in ring.data)):
        assert key.hex() not in content
    assert "key=" not in repr(ring)


def _start(folder: str, start: object, answers: object) -> None:
    start.wait(20)  # type: ignore[attr-defined]
    sealing = FieldSealing(files_in(Path(folder)), suite=Suite.AES, clock=SystemClock())
    answers.put(sealing.seal("同一把钥匙", **HERE))  # type: ignore[attr-defined]


def test_processes_that_start_at_once_agree(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    start, answers = context.Barrier(4), context.Queue()
    processes = [context.Process(target=_start, args=(str(tmp_path), start, answers)) for _ in range(4)]
    for process in processes:
        process.start()
    sealed = [answers.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(60)
    sealing = FieldSealing(files_in(tmp_path), suite=Suite.AES, clock=ManualClock(NOON))
    assert {sealing.open(each, **HERE) for each in sealed} == {"同一把钥匙"}


def test_a_turned_ring_keeps_what_it_had(tmp_path: Path) -> None:
    files = files_in(tmp_path)
    first = files.open(Suite.AES, at=NOON)
    second = files.turn(Suite.SM, at=NOON)
    third = files.turn(Suite.AES, at=NOON)
    assert files.read() == third
    assert third.data[:2] == second.data
    assert second.data[0] == first.newest
    assert third.index == first.index
    assert len({key.id for key in third.data}) == 3


def test_running_processes_learn_of_it(tmp_path: Path) -> None:
    clock = ManualClock(NOON)
    one, two = (FieldSealing(files_in(tmp_path), suite=Suite.AES, clock=clock) for _ in range(2))
    files_in(tmp_path).turn(Suite.AES, at=NOON)
    restarted = FieldSealing(files_in(tmp_path), suite=Suite.AES, clock=clock)
    assert one.open(restarted.seal("新", **HERE), **HERE) == "新"
    assert one.newest == restarted.newest
    assert two.open(one.seal("新", **HERE), **HERE) == "新"


def test_one_file_without_the_other_is_never_replaced(tmp_path: Path) -> None:
    for lost, left in (("apart/master.key", "fields.json"), ("data/fields.json", "master.key")):
        folder = tmp_path / left
        files_in(folder).open(Suite.AES, at=NOON)
        (folder / lost).unlink()
        with pytest.raises(KeysMissing, match=left):
            files_in(folder).open(Suite.AES, at=NOON)
        with pytest.raises(KeysMissing):
            files_in(folder).turn(Suite.AES, at=NOON)
        assert not (folder / lost).exists()


@pytest.mark.parametrize("content", [b"", b"\xff", b"zz", b"00" * 31, b"00" * 32])
def test_another_master_key_opens_nothing(tmp_path: Path, content: bytes) -> None:
    files = files_in(tmp_path)
    files.open(Suite.AES, at=NOON)
    (tmp_path / "apart" / "master.key").write_bytes(content)
    with pytest.raises(KeysMissing):
        files.open(Suite.AES, at=NOON)


def test_a_ring_that_was_altered_is_refused() -> None:
    random, master = counted(), bytes(32)
    ring = new_ring(Suite.AES, at=NOON, random=random).turned(Suite.SM, at=NOON, random=random)
    content = write_ring(ring, master=master, random=random)
    assert read_ring(content, master=master) == ring
    index, first, second = json.loads(content)["keys"]

    def altered(*keys: object) -> bytes:
        return json.dumps({"houzhen_keys": 1, "keys": keys}).encode()

    for wrong in (
        b"",
        b"[]",
        content[:-20],
        altered(),
        altered(index),
        altered(first, second),
        altered(index, index, first),
        altered(index, first, first),
        altered(index, first, second | {"id": "00000009"}),
        altered(index, first, second | {"id": "9"}),
        altered(index, first, second | {"key": first["key"]}),
        altered(index, first, second | {"key": "zz"}),
        altered(index, first, second | {"key": ""}),
        altered(index, first, second | {"algorithm": "A256GCM"}),
        altered(index, first, second | {"algorithm": "none"}),
        altered(index, first, second | {"made": None}),
        altered(index | {"algorithm": "none"}, first),
        altered(first | {"purpose": "index", "algorithm": "HMAC-SHA-256"}, second),
        altered(index | {"purpose": "data", "algorithm": "A256GCM", "made": NOON.isoformat()}, index, first),
        content.replace(b'"houzhen_keys": 1', b'"houzhen_keys": 2'),
    ):
        with pytest.raises(RingBroken):
            read_ring(wrong, master=master)


def test_files_that_cannot_be_read_say_which(tmp_path: Path) -> None:
    files = KeyFiles(ring=tmp_path, master=tmp_path / "m")
    (tmp_path / "m").write_text("00" * 32)
    with pytest.raises(KeysMissing, match="cannot be read"):
        files.read()
