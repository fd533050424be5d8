"""A month for the tests of reviews."""

from datetime import datetime

from audit.proposing import proposed
from audit.review import Address, Chain, Counts, Named, Review, Room, State, Tally, counted
from core.clock import CHINA

TOUCHES = {
    "line.work": "work",
    "patient.reveal": "health",
    "patient.look": "personal",
    "sign_in": "account",
    "staff.sign_in": "account",
    "admin.staff.role": "administration",
}


def tallies(day: int) -> list[Tally]:
    """One day's records, more of them on working days."""
    busy = 1 if day % 7 in (0, 6) else 4
    return [
        Tally("line.work", "nurse", "done", "", 9, 310 * busy),
        Tally("line.work", "nurse", "refused", "queue.version_conflict", 9, 3 * busy),
        Tally("line.work", "patient", "refused", "core.forbidden", 13, 2),
        Tally("patient.look", "patient", "done", "", 15, 120 * busy),
        Tally("patient.look", "patient", "refused", "core.not_found", 15, 1),
        Tally("patient.reveal", "service_desk", "done", "", 11, 2 * busy),
        Tally("patient.reveal", "service_desk", "done", "", 23, 1),
        Tally("sign_in", "anonymous", "done", "", 8, 40 * busy),
        Tally("staff.sign_in", "anonymous", "refused", "staff.wrong", 2, 14),
        Tally("admin.staff.role", "security_admin", "done", "", 16, 1),
        Tally("line.work", "nurse", "failed", "RuntimeError", 10, day % 2),
    ]


def a_month(**changes: object) -> Counts:
    """October 2026, counted."""
    given: dict[str, object] = {
        "first": 1_204_551,
        "last": 1_249_000,
        "touches": TOUCHES,
        "reveals": [Named("service_desk.0031", 71), Named("service_desk.0032", 22)],
        "addresses": [
            Address("203.0.113.77", 431, 402),
            Address("10.20.3.14", 9_310, 61),
            Address("", 12, 0),
        ],
        "chain": Chain(
            verified_at=datetime(2026, 11, 1, 0, 1, tzinfo=CHINA), records=1_249_000, heads=3_211, troubles=0
        ),
        "room": Room(
            records=1_249_000, bytes=612_000_000, growth_records=1_433.0, days_left=812.4, kept_days=200
        ),
    }
    days = {f"2026-10-{day:02d}": tallies(day) for day in range(1, 32)}
    return counted(days, **(given | changes))  # type: ignore[arg-type]


def a_review(counts: Counts | None = None, **changes: object) -> Review:
    """A draft of it."""
    numbers = counts or a_month()
    given: dict[str, object] = {
        "month": "2026-10",
        "version": 1,
        "state": State.DRAFT,
        "drafted_at": datetime(2026, 11, 2, 9, 30, tzinfo=CHINA),
        "drafted_by": "audit_admin.0009",
        "counts": numbers,
        "proposed": proposed(numbers),
    }
    return Review(**(given | changes))  # type: ignore[arg-type]
