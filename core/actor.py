"""Who is asking."""

import enum
from dataclasses import dataclass, field

from core.ids import LineId, ScreenId


class Role(enum.StrEnum):
    """What an actor may be. Closed set; permissions are decided in one policy table."""

    ANONYMOUS = "anonymous"
    PATIENT = "patient"
    SCREEN = "screen"
    KIOSK = "kiosk"
    NURSE = "nurse"
    DOCTOR = "doctor"
    ADMIN = "admin"
    SYSTEM = "system"


STAFF = frozenset({Role.NURSE, Role.DOCTOR, Role.ADMIN})


@dataclass(frozen=True, slots=True)
class Actor:
    """One identified caller. Empty ``lines`` means every line (staff); a screen carries its ``screen``."""

    id: str
    role: Role
    lines: frozenset[LineId] = field(default=frozenset())
    screen: ScreenId | None = None

    def works_at(self, line: LineId) -> bool:
        """Whether this member of staff may act on the line."""
        return self.role in STAFF and (not self.lines or line in self.lines)


ANONYMOUS = Actor(id="", role=Role.ANONYMOUS)
SYSTEM = Actor(id="system", role=Role.SYSTEM)
