"""The recipe in docs/audit.md verifies an export without this program."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.files.audit_export import AuditExport
from adapters.memory.audit import MemoryAuditStore
from audit.chain import Algorithm
from audit.keeping import export
from tests.unit.audit.chains import KEY, OTHER_KEY, a_chain, heads_of

PAGE = Path(__file__).parents[3] / "docs" / "audit.md"


async def an_export(folder: Path, algorithm: Algorithm) -> Path:
    store = MemoryAuditStore()
    store.chain = a_chain(9, algorithm=algorithm)
    store.signed = heads_of(store.chain, 4, 9)
    await export(store, AuditExport(folder, pem=KEY.pem))
    return folder


def says(script: Path, folder: Path, key: Path) -> tuple[int, str]:
    ran = subprocess.run(
        [sys.executable, script, folder, key], capture_output=True, text=True, timeout=60, check=False
    )
    return ran.returncode, ran.stdout + ran.stderr


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the recipe needs openssl")
async def test_the_recipe_of_the_page_verifies_an_export(tmp_path: Path) -> None:
    found = re.search(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert found is not None
    script = tmp_path / "verify.py"
    script.write_text(found[1])
    for algorithm in ("sha256", "sm3"):
        folder = await an_export(tmp_path / algorithm, algorithm)  # type: ignore[arg-type]
        key = folder / "public-key.pem"
        assert says(script, folder, key) == (0, "9 records are as they were signed\n")
        [records] = folder.glob("records/*")
        lines = records.read_text().splitlines(keepends=True)
        for tampered in (
            "".join(lines).replace("L0005", "L0006", 1),
            "".join([*lines[:3], *lines[4:]]),
            "".join([*lines[:3], lines[4], lines[3], *lines[5:]]),
        ):
            records.write_text(tampered)
            status, said = says(script, folder, key)
            assert status == 1
            assert "was changed" in said
        records.write_text("".join(lines))
        other = tmp_path / "other.pem"
        other.write_text(OTHER_KEY.pem)
        assert says(script, folder, other)[0] == 1
        (folder / "heads" / "2026-11" / "00000001.json").unlink()
        assert says(script, folder, key) == (1, "head 1 is missing or not signed by this key\n")
