"""The web role: every route of the edge in one Tornado application, on one port, drained in order."""

import asyncio
import base64
import hashlib
import re
import socket
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RedirectHandler

from conf.settings import Web
from core import limits
from handlers.endpoint import Edge, JsonEndpoint
from handlers.pages import PageFile, Pages
from handlers.realtime_door import Door
from handlers.routes import Route
from server.outcomes import CannotStart

_INLINE_SCRIPT = re.compile(rb"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL)

Rule = tuple[str, type[Any], dict[str, Any]]

PAGES = {
    r"/": "start.html",
    r"/screen/[^/]+": "screen.html",
    r"/doctor/?": "doctor.html",
    r"/docs/?": "docs.html",
}


def make_application(
    edge: Edge, routes: Sequence[Route], sockets: Sequence[Rule], web: Web, root: Path
) -> Application:
    """One application: JSON routes, realtime sockets, pages; anything else is a 404 problem."""
    by_path: dict[str, dict[str, Route]] = {}
    for route in routes:
        by_path.setdefault(route.pattern, {})[route.method] = route
    rules: list[Any] = [
        (pattern, JsonEndpoint, {"edge": edge, "routes": found}) for pattern, found in by_path.items()
    ]
    rules += sockets
    rules += page_rules(root / web.pages, root / web.patient_pages)
    return Application(
        rules,
        default_handler_class=JsonEndpoint,
        default_handler_args={"edge": edge, "routes": {}},
        log_function=lambda handler: None,
        compress_response=False,
    )


def page_rules(screens: Path, patient: Path) -> list[Rule]:
    """The rules that serve built pages."""
    pages, h5 = Pages(screens, inline_scripts(screens)), Pages(patient, inline_scripts(patient))
    rules: list[Rule] = [
        (f"{path}$", PageFile, {"pages": pages, "page": file}) for path, file in PAGES.items()
    ]
    rules.append((r"/assets/(.*)", PageFile, {"pages": pages, "folder": "assets"}))
    rules.append((r"/((?:build\.json|favicon\.(?:ico|svg)|robots\.txt))", PageFile, {"pages": pages}))
    rules.append((r"/h5", RedirectHandler, {"url": "/h5/", "permanent": False}))
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
        door_of: Callable[[HTTPServer], Door],
    ) -> None:
        self._sockets = list(sockets)
        self.port: int = self._sockets[0].getsockname()[1]
        """The port that was really taken (useful when 0 was asked for)."""
        self._server = HTTPServer(
            application,
            max_body_size=limits.HTTP_BODY_BYTES,
            max_buffer_size=limits.HTTP_BODY_BYTES + limits.HTTP_HEADER_BYTES,
            max_header_size=limits.HTTP_HEADER_BYTES,
            idle_connection_timeout=limits.HTTP_IDLE_SECONDS,
            body_timeout=limits.HTTP_BODY_SECONDS,
        )
        self._door = door_of(self._server)

    def start(self) -> None:
        """Begin to accept."""
        self._door.listen(self._sockets)

    def stop_accepting(self) -> None:
        """Take no new connections; those that are open go on. May be called twice."""
        self._door.close()

    async def close(self) -> None:
        """End at once: stop accepting and drop what is open."""
        self.stop_accepting()
        await self._server.close_all_connections()

    async def finish(self) -> None:
        """Wait for requests in flight, no longer than the draining time allows."""
        try:
            async with asyncio.timeout(limits.DRAIN_REQUESTS_SECONDS):
                await self._server.close_all_connections()
        except TimeoutError:
            return
