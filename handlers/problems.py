"""How a no is said over HTTP: RFC 9457 problems with a stable code, facts, and words in two languages."""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from core.refusals import Refusal

MEDIA_TYPE = "application/problem+json"


class Words(Protocol):
    """The catalogues, as the edge needs them."""

    def say(self, code: str, facts: Mapping[str, object], *, accept: str = "") -> str:
        """The sentence for a code in the language the caller accepts."""


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An RFC 9457 problem. ``code`` is stable; ``detail`` is for people and may change.

    ``params`` are the facts behind ``detail``; ``field`` is the JSON path of a wrong value.
    """

    type: str = msgspec.field(default_factory=lambda: "about:blank")
    title: str
    status: int
    code: str
    detail: str
    params: dict[str, Any] = {}
    field: str | None = None
    trace: str | None = None


TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


def problem_of(refusal: Refusal, words: Words, *, accept: str) -> Problem:
    """The problem document of a refusal."""
    facts = dict(refusal.facts)
    field = facts.get("field")
    return Problem(
        title=TITLES[refusal.kind.value],
        status=refusal.kind.value,
        code=refusal.code,
        detail=words.say(refusal.code, facts, accept=accept),
        params=dict(facts),
        field=field if isinstance(field, str) else None,
    )


def plain_problem(status: int, code: str, words: Words, *, accept: str, trace: str | None = None) -> Problem:
    """A problem that no refusal stands behind: no such path, wrong method, our own fault."""
    return Problem(
        title=TITLES.get(status, "Error"),
        status=status,
        code=code,
        detail=words.say(code, {}, accept=accept),
        trace=trace,
    )
