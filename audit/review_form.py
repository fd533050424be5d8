"""What the review record says, block by block, in Chinese with English beside it. Its looks are others' work.

Pure. The form follows what hospitals file for GB/T 22239-2019, 8.1.4.3 (records are looked at regularly).
"""

from collections.abc import Sequence
from datetime import datetime

from audit.review import ByResult, Level, Named, Review, State
from core.clock import CHINA
from core.form import Bars, Block, Facts, Form, Grid, Heading, Passage, Signatures

TITLE = ("日志检查评审记录", "Log Review Record")
BASIS = "GB/T 22239-2019 8.1.4.3 安全审计 · 网络安全法：日志留存不少于六个月"

TOUCHES = {
    "work": "诊间业务 Clinic work",
    "personal": "个人信息 Personal data",
    "health": "健康信息 Health data",
    "money": "资金 Money",
    "account": "账号与登录 Accounts",
    "administration": "系统管理 Administration",
    "nothing": "公开信息 Public",
    "system": "本机命令与平台 Commands, platform",
}
ROLES = {
    "anonymous": "未登录 Nobody known",
    "patient": "患者 Patient",
    "screen": "候诊屏 Screen",
    "kiosk": "自助机 Kiosk",
    "nurse": "护士 Nurse",
    "doctor": "医生 Doctor",
    "cashier": "收费员 Cashier",
    "service_desk": "服务台 Service desk",
    "system_admin": "系统管理员 System administrator",
    "security_admin": "安全管理员 Security administrator",
    "audit_admin": "审计管理员 Audit administrator",
    "system": "平台自身 The platform",
}
LEVELS = {Level.SERIOUS: "严重 Serious", Level.WARNING: "注意 Warning", Level.NOTE: "提示 Note"}
STATES = {State.DRAFT: "草稿（未签署） Draft, not signed", State.SIGNED: "已签署 Signed"}


def form_of(review: Review, *, hospital: str) -> Form:
    """The record of a review."""
    return Form(
        title=TITLE,
        basis=BASIS,
        hospital=hospital,
        number=f"RZ-{review.month}-{review.version:02d}",
        blocks=[*_about(review), *_numbers(review), *_details(review), *_log(review), *_judgement(review)],
        digest=review.digest,
    )


def _about(review: Review) -> list[Block]:
    counts = review.counts
    year, month = review.month.split("-")
    return [
        Facts(
            [
                ("评审月份 Month", f"{year}年{int(month)}月"),
                ("系统 System", "候诊平台 Houzhen"),
                ("状态 State", STATES[review.state]),
                ("记录范围 Records", f"{counts.first:,} – {counts.last:,}" if counts.records else "—"),
                ("起草 Drafted", f"{_time(review.drafted_at)}\n{review.drafted_by}"),
                ("签署 Signed", f"{_time(review.signed_at)}\n{review.reviewer}" if review.signed_at else "—"),
            ]
        )
    ]


def _numbers(review: Review) -> list[Block]:
    counts = review.counts
    done, refused, failed = (
        sum(getattr(each, name) for each in counts.touches) for name in ("done", "refused", "failed")
    )
    return [
        Heading("总体情况", "Overview"),
        Facts(
            [
                ("记录总数 Records", f"{counts.records:,}"),
                ("成功 Done", f"{done:,}"),
                ("拒绝 Refused", f"{refused:,}"),
                ("故障或未知 Failed, unknown", f"{failed:,}"),
                ("登录成功 Sign-ins", f"{counts.sign_ins.done:,}"),
                ("登录失败 Failed sign-ins", f"{counts.sign_ins.refused:,}"),
                ("夜间敏感操作 Sensitive acts by night", f"{sum(each.count for each in counts.night):,}"),
                ("查看明文 Plain values shown", f"{sum(each.count for each in counts.reveals):,}"),
            ]
        ),
        Heading("每日记录数", "Records a day"),
        Bars(counts.days),
        Heading("按信息类别", "By what was touched"),
        _results("类别 Kind", [(TOUCHES.get(each.name, each.name), each) for each in counts.touches]),
        Heading("按角色", "By role"),
        _results("角色 Role", [(ROLES.get(each.name, each.name), each) for each in counts.roles]),
    ]


def _details(review: Review) -> list[Block]:
    counts = review.counts
    return [
        Heading("主要操作", "Most frequent actions"),
        _results("操作 Action", [(each.name, each) for each in counts.actions[:15]]),
        Heading("拒绝原因", "Reasons of refusals"),
        _named("原因 Reason", counts.refusals[:10]),
        Heading("主要来源地址", "Addresses"),
        Grid(
            ("地址 Address", "拒绝 Refused", "记录 Records"),
            [
                (each.address or "本机 local", f"{each.refused:,}", f"{each.count:,}")
                for each in counts.addresses
            ],
            (0.6, 0.2, 0.2),
            2,
        ),
        Heading("明文查看与夜间敏感操作", "Plain values shown; sensitive acts by night"),
        _named("查看人 Who", counts.reveals),
        _named(
            "夜间 By night", [Named(ROLES.get(each.name, each.name), each.count) for each in counts.night]
        ),
    ]


def _log(review: Review) -> list[Block]:
    chain, room = review.counts.chain, review.counts.room
    left = "未知 unknown" if room.days_left is None else f"{room.days_left:,.0f} 天 days"
    verdict = "未校验 not verified"
    if chain.verified_at is not None:
        verdict = "完好 nothing was changed" if not chain.troubles else f"异常 troubles: {chain.troubles}"
    return [
        Heading("日志链校验与存储", "Verification of the chain; storage"),
        Facts(
            [
                ("校验结果 Verdict", verdict),
                ("校验时间 Verified", _time(chain.verified_at)),
                ("校验记录数 Records verified", f"{chain.records:,}"),
                ("本月签名链头 Heads signed", f"{chain.heads:,}"),
                ("存储占用 Size", f"{room.bytes / 1e6:,.1f} MB"),
                ("日增记录 Growth", f"{room.growth_records:,.0f} 条/天 a day"),
                ("剩余空间 Room for", left),
                ("留存期限 Kept for", f"{room.kept_days} 天 days"),
            ]
        ),
    ]


def _judgement(review: Review) -> list[Block]:
    proposals = [(LEVELS[each.level], f"{each.zh}\n{each.en}") for each in review.proposed]
    return [
        Heading("系统提示", "What the numbers suggest"),
        Grid(("级别 Level", "提示 Suggestion"), proposals or [("—", "无 None")], (0.2, 0.8), 0),
        Heading("评审发现", "Findings of the reviewer"),
        Passage(review.findings, 4),
        Heading("评审结论与处理意见", "Conclusion"),
        Passage(review.conclusion, 4),
        Signatures(("评审人 Reviewer", "部门负责人 Head of department")),
    ]


def _results(name: str, rows: Sequence[tuple[str, ByResult]]) -> Grid:
    columns = (name, "成功 Done", "拒绝 Refused", "故障 Failed", "合计 All")
    cells = [
        (label, f"{each.done:,}", f"{each.refused:,}", f"{each.failed:,}", f"{each.count:,}")
        for label, each in rows
    ]
    return Grid(columns, cells or [("—", "0", "0", "0", "0")], (0.4, 0.15, 0.15, 0.15, 0.15), 4)


def _named(name: str, rows: Sequence[Named]) -> Grid:
    cells = [(each.name, f"{each.count:,}") for each in rows]
    return Grid((name, "次数 Times"), cells or [("—", "0")], (0.8, 0.2), 1)


def _time(at: datetime | None) -> str:
    return "—" if at is None else at.astimezone(CHINA).strftime("%Y-%m-%d %H:%M")
