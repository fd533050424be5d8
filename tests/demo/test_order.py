"""Places in the line."""

from demo import order
from demo.ticket import Band, How, Priority, State, Ticket, Visit


def a_ticket(name: str, band: Band = Band.NORMAL, *, slot: float = 0, ready: bool = False) -> Ticket:
    visit = Visit(name, "L", 40, False, How.BOOKED, Priority.NONE, False, 0, 1800, False)
    ticket = Ticket(0, "L", name, visit, State.READY if ready else State.WAITING, band)
    ticket.key = (slot, name) if band is Band.NORMAL else None
    return ticket


def a_line(*tickets: Ticket) -> list[Ticket]:
    waiting: list[Ticket] = []
    for ticket in tickets:
        order.insert(ticket, waiting, len(waiting))
    return waiting


def joined(waiting: list[Ticket], ticket: Ticket) -> str:
    order.insert(ticket, waiting, order.place_for(ticket, waiting))
    assert [t.order for t in waiting] == sorted(t.order or 0 for t in waiting)
    return " ".join(t.number for t in waiting)


def morning() -> list[Ticket]:
    return a_line(
        a_ticket("r1", ready=True),
        a_ticket("r2", ready=True),
        a_ticket("a", slot=8),
        a_ticket("b", slot=8),
        a_ticket("c", slot=9),
        a_ticket("d", slot=9),
    )


def test_normal_tickets_stand_by_slot_and_number() -> None:
    assert joined(morning(), a_ticket("bb", slot=8)) == "r1 r2 a b bb c d"


def test_the_early_never_overtake_the_locked() -> None:
    assert joined(morning(), a_ticket("0", slot=1)) == "r1 r2 0 a b c d"


def test_an_emergency_goes_before_everybody_but_earlier_emergencies() -> None:
    waiting = morning()
    joined(waiting, a_ticket("u1", Band.URGENT))
    assert joined(waiting, a_ticket("u2", Band.URGENT)) == "u1 u2 r1 r2 a b c d"


def test_special_goes_before_priority_and_both_before_the_rest() -> None:
    waiting = morning()
    joined(waiting, a_ticket("old", Band.PRIORITY))
    joined(waiting, a_ticket("special", Band.SPECIAL))
    assert joined(waiting, a_ticket("army", Band.PRIORITY)) == "r1 r2 special old army a b c d"


def test_a_passed_ticket_waits_three_places() -> None:
    assert joined(morning(), a_ticket("p", Band.RECHECKED)) == "r1 r2 a b c p d"


def test_returns_go_one_for_two_first_visits() -> None:
    waiting = morning()
    joined(waiting, a_ticket("t1", Band.RETURNED))
    assert joined(waiting, a_ticket("t2", Band.RETURNED)) == "r1 r2 a b t1 c d t2"


def test_a_suspended_ticket_gets_its_old_place_back() -> None:
    waiting = morning()
    ticket = waiting.pop(3)
    waiting[2].state = State.READY
    order.insert(ticket, waiting, order.old_place(ticket, waiting))
    assert [t.number for t in waiting] == ["r1", "r2", "a", "b", "c", "d"]


def test_the_line_is_numbered_anew_when_sort_values_run_out() -> None:
    waiting = morning()
    anew = [order.insert(a_ticket(f"x{n}"), waiting, 2) for n in range(60)]
    assert any(anew)
    values = [ticket.order for ticket in waiting]
    assert values == sorted(set(values), key=lambda value: value or 0)
