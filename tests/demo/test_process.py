"""The command as a process: it can be stopped at any moment and its file is whole."""

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

SOON_SECONDS = 60


def start(path: Path, *more: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "demo.hospital", "--db", str(path), "--departments", "1"]
    fixed = ["--day", "20261123", "--history-days", "1", "--start", "09:00", "--speed", "200"]
    return subprocess.Popen(
        [*command, *fixed, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def is_whole(path: Path) -> bool:
    with sqlite3.connect(path) as reader:
        (verdict,) = reader.execute("PRAGMA integrity_check").fetchone()
        twice = reader.execute("SELECT 1 FROM V_PD_DLZT GROUP BY DLDM, HZXH HAVING COUNT(*) > 1").fetchall()
    reader.close()
    return verdict == "ok" and not twice


@pytest.mark.process
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_stop_leaves_a_whole_file(tmp_path: Path, how: signal.Signals) -> None:
    path = tmp_path / "his.db"
    with start(path) as hospital:
        assert hospital.stdout is not None
        assert hospital.stdout.readline().startswith("open: 2026-11-23")
        hospital.send_signal(how)
        code = hospital.wait(SOON_SECONDS)
    assert is_whole(path)
    if how is not signal.SIGKILL:
        assert code == 0
        assert not path.with_name("his.db-wal").exists()
    with start(path, "--until", "09:01") as hospital:
        assert hospital.wait(SOON_SECONDS) == 0


@pytest.mark.process
def test_a_wrong_seed_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "his.db"
    with start(path, "--instant", "--until", "09:01") as hospital:
        assert hospital.wait(SOON_SECONDS) == 0
    with start(path, "--seed", "9") as hospital:
        _, said = hospital.communicate(timeout=SOON_SECONDS)
    assert hospital.returncode == 2
    assert said.count("\n") == 1
    assert "--fresh" in said
