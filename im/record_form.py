"""The record of a consultation as a document to read and to file (图文问诊记录), with what proves it. Pure.

It is written from the exported record and nothing else, so both say the same; what is checked by a machine is
the JSON (``im.record.verify``), what a person or a court reads is this.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from core.clock import CHINA
from core.form import Block, Facts, Form, Grid, Heading, Passage
from im.record import Entry, Record
from im.wire import Body, CardBody, EventBody, FileBody, ImageBody, RecallBody, TextBody, VoiceBody

TITLE = ("图文问诊记录", "Record of an Online Consultation")
BASIS = "互联网诊疗监管细则（试行）2022 第二十二条：诊疗记录保存不少于 15 年"

ROLES = {
    "patient": "患者 Patient",
    "family": "家属 Family",
    "doctor": "医生 Doctor",
    "nurse": "护士 Nurse",
    "reader": "旁观 Reader",
    "system": "平台 Platform",
}
SEXES = {"male": "男 Male", "female": "女 Female"}
STAGES = {
    "awaiting_payment": "待支付 Awaiting payment",
    "awaiting_acceptance": "待接诊 Awaiting acceptance",
    "active": "进行中 Under way",
    "ended": "已结束 Ended",
    "rated": "已评价 Rated",
    "timed_out": "超时结束 Timed out",
    "rejected": "未接诊 Not taken",
    "cancelled": "已取消 Cancelled",
    "referred_offline": "转线下就诊 Referred to the hospital",
}
EVENTS = {
    "consultation.accepted": "医生接诊 The doctor took it",
    "consultation.extended": "延长 Extended",
    "consultation.ended": "问诊结束 The consultation ended",
    "consultation.timed_out": "超时结束 Time ran out",
    "consultation.rejected": "医生未接诊 The doctor did not take it",
    "consultation.cancelled": "取消 Cancelled",
    "consultation.referred": "转线下就诊 Referred to the hospital",
    "im.joined": "加入 Joined",
    "im.left": "离开 Left",
}
_UNPRINTED = dict.fromkeys((*range(32), 127, *range(55296, 57344), 65534, 65535), "�") | {
    ord("\n"): "\n",
    ord("\t"): " ",
}
"""What no page shows and no Word file may hold; the JSON has it."""
_ROW_CHARACTERS, _ROW_LINES = 700, 24
"""What fits into one row of a page; longer words go on in the next row."""


def form_of(record: Record, *, hospital: str) -> Form:
    """The document of a record."""
    return Form(
        title=TITLE,
        basis=BASIS,
        hospital=hospital,
        number=record.conversation,
        blocks=[*_about(record), *_words(record), *_talk(record), *_files(record), *_proof(record)],
        digest=record.head,
    )


def _about(record: Record) -> Iterator[Block]:
    facts = record.facts
    sex = SEXES.get(_text(facts, "patient_sex"))
    yield Facts(
        [
            ("状态 State", STAGES.get(_text(facts, "state"), _text(facts, "state"))),
            ("科室 Department", _text(facts, "department")),
            ("患者 Patient", _text(facts, "patient_name")),
            (
                "性别、出生 Sex, born",
                _joined(sex, facts.get("patient_born")),
            ),
            ("医生 Doctor", _joined(facts.get("doctor_name"), facts.get("doctor_title"))),
            ("医生工号 Staff number", _text(facts, "doctor")),
            ("提出 Asked", _time(facts.get("created_at"))),
            ("接诊 Taken", _time(facts.get("accepted_at"))),
            ("结束 Over", _time(facts.get("ended_at"))),
            ("费用 Fee", f"{int(facts.get('fee_fen') or 0) / 100:.2f} 元"),
            ("导出 Exported", _time(record.exported_at)),
            ("消息 Messages", str(len(record.entries))),
        ]
    )


def _words(record: Record) -> Iterator[Block]:
    for zh, en, name in (
        ("主诉", "Complaint", "complaint"),
        ("既往诊断", "Earlier diagnosis", "earlier_diagnosis"),
        ("医生小结", "The doctor's summary", "summary"),
    ):
        if text := _text(record.facts, name):
            yield Heading(zh, en)
            yield from (Passage(piece, 1) for piece in _pieces(text))


def _talk(record: Record) -> Iterator[Block]:
    yield Heading("对话", "What was said")
    rows: list[tuple[str, str, str, str]] = []
    for entry in record.entries:
        first, *others = _pieces(_said(entry)) or [""]
        who = ROLES.get(entry.role, entry.role)
        rows.append((str(entry.seq), _moment(entry.created_us), who, first))
        rows += [("", "", "", piece) for piece in others]
    columns = ("序号 No.", "时间 Time", "谁 Who", "内容 Words")
    yield Grid(columns, rows, (0.09, 0.2, 0.17, 0.54), numbers=0)


def _files(record: Record) -> Iterator[Block]:
    files = record.facts.get("files") or []
    if not files:
        return
    yield Heading("图片、语音与文件", "Pictures, voice, files")
    rows = [
        (str(each["seq"]), f"{each['media_type']}\n{each['bytes']:,} B", f"{each['file']}\n{each['sha256']}")
        for each in files
    ]
    yield Grid(("序号 No.", "类型 Type", "编号与 SHA-256"), rows, (0.1, 0.28, 0.62), numbers=0)


def _proof(record: Record) -> Iterator[Block]:
    yield Heading("完整性证明", "What proves it")
    yield Passage(
        "每条消息的承诺 = SHA-256(盐 ‖ 正文)，摘要 = SHA-256(上一条摘要 ‖ 本条各项)；最后一条摘要印在页脚。"
        "同一记录的 JSON 文件含盐与全部字段，可用 run.py im verify 或按 docs/records.md 自行核对。\n"
        "Each commitment is SHA-256(salt ‖ body), each digest SHA-256(digest before ‖ fields); the last one "
        "stands at the foot of every page. The JSON of the same record has salts and fields to check them.",
        1,
    )
    rows = [(str(each.seq), each.commitment, each.digest) for each in record.entries]
    yield Grid(("序号 No.", "承诺 Commitment", "摘要 Digest"), rows, (0.1, 0.45, 0.45), numbers=0)


def _said(entry: Entry) -> str:
    if entry.withheld:
        return "〔已由发送者撤回 Taken back by whoever said it〕"
    if not entry.body:
        return ""
    body = msgspec.json.decode(entry.body, type=Body)
    text = _worded(body)
    return f"〔已撤回 Taken back〕{text}" if entry.recalled else text


def _worded(body: Body) -> str:
    match body:
        case TextBody():
            return body.text
        case ImageBody():
            return f"〔图片 Picture × {len(body.files)}〕{body.text}"
        case VoiceBody():
            return f"〔语音 Voice {body.seconds}″〕"
        case FileBody():
            return f"〔文件 File〕{body.name}"
        case CardBody():
            return f"〔{body.card} {body.id} {body.status}〕"
        case RecallBody():
            return f"〔撤回第 {body.ref_seq} 条 Took number {body.ref_seq} back〕"
        case EventBody():
            return f"〔{EVENTS.get(body.code, body.code)}〕"


def _pieces(text: str) -> list[str]:
    """Parts that each fit into one row, in order; nothing is left out."""
    found: list[str] = []
    lines: list[str] = []
    room = _ROW_CHARACTERS
    for line in text.translate(_UNPRINTED).split("\n"):
        while True:
            if lines and (len(line) > room or len(lines) == _ROW_LINES):
                found.append("\n".join(lines))
                lines, room = [], _ROW_CHARACTERS
            if len(line) <= room:
                break
            found.append(line[:room])
            line = line[room:]
        lines.append(line)
        room -= len(line)
    if lines:
        found.append("\n".join(lines))
    return [piece for piece in found if piece]


def _text(facts: dict[str, Any], name: str) -> str:
    return str(facts.get(name) or "")


def _joined(*parts: object) -> str:
    return " ".join(str(part) for part in parts if part)


def _time(at: Any) -> str:
    return at.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S") if isinstance(at, datetime) else ""


def _moment(us: int) -> str:
    return datetime.fromtimestamp(us / 1_000_000, CHINA).strftime("%Y-%m-%d %H:%M:%S")
