"""Files that are made from the code are what the code says, and what pages assume of the server is so."""

from core import limits
from server.api import PAGE_LIMITS, write_generated
from tests.architecture.test_structure import ROOT


def test_committed_files_are_what_the_code_says() -> None:
    assert write_generated(ROOT, check=True) == 0


def test_a_page_calls_a_line_silent_only_after_several_missed_confirmations() -> None:
    assert limits.QUEUE_STALE_SECONDS >= 3 * limits.QUEUE_REAFFIRM_SECONDS
    assert limits.HOSPITAL_STALE_SECONDS < limits.QUEUE_STALE_SECONDS, "the hospital's silence is told first"


def test_pages_take_these_bounds_from_the_file_and_nowhere_else() -> None:
    for name in PAGE_LIMITS:
        sources = [each for each in (ROOT / name).parent.rglob("*.ts") if each.name != "server-limits.ts"]
        assert any("server-limits" in each.read_text("utf-8") for each in sources), name
        for each in sources:
            assert "STALE_SECONDS =" not in each.read_text("utf-8"), each
