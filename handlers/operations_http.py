"""What operators and machines ask: alive, ready, metrics, the API documents, what the start page links."""

from typing import Literal

import msgspec

from core.actor import Actor
from handlers.deps import Deps
from handlers.routes import Plain, Routes

routes = Routes(tag="operations")


class Alive(msgspec.Struct, frozen=True):
    """The process answers."""

    alive: bool
    version: str


class Dependency(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One neighbour: whether it works, since when it was last known to, and a code for why not.

    A dependency that is not ``needed`` may be away without making the server unready: the hospital's own
    absence is shown with its age while everything else goes on.
    """

    name: Literal["database", "broker", "relay", "hospital", "pages", "worker"]
    ok: bool
    needed: bool
    age_seconds: float | None = None
    code: str | None = None


class Readiness(msgspec.Struct, frozen=True):
    """Whether to send users here: every needed dependency works."""

    ready: bool
    dependencies: list[Dependency]


class Names(msgspec.Struct, frozen=True):
    """One thing in both languages."""

    zh: str
    en: str


class StartScreen(msgspec.Struct, frozen=True, omit_defaults=True):
    """A clinic screen on the start page; the token only in the demonstration."""

    id: str
    kind: Literal["hall", "room"]
    title: Names
    token: str | None = None


class StartDoctor(msgspec.Struct, frozen=True, omit_defaults=True):
    """The calling page's link; the token only in the demonstration."""

    token: str | None = None


class Start(msgspec.Struct, frozen=True):
    """What the start page links. ``build`` names the deployed pages."""

    demo: bool
    hospital: Names
    screens: list[StartScreen]
    doctor: StartDoctor
    build: str


@routes.get("/healthz", summary="Alive: the process answers")
async def healthz(deps: Deps, actor: Actor) -> Alive:
    """Touches nothing, so that a supervisor never restarts a process because a neighbour is away."""
    return Alive(alive=True, version=deps.version)


@routes.get("/readyz", summary="Ready: each dependency, and the age of what it last said", answer=Readiness)
async def readyz(deps: Deps, actor: Actor) -> Readiness | Plain:
    """Answers 503 with the same body while a needed dependency is away."""
    readiness = await deps.readiness()
    if readiness.ready:
        return readiness
    return Plain(msgspec.json.encode(readiness), "application/json", 503)


@routes.get("/metrics", summary="Prometheus metrics")
async def metrics(deps: Deps, actor: Actor) -> Plain:
    """Text exposition format 0.0.4."""
    return Plain(deps.metrics(), "text/plain; version=0.0.4; charset=utf-8")


@routes.get("/openapi.json", summary="This API as OpenAPI 3.1")
async def openapi_document(deps: Deps, actor: Actor) -> Plain:
    """Made from the wire models of the running server."""
    return Plain(deps.openapi, "application/json")


@routes.get("/asyncapi.json", summary="The realtime channels as AsyncAPI 3.0")
async def asyncapi_document(deps: Deps, actor: Actor) -> Plain:
    """Made from the wire models of the running server."""
    return Plain(deps.asyncapi, "application/json")


@routes.get("/v1/start", summary="What the start page links")
async def start(deps: Deps, actor: Actor) -> Start:
    """Ready-made tokens appear only while the demonstration runs."""
    return deps.start()
