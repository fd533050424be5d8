"""Endpoints that a socket may call too: the same function, policy, count and record as over HTTP.

``rpc`` takes one JSON object: the parts of the path are fields of it, everything else is the body. The answer
is the endpoint's; a refusal leaves as an error of the protocol (``realtime.codes.application_error``).
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import msgspec

from core.actor import ANONYMOUS
from core.refusals import BadInput, Forbidden, Unauthenticated
from handlers.endpoint import Edge, refused_value
from handlers.routes import Route
from realtime.crowds import NOWHERE
from realtime.terms import Asking, Method


class LiveCalls(Mapping[str, Method]):
    """The methods of sockets, by name. ``open`` it before the first one calls."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = {route.live: route for route in routes if route.live is not None}
        for name, route in self._routes.items():
            if route.query is not None or route.takes_raw or route.takes_key or route.takes_caller:
                raise TypeError(f"{name} takes what only a request has")
            if route.rule.managed:
                raise TypeError(f"{name} is for set addresses only")
        self._edge: Edge | None = None

    def open(self, edge: Edge) -> None:
        """From now on calls are carried out."""
        self._edge = edge

    def __getitem__(self, name: str) -> Method:
        return partial(self._call, self._routes[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._routes)

    def __len__(self) -> int:
        return len(self._routes)

    async def _call(self, route: Route, asking: Asking, data: bytes) -> bytes:
        edge, actor = self._edge, asking.actor
        if edge is None:
            raise RuntimeError("nobody opened the calls")
        if edge.quotas is not None:
            # The socket's address was counted when it connected.
            await edge.quotas.admit(route.pace, actor, address=NOWHERE, device=None)
        fields: dict[str, Any] = {}
        parts = ["?"] * len(route.parts)
        unread: BadInput | None = None
        try:
            fields = _object(data)
            parts = [_part(fields, name) for name in route.parts]
        except BadInput as bad:
            unread = bad
        trail = edge.recording.call_trail(route, parts, actor=actor, address=asking.address)
        try:
            if route.allow is not None and actor.role not in route.allow:
                raise Unauthenticated() if actor == ANONYMOUS else Forbidden(role=actor.role.value)
            if unread is not None:
                raise unread
            await trail.admit()
            given: dict[str, Any] = dict(zip(route.parts, parts, strict=True))
            if route.body is not None:
                given["body"] = _body(fields, route.body)
            answer = await route.function(edge.deps, actor, **given)
            encoded = msgspec.json.encode(answer)
        except BaseException as error:
            await trail.ended(error)
            raise
        await trail.done(answer)
        return encoded


def _object(data: bytes) -> dict[str, Any]:
    try:
        fields = msgspec.json.decode(data or b"{}")
    except msgspec.DecodeError:
        raise BadInput(field="$", why="not JSON") from None
    if not isinstance(fields, dict):
        raise BadInput(field="$", why="Expected `object`")
    return fields


def _part(fields: dict[str, Any], name: str) -> str:
    value = fields.pop(name, None)
    if not isinstance(value, str) or not value:
        raise BadInput(field=name, why="Expected `str`")
    return value


def _body(fields: dict[str, Any], shape: type[msgspec.Struct]) -> msgspec.Struct:
    try:
        return msgspec.convert(fields, shape)
    except msgspec.ValidationError as error:
        raise refused_value(error) from None
