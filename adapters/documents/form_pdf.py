"""A form as a PDF (A4), set in the Song face that PDF readers bring for Chinese."""

import io
from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

from reportlab.graphics.shapes import Drawing, Line, Rect, String
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.platypus import KeepTogether, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from core.form import Bars, Block, Facts, Form, Grid, Heading, Passage, Signatures

FONT = "STSong-Light"
MARGIN = 18 * mm
WIDTH = A4[0] - 2 * MARGIN
INK, SOFT, RULE, SHADE = (HexColor(each) for each in ("#1d2733", "#5d6b7a", "#9aa7b4", "#eef2f5"))
BAR_HEIGHT = 26 * mm


def form_pdf(form: Form) -> bytes:
    """The whole document."""
    pdfmetrics.registerFont(UnicodeCIDFont(FONT))
    out = io.BytesIO()
    document = SimpleDocTemplate(
        out,
        pagesize=A4,
        # Reportlab's frames have six points of padding of their own.
        leftMargin=MARGIN - 6,
        rightMargin=MARGIN - 6,
        topMargin=26 * mm,
        bottomMargin=20 * mm,
        title=f"{form.title[0]} {form.number}",
        author=form.hospital,
        lang="zh-CN",
    )
    page = _Page(form)
    document.build(_story(form), onFirstPage=page.draw, onLaterPages=page.draw)
    return out.getvalue()


class _Page:
    """Head and foot of every page."""

    def __init__(self, form: Form) -> None:
        self._form = form

    def draw(self, canvas: Any, document: Any) -> None:
        canvas.saveState()
        canvas.setFont(FONT, 9)
        canvas.setFillColor(SOFT)
        top = A4[1] - 15 * mm
        canvas.drawString(MARGIN, top, self._form.hospital)
        canvas.drawRightString(A4[0] - MARGIN, top, f"{self._form.title[0]}  编号 No. {self._form.number}")
        canvas.setStrokeColor(RULE)
        canvas.setLineWidth(0.6)
        canvas.line(MARGIN, top - 2.5 * mm, A4[0] - MARGIN, top - 2.5 * mm)
        foot = 11 * mm
        canvas.drawRightString(A4[0] - MARGIN, foot, f"第 {document.page} 页 Page {document.page}")
        if self._form.digest:
            canvas.setFont("Courier", 6.5)
            canvas.drawString(MARGIN, foot, f"SHA-256 {self._form.digest}")
        canvas.restoreState()


def _style(size: float, *, color: Any = INK, **options: Any) -> ParagraphStyle:
    return ParagraphStyle(
        f"s{size}{options.get('alignment', 0)}",
        fontName=FONT,
        fontSize=size,
        leading=size * 1.45,
        textColor=color,
        wordWrap="CJK",
        **options,
    )


def _text(text: str, style: ParagraphStyle) -> Paragraph:
    return Paragraph(escape(text).replace("\n", "<br/>"), style)


def _story(form: Form) -> list[Any]:
    story: list[Any] = [
        _text(form.title[0], _style(22, alignment=1)),
        Spacer(1, 2 * mm),
        _text(form.title[1], _style(12, color=SOFT, alignment=1)),
        Spacer(1, 1.5 * mm),
        _text(f"依据 Basis: {form.basis}", _style(8.5, color=SOFT, alignment=1)),
        Spacer(1, 5 * mm),
    ]
    number, held = 0, []
    for block in form.blocks:
        if isinstance(block, Heading):
            number += 1
            held = [Spacer(1, 4 * mm), _heading(number, block), Spacer(1, 1.5 * mm)]
            continue
        drawn = _drawn(block)
        # A heading never stands alone at a page's foot.
        story += [KeepTogether([*held, drawn])] if held else [Spacer(1, 2 * mm), drawn]
        held = []
    return story


def _heading(number: int, heading: Heading) -> Paragraph:
    zh, en = escape(heading.zh), escape(heading.en)
    return Paragraph(f'{number}　{zh}　<font size="9" color="#5d6b7a">{en}</font>', _style(12.5))


def _drawn(block: Block) -> Any:
    if isinstance(block, Facts):
        return _facts(block)
    if isinstance(block, Grid):
        return _grid(block)
    if isinstance(block, Bars):
        return _bars(block)
    if isinstance(block, Passage):
        return _passage(block)
    assert isinstance(block, Signatures)
    return _signatures(block)


def _facts(facts: Facts) -> Table:
    label, value = _style(9, color=SOFT), _style(9.5)
    pairs = [*facts.pairs, *[("", "")] * (len(facts.pairs) % 2)]
    rows = [
        [
            _text(text, style)
            for pair in pairs[at : at + 2]
            for text, style in zip(pair, (label, value), strict=True)
        ]
        for at in range(0, len(pairs), 2)
    ]
    table = Table(rows, colWidths=[WIDTH * share for share in (0.21, 0.29, 0.21, 0.29)])
    table.setStyle(
        TableStyle(
            [
                ("BOX", (0, 0), (-1, -1), 0.8, RULE),
                ("INNERGRID", (0, 0), (-1, -1), 0.3, RULE),
                ("BACKGROUND", (0, 0), (0, -1), SHADE),
                ("BACKGROUND", (2, 0), (2, -1), SHADE),
                ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
                *_padding(),
            ]
        )
    )
    return table


def _grid(grid: Grid) -> Table:
    names = len(grid.columns) - grid.numbers
    left, right = _style(9), _style(9, alignment=2)
    head = [_text(column, left if at < names else right) for at, column in enumerate(grid.columns)]
    rows = [[_text(cell, left if at < names else right) for at, cell in enumerate(row)] for row in grid.rows]
    table = Table([head, *rows], colWidths=[WIDTH * share for share in grid.widths], repeatRows=1)
    table.setStyle(
        TableStyle(
            [
                ("BACKGROUND", (0, 0), (-1, 0), SHADE),
                ("LINEABOVE", (0, 0), (-1, 0), 0.8, RULE),
                ("LINEBELOW", (0, 0), (-1, -1), 0.3, RULE),
                ("LINEBELOW", (0, -1), (-1, -1), 0.8, RULE),
                ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
                *_padding(),
            ]
        )
    )
    return table


def _padding() -> Sequence[tuple[Any, ...]]:
    return [("TOPPADDING", (0, 0), (-1, -1), 2), ("BOTTOMPADDING", (0, 0), (-1, -1), 3)]


def _bars(bars: Bars) -> Drawing:
    drawing = Drawing(WIDTH, BAR_HEIGHT + 8 * mm)
    most = max((day.count for day in bars.days), default=0) or 1
    step = WIDTH / max(28, len(bars.days))
    base = 5 * mm
    for at, day in enumerate(bars.days):
        height = BAR_HEIGHT * day.count / most
        drawing.add(
            Rect(
                at * step + step * 0.15,
                base,
                step * 0.7,
                height,
                fillColor=HexColor("#4c7da6"),
                strokeColor=None,
            )
        )
        label = str(int(day.name[-2:]))
        drawing.add(
            String(
                at * step + step / 2,
                1 * mm,
                label,
                fontName=FONT,
                fontSize=7,
                textAnchor="middle",
                fillColor=SOFT,
            )
        )
    drawing.add(Line(0, base, WIDTH, base, strokeColor=RULE, strokeWidth=0.6))
    drawing.add(
        String(
            WIDTH,
            BAR_HEIGHT + base + 0.5 * mm,
            f"最多 most {most:,}",
            fontName=FONT,
            fontSize=7,
            textAnchor="end",
            fillColor=SOFT,
        )
    )
    return drawing


def _passage(passage: Passage) -> Table:
    style = _style(10)
    text = _text(passage.text, style) if passage.text else Spacer(1, style.leading * passage.lines)
    table = Table([[text]], colWidths=[WIDTH])
    table.setStyle(TableStyle([("BOX", (0, 0), (-1, -1), 0.8, RULE), ("TOPPADDING", (0, 0), (-1, -1), 5),
                               ("BOTTOMPADDING", (0, 0), (-1, -1), 7)]))  # fmt: skip
    return table


def _signatures(signatures: Signatures) -> Table:
    style = _style(10)
    rows = [
        [_text(f"{label}（签字）：", style), "", _text("日期 Date：", style), ""]
        for label in signatures.labels
    ]
    table = Table(rows, colWidths=[WIDTH * share for share in (0.4, 0.25, 0.13, 0.22)], rowHeights=16 * mm)
    lines = [
        ("LINEBELOW", (column, row), (column, row), 0.6, INK) for row in range(len(rows)) for column in (1, 3)
    ]
    table.setStyle(TableStyle([*lines, ("VALIGN", (0, 0), (-1, -1), "BOTTOM")]))
    return table
