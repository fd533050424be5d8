"""What endpoints are given: one frozen value of the composition root. No store, no broker."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.actor import Actor

if TYPE_CHECKING:
    from clinic.reading import DirectoryReadings
    from handlers.operations_http import Readiness, Start
    from handlers.queue_http import Queue

Identify = Callable[[str], Actor]
"""From a bearer token to who it is. Refuses with ``Unauthenticated``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deps:
    """Everything an endpoint may call."""

    version: str
    queue: "Queue"
    directory: "DirectoryReadings"
    readiness: Callable[[], Awaitable["Readiness"]]
    metrics: Callable[[], bytes]
    start: Callable[[], "Start"]
    openapi: bytes
    asyncapi: bytes
