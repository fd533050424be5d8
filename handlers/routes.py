"""Which function answers which request: an endpoint is a function and the types in its signature.

    @routes.get("/v1/lines/{line}", action="line.look", summary="One line: its board and channel position")
    async def line(deps: Deps, actor: Actor, line: str) -> LineSnapshot: ...

A parameter named like a ``{part}`` of the path is that part; ``query`` and ``body`` are msgspec structs;
``deps`` and ``actor`` are given, ``key`` is the Idempotency-Key or ``None``, ``caller`` from where the
request comes (``handlers/caller.py``), ``raw`` the body as it came, and ``wanted`` which part of a file
(``handlers/ranges.py``). OpenAPI is made from the
same signatures (``server/schema.py``).
"""

import inspect
import re
import typing
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from accounts.policy import POLICY, Rule
from accounts.quota import Pace, pace_of
from core.actor import Role
from core.refusals import Refusal

Endpoint = Callable[..., Awaitable[Any]]

_PART = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Plain:
    """An answer that is not a wire model: metrics text, a ready document."""

    body: bytes
    media_type: str
    status: int = 200


@dataclass(frozen=True, slots=True)
class RawBody:
    """A request's body as it came: XML, somebody else's form, or a file. At most ``HTTP_BODY_BYTES``,
    unless the body's address says that more is welcome (``handlers.request_stream.BodyRoom``)."""

    body: bytes = field(repr=False)
    file: bytes | None = field(default=None, repr=False)
    """The part called ``file`` of a ``multipart/form-data`` body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Streamed:
    """An answer that is sent piece by piece, each when the one before has left."""

    pieces: AsyncGenerator[bytes, None] | None = field(default=None, repr=False)
    """``None``: nothing but a head."""
    length: int
    media_type: str
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Answered:
    """A wire model with headers of its own: a cookie, the name of a file. Say the model with ``answer=``."""

    body: msgspec.Struct | dict[str, object]
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint, as its signature tells it."""

    method: str
    path: str
    function: Endpoint
    action: str
    rule: Rule
    pace: Pace
    summary: str
    status: int
    refuses: tuple[type[Refusal], ...]
    replayable: bool
    answer: Any
    body: type[msgspec.Struct] | None
    query: type[msgspec.Struct] | None
    parts: tuple[str, ...]
    takes_key: bool
    takes_raw: bool
    raw_type: str
    """The media type of a raw body, for the API document."""
    lenient: bool
    """Parameters in the address that nobody knows are passed over: a stranger's server sets them."""
    takes_caller: bool
    takes_wanted: bool
    tag: str
    facts: tuple[str, ...] = ()
    """Fields of the answer that its record in the log holds besides: ids, digests."""
    live: str | None = None
    """Its name among the methods that a socket calls; parts of the path are fields of the data there."""

    @property
    def allow(self) -> frozenset[Role] | None:
        """Who may, by the policy table; ``None`` is everybody."""
        return self.rule.roles

    @property
    def pattern(self) -> str:
        """The path as a regular expression for Tornado: a part is anything but a slash."""
        return _PART.sub(r"([^/]+)", self.path) + "$"


@dataclass(slots=True)
class Routes:
    """A router: collects endpoints when their module is imported; holds nothing else."""

    tag: str
    found: list[Route] = field(default_factory=list)

    def __iter__(self) -> Iterator[Route]:
        return iter(self.found)

    def get(self, path: str, **options: Any) -> Callable[[Endpoint], Endpoint]:
        """Register the function for GET; see ``_add`` for the options."""
        return self._add("GET", path, **options)

    def post(self, path: str, **options: Any) -> Callable[[Endpoint], Endpoint]:
        """Register the function for POST; see ``_add`` for the options."""
        return self._add("POST", path, **options)

    def put(self, path: str, **options: Any) -> Callable[[Endpoint], Endpoint]:
        """Register the function for PUT; see ``_add`` for the options."""
        return self._add("PUT", path, **options)

    def _add(
        self,
        method: str,
        path: str,
        *,
        action: str,
        summary: str,
        status: int = 200,
        refuses: Iterable[type[Refusal]] = (),
        replayable: bool = False,
        answer: Any = None,
        lenient: bool = False,
        facts: Iterable[str] = (),
        live: str | None = None,
        raw_type: str = "text/xml",
    ) -> Callable[[Endpoint], Endpoint]:
        """Make a decorator that registers a function for an action of ``accounts.policy.POLICY``.

        ``refuses`` are the refusals a caller may meet, for the API document. A ``replayable`` endpoint
        honours ``Idempotency-Key``. ``answer`` documents the model when the annotation cannot. ``lenient``
        passes over unknown parameters in the address. ``facts`` are fields of the answer that the log keeps;
        never personal data. ``live`` makes it an ``rpc`` of sockets too, under that name. ``raw_type``
        documents a body that is no JSON.
        """

        def register(function: Endpoint) -> Endpoint:
            hints = typing.get_type_hints(function)
            names = tuple(inspect.signature(function).parameters)
            parts = tuple(_PART.findall(path))
            unknown = (
                set(names) - set(parts) - {"deps", "actor", "body", "query", "key", "raw", "caller", "wanted"}
            )
            if unknown or not set(parts) <= set(names):
                raise TypeError(f"{function.__name__}: parameters do not fit {path}: {unknown or parts}")
            self.found.append(
                Route(
                    method=method,
                    path=path,
                    function=function,
                    action=action,
                    rule=POLICY[action],
                    pace=pace_of(POLICY[action], method),
                    summary=summary,
                    status=status,
                    refuses=tuple(refuses),
                    replayable=replayable,
                    answer=answer or hints["return"],
                    body=hints.get("body"),
                    query=hints.get("query"),
                    parts=parts,
                    takes_key="key" in names,
                    takes_raw="raw" in names,
                    raw_type=raw_type,
                    lenient=lenient,
                    takes_caller="caller" in names,
                    takes_wanted="wanted" in names,
                    tag=self.tag,
                    facts=tuple(facts),
                    live=live,
                )
            )
            return function

        return register
