"""Why the answer is no: a refusal is a type with a stable code and facts, never a sentence.

The edge turns a refusal into an RFC 9457 problem; the words live in ``conf/locale``. Facts are shown to the
caller, so they never hold personal data.

    Refusal
    ├── BadInput        422  a field is wrong; ``field`` names it
    ├── Unauthenticated 401
    ├── Forbidden       403
    ├── NotFound        404  also the answer for "not yours"
    ├── Conflict        409  the state has moved on
    ├── TooMany         429
    └── Unavailable     503  a neighbour is away; try again later
"""

import enum
from typing import ClassVar

Fact = str | int | float | bool | None | list[str] | dict[str, object]


class Kind(enum.Enum):
    """What sort of no it is; the edge maps each to one HTTP status."""

    BAD_INPUT = 422
    UNAUTHENTICATED = 401
    FORBIDDEN = 403
    NOT_FOUND = 404
    CONFLICT = 409
    TOO_LARGE = 413
    RANGE = 416
    TOO_MANY = 429
    UNAVAILABLE = 503


class Refusal(Exception):
    """An answer of no that the caller can act on. Subclasses fix ``code`` and ``kind``."""

    code: ClassVar[str] = "core.refused"
    kind: ClassVar[Kind] = Kind.CONFLICT

    user: str = ""
    """Whose account it is about, for the log alone, where the caller is not signed in."""

    def __init__(self, **facts: Fact) -> None:
        super().__init__(self.code)
        self.facts = facts


class BadInput(Refusal):
    """A value the caller sent cannot be used; ``field`` says which (a JSON path such as ``$.room``)."""

    code = "core.bad_input"
    kind = Kind.BAD_INPUT

    def __init__(self, *, field: str, why: str, **facts: Fact) -> None:
        super().__init__(field=field, why=why, **facts)


class Unauthenticated(Refusal):
    """Nobody we know: no token, a forged one or an expired one."""

    code = "core.unauthenticated"
    kind = Kind.UNAUTHENTICATED


class Forbidden(Refusal):
    """Known, but not allowed to do this."""

    code = "core.forbidden"
    kind = Kind.FORBIDDEN


class NotFound(Refusal):
    """No such thing, or none that this caller may know of."""

    code = "core.not_found"
    kind = Kind.NOT_FOUND


class Unavailable(Refusal):
    """Something behind us does not answer now; nothing was done."""

    code = "core.unavailable"
    kind = Kind.UNAVAILABLE


class StorageUnavailable(Unavailable):
    """The database is locked, full or away; nothing was written."""

    code = "core.storage_unavailable"
