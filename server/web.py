"""The web role: every route of the edge in one Tornado application, on one port, drained in order."""

import asyncio
import base64
import hashlib
import re
import socket
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import structlog
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.routing import AnyMatches
from tornado.routing import Rule as RoutingRule
from tornado.web import Application

from conf.settings import Web
from conf.words import Words
from core import limits
from core.tasks import end_tasks
from handlers.client_address import ClientAddresses
from handlers.endpoint import Edge, JsonEndpoint
from handlers.pages import PageFile, Pages
from handlers.paths import ApiRouter
from handlers.problems import closing_answer, plain_problem
from handlers.realtime_door import Door, OpenStream
from handlers.request_stream import BodyRoom, RequestStreams
from handlers.routes import Route
from server.outcomes import CannotStart

log = structlog.get_logger()

_INLINE_SCRIPT = re.compile(rb"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL)

Rule = tuple[str, type[Any], dict[str, Any]]

PAGES = {
    r"/": "start.html",
    r"/screen/[^/]+": "screen.html",
    r"/doctor/?": "doctor.html",
    r"/admin/?": "admin.html",
    r"/docs/?": "docs.html",
}


def make_application(
    edge: Edge, routes: Sequence[Route], sockets: Sequence[Rule], web: Web, root: Path
) -> Application:
    """One application: JSON routes, realtime sockets, pages; anything else is a 404 problem."""
    rules: list[Any] = [*sockets, *page_rules(root / web.pages, root / web.patient_pages, edge.addresses)]
    application = Application(
        rules,
        default_handler_class=JsonEndpoint,
        default_handler_args={"edge": edge, "routes": {}},
        log_function=lambda handler: None,
        compress_response=False,
    )
    # Before everything else: most requests are the API's, and Tornado tries one rule after another.
    application.default_router.rules.insert(
        0, RoutingRule(AnyMatches(), ApiRouter(application, edge, routes))
    )
    return application


def page_rules(screens: Path, patient: Path, addresses: ClientAddresses) -> list[Rule]:
    """The rules that serve built pages."""
    pages, h5 = (Pages(folder, inline_scripts(folder), addresses) for folder in (screens, patient))
    rules: list[Rule] = [
        (f"{path}$", PageFile, {"pages": pages, "page": file}) for path, file in PAGES.items()
    ]
    rules.append((r"/assets/(.*)", PageFile, {"pages": pages, "folder": "assets"}))
    rules.append((r"/((?:build\.json|favicon\.(?:ico|svg)|robots\.txt))", PageFile, {"pages": pages}))
    rules.append((r"/h5", PageFile, {"pages": h5, "moved": "/h5/"}))
    rules.append((r"/h5/(.*)", PageFile, {"pages": h5}))
    return rules


def inline_scripts(folder: Path) -> tuple[str, ...]:
    """CSP hashes of the inline scripts in a folder's pages (builders for old browsers need a few)."""
    found = {
        "sha256-" + base64.b64encode(hashlib.sha256(script).digest()).decode()
        for page in folder.glob("*.html")
        for script in _INLINE_SCRIPT.findall(page.read_bytes())
    }
    return tuple(sorted(found))


def bind(web: Web, *, shared: bool) -> list[socket.socket]:
    """Take the port; ``shared`` lets the other web processes take it too. Raises ``CannotStart``."""
    try:
        return bind_sockets(
            web.port, web.host, backlog=limits.HTTP_BACKLOG, reuse_port=shared, family=socket.AF_UNSPEC
        )
    except OSError as error:
        raise CannotStart(
            f"web.port: {web.port} cannot be taken ({error.strerror}); choose another with --port"
        ) from error


class WebServer:
    """The listening side of a web process."""

    def __init__(
        self,
        application: Application,
        sockets: Iterable[socket.socket],
        *,
        words: Words,
        door_of: Callable[[HTTPServer, OpenStream], Door],
        room: BodyRoom | None = None,
    ) -> None:
        self._sockets = list(sockets)
        self.port: int = self._sockets[0].getsockname()[1]
        """The port that was really taken (useful when 0 was asked for)."""
        self._words = words
        self._streams = RequestStreams(say=self._say, room=room)
        self._watching: asyncio.Task[None] | None = None
        # What is smaller for most requests, ``RequestStream`` sees to.
        self._server = HTTPServer(
            application, max_body_size=limits.FILE_DOCUMENT_BYTES + limits.FILE_FORM_BYTES
        )
        # ``RequestStream`` keeps all deadlines; Tornado's own would close without a word.
        self._server.conn_params.header_timeout = None
        self._door = door_of(self._server, self._streams.open)

    def start(self) -> None:
        """Begin to accept."""
        self._watching = asyncio.create_task(self._streams.watch(), name="web.deadlines")
        self._door.listen(self._sockets)

    def stop_accepting(self) -> None:
        """Take no new connections; those that are open go on. May be called twice."""
        self._door.close()

    def _say(self, status: int, code: str, accept: str) -> bytes:
        log.debug("http.refused", status=status, code=code)
        return closing_answer(plain_problem(status, code, self._words, accept=accept))

    async def close(self) -> None:
        """End at once: stop accepting and drop what is open."""
        self.stop_accepting()
        await self._server.close_all_connections()
        if self._watching is not None:
            await end_tasks([self._watching])

    async def finish(self) -> None:
        """Wait for requests in flight, no longer than the draining time allows."""
        try:
            async with asyncio.timeout(limits.DRAIN_REQUESTS_SECONDS):
                await self._server.close_all_connections()
        except TimeoutError:
            return
