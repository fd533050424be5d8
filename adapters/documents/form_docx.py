"""A form as a Word file (A4), for hospitals that file it so and want to write into it."""

import io
from typing import Any

from docx import Document
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor

from core.form import Bars, Block, Facts, Form, Grid, Heading, Passage, Signatures

FACE = "宋体"
SOFT = RGBColor(0x5D, 0x6B, 0x7A)
SHADE = "EEF2F5"
WIDTH = 174.0
"""Millimetres between the margins."""


def form_docx(form: Form) -> bytes:
    """The whole document."""
    document = Document()
    _page(document, form)
    _line(document, form.title[0], 22, center=True)
    _line(document, form.title[1], 12, center=True, soft=True)
    _line(document, f"依据 Basis: {form.basis}", 8.5, center=True, soft=True)
    number = 0
    for block in form.blocks:
        if isinstance(block, Heading):
            number += 1
            _heading(document, number, block)
        else:
            _draw(document, block)
    if form.digest:
        _line(document, f"SHA-256 {form.digest}", 7.5, soft=True)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def _page(document: Any, form: Form) -> None:
    section = document.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.left_margin = section.right_margin = Mm(18)
    section.top_margin, section.bottom_margin = Mm(24), Mm(20)
    style = document.styles["Normal"]
    style.font.name, style.font.size = FACE, Pt(10)
    style.element.rPr.rFonts.set(qn("w:eastAsia"), FACE)
    document.core_properties.title = f"{form.title[0]} {form.number}"
    document.core_properties.author = form.hospital
    head = section.header.paragraphs[0]
    _write(head, f"{form.hospital}    {form.title[0]}  编号 No. {form.number}", 9, soft=True)


def _line(document: Any, text: str, size: float, *, center: bool = False, soft: bool = False) -> Any:
    paragraph = document.add_paragraph()
    paragraph.paragraph_format.space_after = Pt(2)
    if center:
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
    _write(paragraph, text, size, soft=soft)
    return paragraph


def _write(paragraph: Any, text: str, size: float, *, soft: bool = False) -> None:
    run = paragraph.add_run(text)
    run.font.size, run.font.name = Pt(size), FACE
    run._element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), FACE)  # noqa: SLF001
    if soft:
        run.font.color.rgb = SOFT


def _heading(document: Any, number: int, heading: Heading) -> None:
    paragraph = _line(document, f"{number}　{heading.zh}　", 12.5)
    _write(paragraph, heading.en, 9, soft=True)
    paragraph.paragraph_format.space_before = Pt(10)
    paragraph.paragraph_format.keep_with_next = True


def _draw(document: Any, block: Block) -> None:
    if isinstance(block, Facts):
        _facts(document, block)
    elif isinstance(block, Grid):
        _grid(document, block)
    elif isinstance(block, Bars):
        days = "　".join(f"{int(day.name[-2:])}日 {day.count:,}" for day in block.days)
        _line(document, days or "—", 8.5)
    elif isinstance(block, Passage):
        _table(document, [[block.text or "\n" * block.lines]], [1.0], size=10)
    elif isinstance(block, Signatures):
        for label in block.labels:
            line = _line(document, f"{label}（签字）：____________________　　日期 Date：______________", 10)
            line.paragraph_format.space_before = Pt(16)


def _facts(document: Any, facts: Facts) -> None:
    pairs = [*facts.pairs, *[("", "")] * (len(facts.pairs) % 2)]
    rows = [[*pairs[at], *pairs[at + 1]] for at in range(0, len(pairs), 2)]
    table = _table(document, rows, [0.21, 0.29, 0.21, 0.29], size=9)
    for row in table.rows:
        _shade(row.cells[0])
        _shade(row.cells[2])


def _grid(document: Any, grid: Grid) -> None:
    names = len(grid.columns) - grid.numbers
    table = _table(document, [grid.columns, *grid.rows], grid.widths, size=9, right_from=names)
    for cell in table.rows[0].cells:
        _shade(cell)


def _table(document: Any, rows: Any, widths: Any, *, size: float, right_from: int = 99) -> Any:
    table = document.add_table(rows=len(rows), cols=len(widths), style="Table Grid")
    table.autofit = False
    for row, texts in zip(table.rows, rows, strict=True):
        for at, (cell, text) in enumerate(zip(row.cells, texts, strict=True)):
            cell.width = Mm(WIDTH * widths[at])
            paragraph = cell.paragraphs[0]
            paragraph.paragraph_format.space_after = Pt(1)
            if at >= right_from:
                paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
            _write(paragraph, text, size)
    document.add_paragraph().paragraph_format.space_after = Pt(0)
    return table


def _shade(cell: Any) -> None:
    shade = OxmlElement("w:shd")
    shade.set(qn("w:val"), "clear")
    shade.set(qn("w:fill"), SHADE)
    cell._tc.get_or_add_tcPr().append(shade)  # noqa: SLF001
