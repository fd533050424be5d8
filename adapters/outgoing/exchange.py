"""One request to a provider on the internet: pooled, bounded in time and size, and silent about its address.

Addresses carry secrets and codes in their query (that is the providers' own design), so neither a log line
nor an exception's text may hold one. What goes wrong becomes ``ProviderAway`` with one word.
"""

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import aiohttp

from accounts.providers import ProviderAway
from core import limits

Pairs = Mapping[str, str]

Observe = Callable[[str, str, float], None]
"""Told of every request: the provider, ``answered`` or why not, and how many seconds it took."""


class Exchange:
    """Requests to one provider. Made in a running loop; ``close`` ends its connections."""

    def __init__(
        self,
        provider: str,
        *,
        base: str,
        reply_seconds: float = limits.PROVIDER_REPLY_SECONDS,
        observe: Observe | None = None,
    ) -> None:
        self.provider = provider
        self._observe = observe
        self._base = base.rstrip("/")
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=limits.PROVIDER_CONNECTIONS, keepalive_timeout=limits.PROVIDER_IDLE_SECONDS
            ),
            timeout=aiohttp.ClientTimeout(
                total=reply_seconds, connect=min(reply_seconds, limits.PROVIDER_CONNECT_SECONDS)
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            headers={"Accept-Encoding": "identity", "User-Agent": "houzhen"},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()

    async def get(self, path: str, query: Pairs) -> bytes:
        """The body of the answer. Raises ``ProviderAway``."""
        return await self._ask("GET", path, query, None, {})

    async def post_json(self, path: str, query: Pairs, body: bytes, *, bearer: str = "") -> bytes:
        """The body of the answer. Raises ``ProviderAway``."""
        headers = {"Content-Type": "application/json"}
        if bearer:
            headers["Authorization"] = f"Bearer {bearer}"
        return await self._ask("POST", path, query, body, headers)

    async def post_form(self, path: str, query: Pairs, body: bytes) -> bytes:
        """The body of the answer. Raises ``ProviderAway``."""
        kind = "application/x-www-form-urlencoded;charset=utf-8"
        return await self._ask("POST", path, query, body, {"Content-Type": kind})

    async def _ask(self, method: str, path: str, query: Pairs, body: bytes | None, headers: Pairs) -> bytes:
        began, outcome = time.perf_counter(), "ended"
        try:
            content = await self._answer(method, path, query, body, headers)
            outcome = "answered"
            return content
        except ProviderAway as away:
            outcome = str(away.facts["why"])
            raise
        finally:
            if self._observe is not None:
                self._observe(self.provider, outcome, time.perf_counter() - began)

    async def _answer(
        self, method: str, path: str, query: Pairs, body: bytes | None, headers: Pairs
    ) -> bytes:
        try:
            async with self._session.request(
                method, self._base + path, params=query, data=body, headers=headers, allow_redirects=False
            ) as response:
                content = await self._bounded(response)
                status = response.status
        except aiohttp.ClientConnectorError:
            raise self.away("not_reachable") from None
        except TimeoutError:
            raise self.away("timeout") from None
        except (aiohttp.ClientError, ConnectionError, ValueError):
            raise self.away("connection_lost") from None
        if status != 200:
            raise self.away(f"status_{status // 100}xx")
        return content

    async def _bounded(self, response: aiohttp.ClientResponse) -> bytes:
        content = bytearray()
        async for chunk in response.content.iter_any():
            content += chunk
            if len(content) > limits.PROVIDER_REPLY_BYTES:
                raise self.away("too_large")
        return bytes(content)

    def away(self, why: str) -> ProviderAway:
        """The refusal that says so."""
        return ProviderAway(provider=self.provider, why=why)


def split_address(address: str) -> tuple[str, str]:
    """A gateway's address as base and path."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}", parts.path or "/"
