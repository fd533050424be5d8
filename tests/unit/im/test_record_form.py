"""The record as a document: every word that was said, whom it was about, what proves it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.documents.form_docx import form_docx
from adapters.documents.form_pdf import form_pdf
from core.form import Facts, Form, Grid, Passage
from im.chain import sealed_text
from im.consultation import Stage
from im.record import record_of
from im.record_form import ROLES, STAGES, _pieces, form_of
from im.store import Row
from im.thread import Part
from im.wire import CardBody, EventBody, FileBody, ImageBody, RecallBody, TextBody, VoiceBody
from tests.unit.im.test_record import NOON, rows

FACTS: dict[str, Any] = {
    "state": "ended",
    "department": "cardio",
    "doctor": "doctor.0007",
    "doctor_name": "李慕白",
    "doctor_title": "主任医师",
    "patient_name": "张三",
    "patient_sex": "male",
    "complaint": "头疼三天",
    "summary": "多休息",
    "created_at": NOON,
    "accepted_at": NOON,
    "ended_at": NOON,
    "fee_fen": 1990,
    "files": [{"file": "f1", "seq": 2, "media_type": "image/jpeg", "bytes": 1234, "sha256": "ab" * 32}],
}


def a_form(made: list[Row], reader: str | None = None) -> Form:
    record = record_of("c1", made, head=made[-1].digest, facts=FACTS, at=NOON, reader=reader)
    return form_of(record, hospital="某医院 A Hospital")


def said(made: list[Row], *bodies: Any) -> list[Row]:
    """The rows with these bodies."""
    texts = [sealed_text(b"s" * 16, msgspec.json.encode(body)) for body in bodies]
    return [replace(row, body=text, recalled=False) for row, text in zip(made, texts, strict=False)]


def words(form: Form) -> str:
    grid = next(block for block in form.blocks if isinstance(block, Grid) and "内容 Words" in block.columns)
    return "\n".join(row[-1] for row in grid.rows)


def test_it_says_whom_it_was_about_and_what_was_said() -> None:
    made = rows(7)
    bodies = (
        TextBody(text="头疼"),
        ImageBody(files=["f1", "f2"], text="看这里"),
        VoiceBody(file="f3", seconds=7),
        FileBody(file="f4", name="报告.pdf", bytes=3),
        CardBody(card="referral", id="d1"),
        RecallBody(ref_seq=1),
        EventBody(code="consultation.ended"),
    )
    form = a_form(said(made, *bodies))
    about = next(dict(block.pairs) for block in form.blocks if isinstance(block, Facts))
    assert about["患者 Patient"] == "张三"
    assert about["医生 Doctor"] == "李慕白 主任医师"
    assert about["费用 Fee"] == "19.90 元"
    text = words(form)
    shown = (
        "头疼",
        "Picture × 2〕看这里",
        "语音 Voice 7″",
        "报告.pdf",
        "referral d1",
        "撤回第 1 条",
        "问诊结束",
    )
    assert [each for each in shown if each not in text] == []
    assert [block.text for block in form.blocks if isinstance(block, Passage)][:2] == ["头疼三天", "多休息"]


def test_every_digest_is_in_it_and_the_last_one_on_every_page() -> None:
    made = rows()
    form = a_form(made)
    assert form.digest == made[-1].digest.hex()
    proof = form.blocks[-1]
    assert isinstance(proof, Grid)
    assert [row[2] for row in proof.rows] == [row.digest.hex() for row in made]


def test_what_another_took_back_is_not_in_it_and_keeps_its_place() -> None:
    made = rows()
    mine, others = words(a_form(made, reader="doctor.li")), words(a_form(made, reader="u1"))
    assert "已撤回 Taken back〕4" in mine
    assert "已由发送者撤回" in others
    assert "〕4" not in others


@given(st.text(st.sampled_from("汉a\n "), max_size=4000))
def test_long_words_are_cut_into_rows_and_nothing_is_left_out(text: str) -> None:
    pieces = _pieces(text)
    assert all(len(piece) <= 800 and piece.count("\n") < 24 for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


@pytest.mark.parametrize("text", ["长" * 4000, "行\n" * 2000, "x" * 4000, "<b>&amp;\t😀\x07"])
def test_any_words_make_a_document(text: str) -> None:
    form = a_form(said(rows(3), *[TextBody(text=text)] * 3))
    assert form_pdf(form).startswith(b"%PDF-")
    assert form_docx(form)


def test_every_state_and_every_part_has_words() -> None:
    assert STAGES.keys() == {stage.value for stage in Stage}
    assert ROLES.keys() >= {part.value for part in Part}
    assert form_of(
        record_of("c1", rows(), head=b"", facts={}, at=datetime(2026, 1, 1, tzinfo=UTC)), hospital="h"
    )
