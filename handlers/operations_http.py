"""What operators and machines ask: alive, ready, metrics, the API documents, what the start page links."""

import msgspec

from core.actor import Actor
from handlers.deps import Deps
from handlers.routes import Plain, Routes
from handlers.wire import Alive, Readiness, Start

routes = Routes(tag="operations")


@routes.get("/healthz", action="platform.look", summary="Alive: the process answers")
async def healthz(deps: Deps, actor: Actor) -> Alive:
    """Touches nothing, so that a supervisor never restarts a process because a neighbour is away."""
    return Alive(alive=True, version=deps.version)


@routes.get(
    "/readyz",
    action="platform.look",
    summary="Ready: each dependency, and the age of what it last said",
    answer=Readiness,
)
async def readyz(deps: Deps, actor: Actor) -> Readiness | Plain:
    """Answers 503 with the same body while a needed dependency is away."""
    readiness = await deps.readiness()
    if readiness.ready:
        return readiness
    return Plain(msgspec.json.encode(readiness), "application/json", 503)


@routes.get("/metrics", action="platform.look", summary="Prometheus metrics")
async def metrics(deps: Deps, actor: Actor) -> Plain:
    """Text exposition format 0.0.4."""
    return Plain(deps.metrics(), "text/plain; version=0.0.4; charset=utf-8")


@routes.get("/openapi.json", action="platform.look", summary="This API as OpenAPI 3.1")
async def openapi_document(deps: Deps, actor: Actor) -> Plain:
    """Made from the wire models of the running server."""
    return Plain(deps.openapi, "application/json")


@routes.get("/asyncapi.json", action="platform.look", summary="The realtime channels as AsyncAPI 3.0")
async def asyncapi_document(deps: Deps, actor: Actor) -> Plain:
    """Made from the wire models of the running server."""
    return Plain(deps.asyncapi, "application/json")


@routes.get("/v1/start", action="platform.look", summary="What the start page links")
async def start(deps: Deps, actor: Actor) -> Start:
    """Ready-made tokens appear only while the demonstration runs."""
    return deps.start()
