"""Which routes a path has, found part by part instead of trying one pattern after another."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from tornado.httputil import HTTPMessageDelegate, HTTPServerRequest
from tornado.routing import Router
from tornado.web import Application

from handlers.endpoint import Edge, JsonEndpoint
from handlers.routes import Route

Methods = Mapping[str, Route]


@dataclass(slots=True)
class _Step:
    """What may follow the parts before it."""

    named: "dict[str, _Step]" = field(default_factory=dict)
    any: "_Step | None" = None
    routes: dict[str, Route] = field(default_factory=dict)


class Paths:
    """Every path of the API. A part that a route names wins over one that it takes."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._first = _Step()
        for route in routes:
            step = self._first
            for part in route.path.split("/"):
                if part.startswith("{"):
                    step.any = step.any or _Step()
                    step = step.any
                else:
                    step = step.named.setdefault(part, _Step())
            step.routes[route.method] = route

    def find(self, path: str) -> tuple[Methods, list[str]] | None:
        """The path's routes by method and the parts that they take, as written; ``None`` for none of ours."""
        return _walk(self._first, path.split("/"), 0, [])


def _walk(step: _Step, parts: list[str], at: int, taken: list[str]) -> tuple[Methods, list[str]] | None:
    if at == len(parts):
        return (step.routes, taken) if step.routes else None
    part = parts[at]
    named = step.named.get(part)
    if named is not None:
        found = _walk(named, parts, at + 1, taken)
        if found is not None:
            return found
    if step.any is not None and part:
        return _walk(step.any, parts, at + 1, [*taken, part])
    return None


class ApiRouter(Router):
    """Sends a request of the API to ``JsonEndpoint``; of every other it knows nothing."""

    def __init__(self, application: Application, edge: Edge, routes: Iterable[Route]) -> None:
        self._application = application
        self._edge = edge
        self._paths = Paths(routes)

    def find_handler(self, request: HTTPServerRequest, **options: object) -> HTTPMessageDelegate | None:
        found = self._paths.find(request.path)
        if found is None:
            return None
        routes, parts = found
        return self._application.get_handler_delegate(
            request,
            JsonEndpoint,
            {"edge": self._edge, "routes": routes},
            path_args=[unquote_to_bytes(part) for part in parts],
        )
