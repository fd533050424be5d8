"""Certificates are made once, renewed in time, and their keys are nobody else's."""

import stat
from datetime import datetime, timedelta
from pathlib import Path

from core.clock import CHINA
from server.pki import RENEW_DAYS, describe, files_of, make_pki

AT = datetime(2026, 11, 23, 9, 0, tzinfo=CHINA)


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_second_time_changes_nothing(tmp_path: Path) -> None:
    make_pki(tmp_path / "pki", at=AT)
    before = contents(tmp_path / "pki")
    assert set(before) == {
        f"{name}.{end}" for name in ("ca", "front-machine", "platform") for end in ("crt", "key")
    }
    make_pki(tmp_path / "pki", at=AT + timedelta(days=300))
    assert contents(tmp_path / "pki") == before


def test_keys_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    make_pki(tmp_path, at=AT)
    for key in tmp_path.glob("*.key"):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_leaves_are_renewed_before_they_end_and_the_authority_stays(tmp_path: Path) -> None:
    make_pki(tmp_path, at=AT)
    before = contents(tmp_path)
    make_pki(tmp_path, at=AT + timedelta(days=366 - RENEW_DAYS))
    after = contents(tmp_path)
    assert after["ca.crt"] == before["ca.crt"]
    assert after["platform.crt"] != before["platform.crt"]
    assert after["front-machine.crt"] != before["front-machine.crt"]


def test_a_new_name_makes_a_new_certificate(tmp_path: Path) -> None:
    make_pki(tmp_path, at=AT)
    before = contents(tmp_path)
    make_pki(tmp_path, at=AT, front_machine_names=["front.hospital.example", "10.1.2.3"])
    after = contents(tmp_path)
    assert after["front-machine.crt"] != before["front-machine.crt"]
    assert after["platform.crt"] == before["platform.crt"]
    assert {"front.hospital.example", "10.1.2.3", "localhost", "127.0.0.1"} <= set(
        describe(tmp_path, at=AT)[1].names
    )


def test_a_broken_or_foreign_file_is_replaced(tmp_path: Path) -> None:
    make_pki(tmp_path / "a", at=AT)
    make_pki(tmp_path / "b", at=AT)
    (tmp_path / "a" / "platform.key").write_text("garbage")
    (tmp_path / "a" / "front-machine.crt").write_bytes((tmp_path / "b" / "front-machine.crt").read_bytes())
    make_pki(tmp_path / "a", at=AT)
    assert [facts.trouble for facts in describe(tmp_path / "a", at=AT)] == ["", "", ""]
    assert b"PRIVATE KEY" in (tmp_path / "a" / "platform.key").read_bytes()


def test_describe_tells_days_and_troubles(tmp_path: Path) -> None:
    make_pki(tmp_path, at=AT)
    assert [facts.days_left for facts in describe(tmp_path, at=AT)] == [3650, 365, 365]
    late = describe(tmp_path, at=AT + timedelta(days=350))
    assert [facts.trouble for facts in late] == ["", "ends soon", "ends soon"]
    assert [facts.trouble for facts in describe(tmp_path, at=AT + timedelta(days=400))][1:] == ["expired"] * 2
    files_of(tmp_path).platform.unlink()
    assert str(describe(tmp_path, at=AT)[2]) == "platform.crt: missing"
