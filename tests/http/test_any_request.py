"""schemathesis asks every endpoint of the API document what it expects and what it does not, as every role.

No answer is a 5xx, none has a status or a media type that the document does not name, and every body,
problems too, is of the shape that the document says.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from core.actor import EMPLOYEES, Role
from server.api import ROUTES
from tests.http.callers import MINE, Callers, everybody

T = TypeVar("T")

ROLES: list[Role | None] = [None, *sorted(EMPLOYEES | {Role.PATIENT, Role.KIOSK, Role.SCREEN})]
NAMES = [f"{route.method} {route.path}" for route in ROUTES]
TAKING = [
    name
    for name, route in zip(NAMES, ROUTES, strict=True)
    if route.body is not None or route.query is not None
]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]


class Served:
    """The platform in a loop of its own, for a client that blocks."""

    def __init__(self, folder: Any) -> None:
        self._folder = folder
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._over: asyncio.Event
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="platform")
        self._tokens: dict[Role, str] = {}
        self.callers: Callers
        self.records: dict[str, str] = {}
        """Records that exist, by what part of a path names them."""

    def __enter__(self) -> "Served":
        self._thread.start()
        self._ready.wait(120)
        if self._failed is not None:
            raise self._failed
        self.schema = schemathesis.openapi.from_url(f"{self.callers.hospital.base}/openapi.json")
        own = self.do(self.callers.own_family_member())
        self.records = {"line": MINE, "screen": "hall", "staff": "n1", "patient": own, "kind": "terms"}
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(60)

    def token(self, role: Role | None) -> str | None:
        """A token of this role."""
        if role is not None and role not in self._tokens:
            self._tokens[role] = self.do(self.callers.fresh(role))
        return None if role is None else self._tokens[role]

    def forget(self, role: Role | None) -> None:
        """Its token is good no more."""
        if role is not None:
            self._tokens.pop(role, None)

    def do(self, work: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(awaited(), self._loop).result(60)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as error:
            self._failed = error
            self._ready.set()
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        self._over = asyncio.Event()
        async with everybody(self._folder) as self.callers:
            self._ready.set()
            await self._over.wait()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("any")) as platform:
        yield platform


def asked(served: Served, name: str, mode: GenerationMode, examples: int) -> None:
    method, path = name.split(" ", 1)
    operation = served.schema[path][method]

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), role=st.sampled_from(ROLES), real=st.booleans())
    def one(case: schemathesis.Case, role: Role | None, real: bool) -> None:
        if real:
            case.path_parameters.update(
                {part: id_ for part, id_ in served.records.items() if part in case.path_parameters}
            )
        token = served.token(role)
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        response = case.call_and_validate(checks=CHECKS, headers=headers)
        if response.status_code == 401:
            served.forget(role)

    run: Callable[[], None] = one
    run()


@pytest.mark.parametrize("name", NAMES)
def test_what_an_endpoint_expects_is_answered_as_the_document_says(served: Served, name: str) -> None:
    asked(served, name, GenerationMode.POSITIVE, 4)


@pytest.mark.parametrize("name", TAKING)
def test_what_an_endpoint_does_not_expect_is_answered_as_the_document_says(served: Served, name: str) -> None:
    asked(served, name, GenerationMode.NEGATIVE, 3)
