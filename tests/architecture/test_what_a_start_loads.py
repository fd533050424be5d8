"""Every web process imports the composition root: what is needed once a month is not among it."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LATER = ("alembic", "alipay", "docx", "reportlab", "wechatpy", "zxcvbn")


def test_what_is_rarely_needed_is_loaded_when_it_is() -> None:
    asked = f"import sys, server.bootstrap; print(*[each for each in {LATER!r} if each in sys.modules])"
    run = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True, cwd=ROOT, timeout=120
    )
    assert run.stdout.split() == []
