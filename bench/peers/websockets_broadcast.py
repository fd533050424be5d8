"""The `websockets` library with its own ``broadcast``."""

import asyncio

from websockets.asyncio.server import ServerConnection, broadcast, serve

from bench.peers.lines import take_publications


async def main() -> None:
    subscribers: set[ServerConnection] = set()

    async def subscriber(connection: ServerConnection) -> None:
        subscribers.add(connection)
        try:
            await connection.wait_closed()
        finally:
            subscribers.discard(connection)

    async def publish(data: bytes) -> None:
        broadcast(subscribers, data.decode())

    async with serve(subscriber, "127.0.0.1", 0, compression=None, backlog=4_096, ping_interval=25) as server:
        print(next(iter(server.sockets)).getsockname()[1])
        print(await take_publications(publish), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
