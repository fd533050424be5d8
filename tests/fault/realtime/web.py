"""A web process's realtime part on a Redis: ``python -m tests.fault.realtime.web PORT REDIS PREFIX``.

Says ``ready``, then answers each line on its standard input with its figures as JSON, until that ends.
"""

import asyncio
import json
import sys

from adapters.redis.broker import RedisBroker
from realtime.crowds import Crowds
from tests.clients.served import CLOCK, Served


async def serve(port: int, redis: str, prefix: str) -> None:
    # All phones of a test have one address.
    crowds = Crowds(CLOCK, most_open=100_000, most_unconnected=100_000, connects_per_second=100_000)
    broker = RedisBroker(redis, prefix=prefix)
    async with Served(broker, port=port, crowds=crowds, most_connections=100_000) as server:
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
        print("ready", flush=True)
        while await reader.readline():
            figures = {
                "connections": len(server.sockets),
                "history_reads": server.metrics.history_reads._value.get(),
                "channels": len(server.hub._taps),
            }
            print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
