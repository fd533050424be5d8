"""Headers that tell a browser what it may do with our answers, and which other pages may read them.

Every answer carries them, a refusal too. Pages may run their own scripts and nothing else (``pages``); an
answer of the API is data and may do nothing at all. Source: OWASP's cheat sheets, "HTTP Headers" and "REST".
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType

_COMMON = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

API_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        **_COMMON,
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    }
)
"""Of every answer of the API, and of every refusal that no page is behind."""

PAGE_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        **_COMMON,
        # The counter's page reads health cards with the camera, patients and doctors send voice; no more.
        "Permissions-Policy": "camera=(self), geolocation=(), microphone=(self), payment=(), usb=()",
    }
)
"""Of every file of the built pages; pages have a policy of their own besides."""

HTTPS_HEADER = ("Strict-Transport-Security", "max-age=31536000")
"""Where TLS is before us (RFC 6797). Not for sub-domains: they are not ours to decide."""

_METHODS = "GET, POST, PUT"
_ASKED = "Authorization, Content-Type, Accept-Language, Idempotency-Key, X-Device"
_SHOWN = "Retry-After, WWW-Authenticate"
_AGAIN_SECONDS = "600"


class Origins:
    """Pages of other hosts that may read the API (``web.allowed_origins``), by their ``Origin``.

    Named ones may send cookies along; ``*`` may not, whatever else is named.
    """

    def __init__(self, allowed: Collection[str] = ()) -> None:
        self._anybody = "*" in allowed
        self._allowed = frozenset(origin.rstrip("/").lower() for origin in allowed)

    def headers(self, origin: str) -> Mapping[str, str]:
        """What an answer to that origin carries; without permission only that it would depend on it."""
        if self._anybody:
            return {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": _SHOWN}
        if origin.lower() not in self._allowed:
            return {"Vary": "Origin"}
        return {
            "Vary": "Origin",
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Credentials": "true",
            "Access-Control-Expose-Headers": _SHOWN,
        }

    def preflight(self, origin: str) -> Mapping[str, str]:
        """What an OPTIONS request of that origin is answered with (Fetch standard, CORS protocol)."""
        found = self.headers(origin)
        if "Access-Control-Allow-Origin" not in found:
            return found
        return {
            **found,
            "Access-Control-Allow-Methods": _METHODS,
            "Access-Control-Allow-Headers": _ASKED,
            "Access-Control-Max-Age": _AGAIN_SECONDS,
        }
