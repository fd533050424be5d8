"""Our own socket edge in echo mode, for the WebSocket cases that ask for an echo.

Everything below the protocol is the product's: the handshake, ``websocket.Decoder``, ``Connection`` with its
straight write, outbox and closing. Only what would be read as commands is sent back instead. The product has
no switch for this.
"""

from handlers.realtime_connection import Connection
from realtime import websocket


class EchoConnection(Connection):
    """Sends each message back as it came."""

    __slots__ = ()

    def _hear(self, said: list[str]) -> None:
        for text in said:
            if not self._closing:
                self._offer(websocket.text_frame(text.encode()))

    def _handle(self, event: websocket.Event) -> None:
        match event:
            case websocket.Binary(data) if not self._closing:
                self._offer(websocket.binary_frame(data))
            case _:
                super()._handle(event)
