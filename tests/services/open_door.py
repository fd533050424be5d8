"""A door for servers that nobody comes to for a socket: tests and benches of the HTTP edge alone."""

import socket
from collections.abc import Callable, Iterable
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream
from tornado.netutil import add_accept_handler


class OpenDoor:
    """Hands every connection to the server at once (``handlers.realtime_door.Door`` looks at it first)."""

    def __init__(self, server: HTTPServer, open_stream: Callable[[socket.socket], IOStream]) -> None:
        self._server = server
        self._open_stream = open_stream
        self._ends: list[Callable[[], None]] = []

    def listen(self, listening: Iterable[socket.socket]) -> None:
        """Accept."""
        for each in listening:
            self._ends += (add_accept_handler(each, self._take), each.close)

    def _take(self, taken: socket.socket, address: Any) -> None:
        self._server.handle_stream(self._open_stream(taken), address)

    def close(self) -> None:
        """Accept no more."""
        while self._ends:
            self._ends.pop(0)()
