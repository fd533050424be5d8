"""Judges a history of sends against what the server holds and what every device ended with.

It knows nothing of how messages travel. What it finds, each named with the conversation and the message:

    lost          acknowledged, and not there, or there with another seq
    doubled       one (sender, cid) under two seqs, or acknowledged with two
    undone        refused for good, and there all the same
    invented      there, and nobody sent it
    gap           the seqs of a conversation are not 1, 2, 3 …
    disorder      acknowledged before another was begun by the same sender, and behind it
    unequal       a device that ended with something else than the server holds
    told_twice    a device that was told one message twice and had to throw it away (allowed where said)
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.fault.im.history import Op

Stored = tuple[int, str, str]
"""``(seq, sender, cid)`` of one message."""

PLATFORM = "system"
"""Who says what nobody sent."""


@dataclass(frozen=True, slots=True, order=True)
class Trouble:
    """One thing that is not as promised."""

    what: str
    conversation: str
    about: str

    def __str__(self) -> str:
        return f"{self.what}: {self.conversation} {self.about}"


@dataclass(frozen=True, slots=True)
class Seen:
    """What one device ended with: its messages a conversation, and how often it was told one it had."""

    device: str
    conversations: Mapping[str, Sequence[Stored]]
    told_twice: int = 0


@dataclass(frozen=True, slots=True)
class Counts:
    """How much was looked at: a check of nothing proves nothing."""

    acknowledged: int
    refused: int
    unknown: int
    stored: int
    devices: int

    def __str__(self) -> str:
        return (
            f"{self.acknowledged} acknowledged, {self.refused} refused, {self.unknown} unknown; "
            f"{self.stored} stored, {self.devices} devices"
        )


def judge(
    ops: Sequence[Op],
    stored: Mapping[str, Sequence[Stored]],
    seen: Iterable[Seen] = (),
    *,
    may_be_told_twice: bool = True,
) -> tuple[list[Trouble], Counts]:
    """Everything that is wrong, and how much was looked at. ``stored`` is in the order of the server."""
    devices = list(seen)
    troubles = [
        *_gaps(stored),
        *_doubled(ops, stored),
        *_sends(ops, stored),
        *_invented(ops, stored),
        *_disorder(ops),
        *(trouble for device in devices for trouble in _unequal(device, stored)),
    ]
    if not may_be_told_twice:
        troubles += [
            Trouble("told_twice", "", f"{one.device}: {one.told_twice}") for one in devices if one.told_twice
        ]
    kinds = [op.kind for op in ops]
    counts = Counts(
        acknowledged=kinds.count("ok"),
        refused=kinds.count("fail"),
        unknown=kinds.count("info"),
        stored=sum(map(len, stored.values())),
        devices=len(devices),
    )
    return sorted(set(troubles)), counts


def _name(op: Op) -> str:
    return f"{op.sender}/{op.cid}"


def _gaps(stored: Mapping[str, Sequence[Stored]]) -> Iterable[Trouble]:
    for conversation, messages in stored.items():
        for place, (seq, _, _) in enumerate(messages, 1):
            if seq != place:
                yield Trouble("gap", conversation, f"{seq} in place {place}")
                break


def _doubled(ops: Sequence[Op], stored: Mapping[str, Sequence[Stored]]) -> Iterable[Trouble]:
    for conversation, messages in stored.items():
        where: dict[tuple[str, str], list[int]] = defaultdict(list)
        for seq, sender, cid in messages:
            if sender != PLATFORM:
                where[sender, cid].append(seq)
        yield from (
            Trouble("doubled", conversation, f"{sender}/{cid} at {seqs}")
            for (sender, cid), seqs in where.items()
            if len(seqs) > 1
        )
    told: dict[tuple[str, str], set[int | None]] = defaultdict(set)
    for op in ops:
        if op.kind == "ok":
            told[op.conversation, _name(op)].add(op.seq)
    yield from (
        Trouble("doubled", conversation, f"{name} acknowledged as {sorted(map(str, seqs))}")
        for (conversation, name), seqs in told.items()
        if len(seqs) > 1
    )


def _sends(ops: Sequence[Op], stored: Mapping[str, Sequence[Stored]]) -> Iterable[Trouble]:
    there = {
        (conversation, sender, cid): seq
        for conversation, messages in stored.items()
        for seq, sender, cid in messages
    }
    for op in ops:
        seq = there.get((op.conversation, op.sender, op.cid))
        if op.kind == "ok" and seq != op.seq:
            yield Trouble("lost", op.conversation, f"{_name(op)} acknowledged as {op.seq}, is {seq}")
        if op.kind == "fail" and seq is not None:
            yield Trouble("undone", op.conversation, f"{_name(op)} refused ({op.why}), is {seq}")


def _invented(ops: Sequence[Op], stored: Mapping[str, Sequence[Stored]]) -> Iterable[Trouble]:
    begun = {(op.conversation, op.sender, op.cid) for op in ops if op.kind == "invoke"}
    for conversation, messages in stored.items():
        for seq, sender, cid in messages:
            if sender != PLATFORM and (conversation, sender, cid) not in begun:
                yield Trouble("invented", conversation, f"{sender}/{cid} at {seq}")


def _disorder(ops: Sequence[Op]) -> Iterable[Trouble]:
    """Of one sender: whatever was begun after an acknowledgement stands behind what was acknowledged."""
    highest: dict[tuple[str, str], int] = {}
    begun_behind: dict[tuple[str, str, str], int] = {}
    for op in ops:
        lane = (op.conversation, op.sender)
        if op.kind == "invoke":
            begun_behind[(*lane, op.cid)] = highest.get(lane, 0)
        elif op.kind == "ok" and op.seq is not None:
            before = begun_behind.get((*lane, op.cid), 0)
            if op.seq <= before:
                yield Trouble("disorder", op.conversation, f"{_name(op)} at {op.seq}, begun behind {before}")
            highest[lane] = max(highest.get(lane, 0), op.seq)


def _unequal(device: Seen, stored: Mapping[str, Sequence[Stored]]) -> Iterable[Trouble]:
    for conversation, messages in device.conversations.items():
        truth = list(stored.get(conversation, ()))
        if list(messages) != truth:
            first = next(
                (at for at, (one, other) in enumerate(zip(messages, truth, strict=False)) if one != other),
                min(len(messages), len(truth)),
            )
            yield Trouble(
                "unequal",
                conversation,
                f"{device.device} from message {first + 1}: {len(messages)} of {len(truth)}",
            )
