"""How a no is said over HTTP: RFC 9457 problems with a stable code, facts, and words in two languages."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Protocol

import msgspec

from core.refusals import Refusal
from handlers.protection import API_HEADERS

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
    408: "Request Timeout",
    409: "Conflict",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
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


def bare_code(status: int) -> str:
    """The code of a status that Tornado chose by itself."""
    if status == 405:
        return "core.method_not_allowed"
    return "core.internal" if status >= 500 else "core.bad_request"


def terse_problem(status: int, code: str) -> bytes:
    """A problem of those who have no catalogue at hand: pages and sockets."""
    title = HTTPStatus(status).phrase
    return msgspec.json.encode({"type": "about:blank", "title": title, "status": int(status), "code": code})


def closing_answer(problem: Problem) -> bytes:
    """A whole HTTP/1.1 response that says the problem and ends the connection."""
    body = msgspec.json.encode(problem)
    head = (
        f"HTTP/1.1 {problem.status} {problem.title}\r\n"
        f"Content-Type: {MEDIA_TYPE}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
        + "".join(f"{name}: {value}\r\n" for name, value in API_HEADERS.items())
        + "\r\n"
    )
    return head.encode("ascii") + body
