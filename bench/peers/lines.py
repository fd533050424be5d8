"""How publications reach the Python peers and ours: one raw TCP connection, a payload per line."""

import asyncio
from collections.abc import Awaitable, Callable

Publish = Callable[[bytes], Awaitable[object]]


async def take_publications(publish: Publish) -> int:
    """Publish every line that comes; answers the port."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async for line in reader:
            await publish(line.strip())
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    return port
