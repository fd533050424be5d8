"""What the numbers of a month suggest. Pure; whoever reviews decides what it means."""

from collections.abc import Iterable

from audit.review import Counts, Finding, Level

MANY_FAILED_SIGN_INS = 20
FAILED_SIGN_INS_SHARE = 0.2
REFUSALS_OF_AN_ADDRESS = 100
REVEALS_OF_ONE = 50
ROOM_DAYS = 90


def proposed(counts: Counts) -> list[Finding]:
    """What the numbers suggest, the serious first."""
    found = [*_of_the_log(counts), *_of_people(counts)]
    order = [Level.SERIOUS, Level.WARNING, Level.NOTE]
    return sorted(found, key=lambda each: order.index(each.level))


def _of_the_log(counts: Counts) -> Iterable[Finding]:
    chain, room = counts.chain, counts.room
    if chain.troubles:
        n = chain.troubles
        yield Finding(
            "tampered",
            Level.SERIOUS,
            f"日志链校验发现{n}处异常，须立即核查。",
            f"Verification found {n} troubles in the chain.",
        )
    if chain.verified_at is None:
        yield Finding(
            "not_verified",
            Level.SERIOUS,
            "本月没有日志链校验记录。",
            "The chain was not verified this month.",
        )
    if counts.stopped:
        n = counts.stopped
        yield Finding(
            "stopped",
            Level.WARNING,
            f"日志不可写期间拒绝操作{n}次。",
            f"{n} acts were refused while the log could not be written.",
        )
    empty = [day.name for day in counts.days if not day.count]
    if empty and counts.records:
        zh, en = "、".join(empty[:5]), ", ".join(empty[:5])
        more = f"等{len(empty)}天" if len(empty) > 5 else ""
        yield Finding(
            "empty_days",
            Level.WARNING,
            f"{zh}{more}没有任何记录，须说明原因。",
            f"{len(empty)} days without any record: {en}.",
        )
    if not counts.records:
        yield Finding("empty", Level.SERIOUS, "本月没有任何记录。", "There is no record of this month.")
    if room.days_left is not None and room.days_left < ROOM_DAYS:
        n = int(room.days_left)
        yield Finding(
            "little_room", Level.WARNING, f"日志存储空间约剩{n}天。", f"The log has room for about {n} days."
        )


def _of_people(counts: Counts) -> Iterable[Finding]:
    tried = counts.sign_ins
    if tried.refused >= MANY_FAILED_SIGN_INS and tried.refused > FAILED_SIGN_INS_SHARE * tried.count:
        n = tried.refused
        yield Finding(
            "failed_sign_ins",
            Level.WARNING,
            f"登录失败{n}次，占比偏高。",
            f"{n} sign-ins failed, a large share.",
        )
    for each in counts.addresses:
        if each.refused >= REFUSALS_OF_AN_ADDRESS:
            yield Finding(
                "address",
                Level.WARNING,
                f"地址{each.address}被拒绝{each.refused}次。",
                f"{each.address} was refused {each.refused} times.",
            )
    for one in counts.reveals:
        if one.count >= REVEALS_OF_ONE:
            yield Finding(
                "reveals",
                Level.WARNING,
                f"{one.name}查看明文{one.count}次。",
                f"{one.name} had plain values shown {one.count} times.",
            )
    night = sum(each.count for each in counts.night)
    if night:
        yield Finding(
            "night",
            Level.NOTE,
            f"夜间（22:00至6:00）有{night}次工作人员敏感操作。",
            f"{night} sensitive acts of staff by night (22:00 to 6:00).",
        )
    failed = sum(each.failed for each in counts.touches)
    if failed:
        yield Finding(
            "failed",
            Level.NOTE,
            f"{failed}次操作因故障未完成或结果未知。",
            f"{failed} acts failed or ended unknown.",
        )
