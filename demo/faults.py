"""Bad moments of an open platform, ordered in advance: the next calls of a kind go wrong in a chosen way."""

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import Mapping

from aiohttp import web

HANG_SECONDS = 60.0


class Faults:
    """What will go wrong, by call; ``*`` is any call. And how often each call came."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[str]] = defaultdict(deque)
        self.calls: dict[str, int] = defaultdict(int)

    def order(self, call: str, fault: str, *, times: int = 1) -> None:
        """Let the next ``times`` of these calls fail so."""
        self._waiting[call].extend([fault] * times)

    def clear(self) -> None:
        """All is well again."""
        self._waiting.clear()

    def come(self, call: str) -> str:
        """Count a call; answer its fault, or nothing."""
        self.calls[call] += 1
        for name in (call, "*"):
            if self._waiting[name]:
                return self._waiting[name].popleft()
        return ""


async def spoiled(request: web.Request, fault: str, good: Mapping[str, object] | bytes) -> web.StreamResponse:
    """The answer as a fault of the network makes it: hang, half, close, status, size, redirect."""
    body = good if isinstance(good, bytes) else json.dumps(good, ensure_ascii=False).encode()
    if fault == "hang":
        await asyncio.sleep(HANG_SECONDS)
    if fault == "half":
        return web.Response(body=body[: len(body) // 2], content_type="text/plain")
    if fault == "not_json":
        return web.Response(text="<html>busy</html>", content_type="text/html")
    if fault == "too_large":
        return web.Response(body=b" " * 1_000_000 + body, content_type="text/plain")
    if fault == "redirect":
        return web.Response(status=302, headers={"Location": "/elsewhere"})
    if fault.startswith("status_"):
        return web.Response(status=int(fault.removeprefix("status_")), text="trouble")
    if fault == "close":
        return await _cut(request, body, len(body) + 100)
    return web.Response(body=body, content_type="text/plain", charset="utf-8")


async def _cut(request: web.Request, body: bytes, promised: int) -> web.StreamResponse:
    """Promise more than comes, then hang up."""
    response = web.StreamResponse(headers={"Content-Length": str(promised)})
    await response.prepare(request)
    await response.write(body)
    if request.transport is not None:
        request.transport.close()
    return response


NETWORK = frozenset({"hang", "half", "not_json", "too_large", "redirect", "close"})


def of_the_network(fault: str) -> bool:
    """Whether the fault is one of the way, not of what is said."""
    return fault in NETWORK or fault.startswith("status_")
