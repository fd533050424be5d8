"""What the platform side asks of whoever keeps the mirrored lines. ``server`` fills the port."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from front_machine.contract import Directory, LineState, PastDay, RowTrouble


@dataclass(frozen=True, slots=True)
class Observation:
    """One look at the hospital's lines, as of one moment on the platform's clock.

    Every line the hospital has is in exactly one of four lists: its state ``changed``; it is confirmed
    ``unchanged`` since the last state handed over; it is ``gone``; or it is ``troubled``: what the hospital
    answered cannot be used, so its last good state stays and its age grows.
    """

    as_of: datetime
    his_now: datetime | None
    changed: Sequence[LineState]
    unchanged: Collection[str]
    gone: Collection[str] = ()
    troubled: Sequence[RowTrouble] = ()


class Mirror(Protocol):
    """Keeps mirrored lines. Whatever it raises, the same content is handed over again soon."""

    async def apply(self, observation: Observation) -> Collection[str]:
        """Commit the changed states and the confirmation of the unchanged ones, then publish.

        Answers the lines whose state was refused (an implausible shrink, say): they are handed over again at
        every look until they are taken or change, and are not confirmed meanwhile. An observation without
        changes is still a confirmation.
        """

    async def directory(self, directory: Directory) -> None:
        """Take the whole directory; it differs from the last one handed over by this process."""

    async def unreachable(self, since: datetime) -> None:
        """The hospital has not been heard since then: every line's age grows. Said once an outage."""

    async def past_wanted(self) -> Sequence[date]:
        """Days that are over and of which some mirrored line knows nothing, newest first."""

    async def past(self, day: date, told: Sequence[PastDay]) -> None:
        """Keep what the hospital told of that day, lines that it did not mention included: they were empty.

        Telling a day again changes nothing. A line that saw the day itself keeps what it saw.
        """

    async def past_ended(self) -> None:
        """For now no more days come: learn from those that came."""
