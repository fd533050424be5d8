"""What one second of mirroring costs: 200 lines of 50 tickets compared whole, changed boards encoded.

    python -m bench.mirror_diff

CPU time of this process alone, no storage, no broker, and no learned waiting times (``bench.estimate`` prints
what these cost a board). Three seconds of a hospital: nothing changed, a usual
second (every tenth line moved), and every line moved at once.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta

import msgspec

from core.clock import CHINA
from core.ids import DepartmentId, LineId, RoomId, TicketNumber, VisitRef
from queue_display.board import ScreenSpec, board_of, screen_part
from queue_display.estimate import Estimator
from queue_display.line import Line, Opening, Room
from queue_display.mirror import new_mirrored, observe
from queue_display.observed import LineDescription, ObservedLine, ObservedTicket
from queue_display.ticket import TicketState

LINES, TICKETS, ROUNDS = 200, 50, 5
AT = datetime(2026, 11, 23, 9, 0, tzinfo=CHINA)
DAY = date(2026, 11, 23)
ROOM = Room(RoomId("R1"), "301诊室")


def page_of(line: int, *, called: int) -> ObservedLine:
    """A line in which the first ``called`` tickets are done, the next one is called, the rest wait."""

    def state(at: int) -> TicketState:
        if at < called:
            return TicketState.DONE
        return TicketState.CALLED if at == called else TicketState.WAITING

    tickets = [
        ObservedTicket(
            number=TicketNumber(f"A{i:03d}"),
            visit=VisitRef(f"V{line:03d}{i:03d}"),
            state=state(i),
            order=float(i) if i > called else None,
            room=ROOM.id if i <= called else None,
            called_at=AT + timedelta(minutes=i) if i <= called else None,
            checked_in_at=AT + timedelta(minutes=i / 2),
            name="张*三",
        )
        for i in range(TICKETS)
    ]
    return ObservedLine(line=LineId(f"L{line:03d}"), day=DAY, tickets=tickets, opening=Opening.OPEN)


def cpu_ms(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1000


def main() -> None:
    lines = {}
    for i in range(LINES):
        described = LineDescription(
            line=LineId(f"L{i:03d}"), name="内科", department=DepartmentId("D"), department_name="内科",
            rooms=(ROOM,),
        )  # fmt: skip
        lines[i], _ = observe(new_mirrored(described, day=DAY, at=AT), page_of(i, called=9), at=AT)
    screen = ScreenSpec(id="s", kind="hall", title_zh="", title_en="", departments=(DepartmentId("D"),))  # type: ignore[arg-type]
    encoder = msgspec.json.Encoder()
    estimator = Estimator()

    def second(moved: int) -> Callable[[], int]:
        pages = [(i, page_of(i, called=10 if i < moved else 9)) for i in range(LINES)]
        wire = [msgspec.json.encode(page) for _, page in pages]
        decoder = msgspec.json.Decoder(ObservedLine)

        def work() -> int:
            size = 0
            for (i, _), raw in zip(pages, wire, strict=True):
                after, events = observe(lines[i], decoder.decode(raw), at=AT + timedelta(seconds=1))
                if events:
                    waits = estimator.waits(after, at=after.as_of)
                    size += len(encoder.encode(board_of(after, waits)))
                    size += len(encoder.encode(screen_part(after, screen)))
            return size

        return work

    print(f"{LINES} lines x {TICKETS} tickets, CPU ms per second of mirroring (JSON decoding included)")
    print(f"{'lines that moved':>18} {'CPU ms':>8} {'of one core':>12} {'us/ticket':>10}")
    for moved in (0, LINES // 10, LINES):
        best = min(cpu_ms(second(moved)) for _ in range(ROUNDS))
        print(f"{moved:>18} {best:>8.1f} {best / 10:>11.1f}% {best * 1000 / LINES / TICKETS:>10.2f}")
    one: Line = replace(lines[0])
    cost = cpu_ms(lambda: [board_of(replace(one), estimator.waits(one, at=AT)) for _ in range(1000)])
    print(f"one board, its line without a learned past: {cost:.0f} us (the estimate itself: bench.estimate)")


if __name__ == "__main__":
    main()
