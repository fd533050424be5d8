"""What the log has of a person, for the copy that they may ask for. Nothing of it moves or is erased."""

from datetime import datetime

from audit.reading import AuditReadings, Question
from audit.wire import AuditRecord
from core import limits
from core.ids import UserId


class RecordHolding:
    """``accounts.holdings.Holding`` of the log: the newest records of what the account did."""

    name = "recorded"

    def __init__(self, store: AuditReadings) -> None:
        self._store = store

    async def move(self, unit: object, *, source: UserId, target: UserId, at: datetime) -> None:
        """A chain cannot be changed: what an account did stays under its id."""

    async def export(self, unit: object, user: UserId, *, at: datetime) -> object:
        found: list[AuditRecord] = []
        last = limits.AUDIT_BEYOND
        while len(found) < limits.EXPORT_RECORDS:
            question = Question(first=1, last=last, actor=user)
            page = await self._store.search(question, limit=limits.EXPORT_RECORDS_AT_ONCE)
            found += map(AuditRecord.of, page)
            if len(page) < limits.EXPORT_RECORDS_AT_ONCE:
                break
            last = page[-1].sequence - 1
        return found

    async def erase(self, unit: object, user: UserId, *, at: datetime) -> None:
        """The law wants it kept; an id that stands for nobody names nobody."""
