"""Patients for the contract tests: people who are nobody, and what an account needs to add them."""

from collections.abc import Sequence
from datetime import date

from accounts.consent import Entry, Kind
from adapters.memory.nudge import MemoryNudge
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from clinic.hospital_records import Outcome, Recorded, RecordsAway
from clinic.patient_wire import AddPatient
from clinic.real_name import Person
from core.actor import Actor, Role
from core.clock import ManualClock
from core.ids import SessionId, UserId
from tests.contract.sql_examples import NOON
from tests.unit.clinic.papers import resident_number
from tests.unit.crypto.rings import a_sealing

IN_FORCE = dict.fromkeys(Kind, "2026-11-26")


def units_of(database: Database, clock: ManualClock | None = None) -> SqlUnits:
    """Units that seal."""
    return SqlUnits(database, clock=clock or ManualClock(NOON), nudge=MemoryNudge(), sealing=a_sealing())


def owner(name: str = "u1") -> Actor:
    """An account."""
    return Actor(id=name, role=Role.PATIENT, session=f"session-{name}")


def body(order: int = 1, *, relation: str = "other", name: str = "李大明") -> AddPatient:
    """A person of that order born on one day."""
    return AddPatient(
        name=name,
        id_kind="cn_id",
        id_number=resident_number(date(1990, 1, 1), order=order),
        phone="13800138000",
        relation=relation,  # type: ignore[arg-type]
    )


async def agree(units: SqlUnits, *users: str, kinds: Sequence[Kind] = tuple(Kind)) -> None:
    """Give every consent."""
    async with units.begin() as unit:
        for user in users:
            for kind in kinds:
                entry = Entry(kind, IN_FORCE[kind], is_given=True, at=NOON, session=SessionId("s"))
                unit.consents.append(UserId(user), entry)
        await unit.commit()


async def take_back(units: SqlUnits, user: str) -> None:
    """Take the consent to sensitive data back."""
    kind = Kind.SENSITIVE_HEALTH
    async with units.begin() as unit:
        entry = Entry(kind, IN_FORCE[kind], is_given=False, at=NOON, session=SessionId("s"))
        unit.consents.append(UserId(user), entry)
        await unit.commit()


class ScriptedRecords:
    """A hospital that holds records, and answers creates as it is told to."""

    def __init__(self) -> None:
        self.by_paper: dict[str, tuple[str, str]] = {}
        """Paper → (name, number)."""
        self.by_key: dict[str, str] = {}
        self.sent: list[str] = []
        self.bound: list[tuple[str, str, str]] = []
        self.is_away = False
        self.asked = 0
        self.loses = ""
        """``before``: a create gets lost on the way; ``after``: it is done, and the answer is lost."""

    async def find(self, person: Person) -> Recorded:
        self._answer()
        known = self.by_paper.get(person.key)
        if known is None:
            return Recorded(Outcome.NONE)
        name, number = known
        return Recorded(Outcome.DONE, number) if name == person.name else Recorded(Outcome.REFUSED)

    async def create(self, person: Person, *, key: str) -> Recorded:
        self._answer()
        self.sent.append(key)
        if self.loses != "before":
            self.by_key.setdefault(key, f"P{len(self.by_key) + 1}")
            self.by_paper[person.key] = (person.name, self.by_key[key])
        return Recorded(Outcome.UNKNOWN) if self.loses else Recorded(Outcome.DONE, self.by_key[key])

    async def settled(self, key: str) -> Recorded:
        self._answer()
        number = self.by_key.get(key)
        return Recorded(Outcome.NONE) if number is None else Recorded(Outcome.DONE, number)

    async def bind_card(self, number: str, *, card: str, main_index: str, key: str) -> Recorded:
        self._answer()
        self.bound.append((number, card, key))
        return Recorded(Outcome.DONE)

    def _answer(self) -> None:
        self.asked += 1
        if self.is_away:
            raise RecordsAway("refused")
