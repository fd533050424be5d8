"""The port to a hospital's own system: whatever its transport, it answers questions with rows.

Texts of failures never carry parameters, rows or a driver's own message: these may be about a patient.

    HisTrouble
    ├── HisUnavailable   not reachable, too slow or too busy; ask again later
    ├── HisBroken        it answers, but not this question (a view is gone, a right is missing)
    └── OutcomeUnknown   a statement was sent and nobody knows whether it took effect
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


class HisTrouble(Exception):
    """The hospital's system did not do what was asked. ``his_code`` is short and safe to log."""

    def __init__(self, his_code: str) -> None:
        super().__init__(his_code)
        self.his_code = his_code


class HisUnavailable(HisTrouble):
    """Not reachable, too slow or too busy; nothing was done."""


class HisBroken(HisTrouble):
    """It answers, but refuses this very question; only an integrator can help."""


class OutcomeUnknown(HisTrouble):
    """A statement was sent and its end was not seen. Settle it with a query."""


@dataclass(frozen=True, slots=True)
class Question:
    """One query of the mapping. What the text means is the transport's business (SQL for ``db_view``)."""

    key: str
    """The mapping's key, for messages: ``tables.tickets.query``."""
    query: str
    parameters: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rows:
    """The answer to one question, in the order in which the hospital gave it."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[object]]
    cut: bool = False
    """There were more rows than the bound; these must not be taken for all."""


class HisLink(Protocol):
    """One hospital system. Bounded in concurrency and time by the transport's settings."""

    async def ask(self, questions: Sequence[Question]) -> list[Rows]:
        """Answer several questions as of one moment where the system can. Raises ``HisTrouble``."""

    async def tell(self, statement: Question) -> None:
        """Execute one statement and commit it. Raises ``HisTrouble``; a repeated key is not an error."""

    async def close(self) -> None:
        """Give back every connection; unfinished questions fail."""
