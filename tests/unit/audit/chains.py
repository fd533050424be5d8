"""Chains, heads and keys for the tests of the log."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from audit.chain import Link, Tip, extend
from audit.head import Head, HeadKind, a_head
from audit.record import Record, Result, a_record
from audit.signing import SigningKey
from audit.verify import Trouble, Witnesses, verified
from core.clock import CHINA

NOON = datetime(2026, 11, 25, 12, tzinfo=CHINA)
KEY = SigningKey(bytes(range(32)))
OTHER_KEY = SigningKey(bytes(32))


def a_record_of(number: int, *, at: datetime = NOON, result: Result = Result.DONE) -> Record:
    """Somebody calls the next patient."""
    return a_record(
        at=at + timedelta(seconds=number),
        actor="nurse.0007",
        role="nurse",
        address="10.1.2.3",
        action="line.work",
        object_=f"/v1/lines/L{number:04d}/call",
        result=result,
    )


def a_chain(size: int, *, algorithm: str = "sha256") -> list[Link]:
    """So many records of one noon."""
    records = [a_record_of(number) for number in range(1, size + 1)]
    return extend(Tip(), records, algorithm=algorithm)  # type: ignore[arg-type]


def tip_of(link: Link) -> Tip:
    return Tip(link.sequence, link.hash)


def heads_of(
    chain: Sequence[Link], *places: int, key: SigningKey = KEY, day: str = "2026-11-25"
) -> list[Head]:
    """Heads signed when the chain was so long, the last one for its day."""
    kinds = [HeadKind.NOW] * (len(places) - 1) + [HeadKind.DAY]
    return [
        key.signed(
            a_head(
                number=number,
                kind=kind,
                day=day if kind is HeadKind.DAY else "",
                at_us=chain[place - 1].record.at_us,
                first=1,
                tip=tip_of(chain[place - 1]),
                key=key.id,
            )
        )
        for number, (place, kind) in enumerate(zip(places, kinds, strict=True), start=1)
    ]


def found_in(chain: Sequence[Link], heads: Sequence[Head], exported: Sequence[Head] = ()) -> list[Trouble]:
    """What a verification the day after says."""
    return verified(
        chain,
        Witnesses(keys={KEY.id: KEY.public}, kept=heads, exported=exported, today=date(2026, 11, 26)),
    )
