"""What everybody writes first: a set of handlers and ``write_message`` to each."""

import asyncio
import ssl
import sys

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application
from tornado.websocket import WebSocketHandler

from bench.peers.lines import take_publications


async def main(certificate: str | None, key: str | None) -> None:
    handlers: set[WebSocketHandler] = set()

    class Subscriber(WebSocketHandler):
        def open(self, *args: str, **kwargs: str) -> None:
            handlers.add(self)

        def on_close(self) -> None:
            handlers.discard(self)

        def on_message(self, message: str | bytes) -> None:
            return None

    async def publish(data: bytes) -> None:
        text = data.decode()
        for handler in handlers:
            handler.write_message(text)

    tls = None
    if certificate is not None:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate, key)
    web = bind_sockets(0, "127.0.0.1", backlog=4_096)
    application = Application([(r"/connection/websocket", Subscriber)], log_function=lambda handler: None)
    HTTPServer(application, ssl_options=tls).add_sockets(web)
    print(web[0].getsockname()[1])
    print(await take_publications(publish), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*(sys.argv[1:] or (None, None))))
