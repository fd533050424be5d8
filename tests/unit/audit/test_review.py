"""A month of the log in numbers, what they suggest, and the record that is filed."""

import io
import re

import msgspec
import pytest
from docx import Document
from hypothesis import given
from hypothesis import strategies as st

from adapters.documents.form_docx import form_docx
from adapters.documents.form_pdf import form_pdf
from audit.proposing import proposed
from audit.record import Result
from audit.review import Chain, Level, Named, Review, Room, State, Tally, counted, digest_of
from audit.review_form import form_of
from core.form import Facts, Grid, Heading, Passage
from tests.unit.audit.reviews import TOUCHES, a_month, a_review, tallies

QUIET = Room(records=1, bytes=1, growth_records=1.0, days_left=None, kept_days=200)
UNVERIFIED = Chain(verified_at=None, records=0, heads=0, troubles=0)


def test_a_month_is_added_up() -> None:
    counts = a_month()
    assert counts.records == sum(tally.count for day in range(1, 32) for tally in tallies(day))
    assert [each.name for each in counts.touches][:2] == ["work", "personal"]
    assert (counts.sign_ins.done, counts.sign_ins.refused) == (4_000, 434)
    assert counts.night == [Named("service_desk", 31)]
    assert counts.refusals[0] == Named("staff.wrong", 434)
    assert counts.days[6] == Named("2026-10-07", sum(tally.count for tally in tallies(7)))


_TALLIES = st.lists(
    st.builds(
        Tally,
        action=st.sampled_from([*TOUCHES, "command.token"]),
        role=st.sampled_from(["nurse", "patient", "system"]),
        result=st.sampled_from([each.value for each in Result]),
        code=st.sampled_from(["", "core.forbidden"]),
        hour=st.integers(0, 23),
        count=st.integers(1, 99),
    )
)


@given(st.lists(_TALLIES, max_size=4))
def test_every_record_is_in_every_table_once(days: list[list[Tally]]) -> None:
    counts = counted(
        {f"2026-10-{day:02d}": found for day, found in enumerate(days, start=1)},
        first=1, last=9, touches=TOUCHES, reveals=(), addresses=(), chain=UNVERIFIED, room=QUIET,
    )  # fmt: skip
    for table in (counts.touches, counts.actions, counts.roles):
        assert sum(each.count for each in table) == counts.records
    assert sum(each.count for each in counts.days) == counts.records
    assert sum(each.count for each in counts.refusals) == sum(each.refused for each in counts.roles)
    assert {finding.code for finding in proposed(counts)} >= {"not_verified"}


def codes(**changes: object) -> dict[str, Level]:
    return {finding.code: finding.level for finding in proposed(a_month(**changes))}


def test_the_numbers_suggest_findings() -> None:
    assert codes() == {
        "address": Level.WARNING,
        "reveals": Level.WARNING,
        "night": Level.NOTE,
        "failed": Level.NOTE,
    }
    assert codes(chain=UNVERIFIED)["not_verified"] is Level.SERIOUS
    broken = msgspec.structs.replace(a_month().chain, troubles=2)
    assert next(iter(codes(chain=broken))) == "tampered"
    little = msgspec.structs.replace(a_month().room, days_left=20.0)
    assert codes(room=little)["little_room"] is Level.WARNING


def test_days_without_records_and_stopped_acts_are_told() -> None:
    def count(*found: Tally) -> set[str]:
        days = {"2026-10-01": list(found), "2026-10-02": []}
        counts = counted(
            days, first=1, last=1, touches=TOUCHES, reveals=(), addresses=(), chain=UNVERIFIED, room=QUIET
        )
        return {finding.code for finding in proposed(counts)}

    stopped = Tally("patient.look", "patient", "refused", "audit.unavailable", 9, 3)
    assert {"stopped", "empty_days"} <= count(stopped)
    guessed = Tally("staff.sign_in", "anonymous", "refused", "x", 9, 30)
    assert "failed_sign_ins" in count(guessed)
    assert "empty" in count()


def test_a_digest_is_of_everything_but_itself() -> None:
    review = a_review(state=State.SIGNED, conclusion="x")
    signed = msgspec.structs.replace(review, digest=digest_of(review))
    assert digest_of(signed) == signed.digest
    again = msgspec.json.decode(msgspec.json.encode(signed), type=Review)
    assert digest_of(again) == signed.digest
    assert digest_of(msgspec.structs.replace(signed, conclusion="y")) != signed.digest


def test_the_record_says_everything() -> None:
    review = a_review(findings="发现", conclusion="结论")
    form = form_of(review, hospital="演示医院 Demonstration Hospital")
    assert form.number == "RZ-2026-10-01"
    facts = dict(pair for block in form.blocks if isinstance(block, Facts) for pair in block.pairs)
    assert facts["记录总数 Records"] == f"{review.counts.records:,}"
    assert facts["状态 State"].startswith("草稿")
    passages = [block.text for block in form.blocks if isinstance(block, Passage)]
    assert passages == ["发现", "结论"]
    for block in form.blocks:
        if isinstance(block, Grid):
            assert all(len(row) == len(block.columns) == len(block.widths) for row in block.rows)
            assert sum(block.widths) == pytest.approx(1.0)
        if isinstance(block, Heading):
            assert block.zh
            assert block.en


def test_it_is_written_as_a_pdf_and_as_a_word_file() -> None:
    form = form_of(a_review(findings="<b>一 & 二</b>"), hospital="演示医院")
    pdf = form_pdf(form)
    assert pdf.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type /Page\n", pdf)) >= 2
    document = Document(io.BytesIO(form_docx(form)))
    texts = [paragraph.text for paragraph in document.paragraphs]
    assert texts[0] == "日志检查评审记录"
    cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    assert "<b>一 & 二</b>" in cells
    assert "护士 Nurse" in cells
    assert any("评审人 Reviewer" in text for text in texts)


def test_an_empty_month_can_be_filed_too() -> None:
    counts = counted(
        {}, first=1, last=0, touches=TOUCHES, reveals=(), addresses=(), chain=UNVERIFIED, room=QUIET
    )
    form = form_of(a_review(counts), hospital="演示医院")
    assert form_pdf(form)
    assert form_docx(form)
