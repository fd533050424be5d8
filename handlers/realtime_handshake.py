"""The opening handshake of RFC 6455, as decisions over request headers: the same behind either door.

``RealtimeSocket`` (Tornado's request handler) and ``Door`` (the short way) both ask here.
"""

import binascii
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final

import msgspec

from handlers.protection import API_HEADERS
from realtime.websocket import accept_key

PATH: Final = "/connection/websocket"
JSON_PROTOCOL: Final = "centrifuge-json"
RETRY_SECONDS: Final = 5
_KEY_BYTES: Final = 16
_LATER: Final = (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS)

Headers = Mapping[str, str]
"""Looked up by lower-case names; whoever else may ask in any case."""
Refusal = tuple[HTTPStatus, str]
"""A status and the problem's code."""


def refusal(headers: Headers, welcomes: Callable[[str, str], bool]) -> Refusal | None:
    """Why these headers open no socket; None when they do.

    ``welcomes`` judges Origin and Host. Apps and mini-programs send no origin, and may come.
    """
    if headers.get("upgrade", "").lower() != "websocket":
        return HTTPStatus.UPGRADE_REQUIRED, "realtime.upgrade_required"
    if "upgrade" not in headers.get("connection", "").lower():
        return HTTPStatus.UPGRADE_REQUIRED, "realtime.upgrade_required"
    if headers.get("sec-websocket-version") != "13":
        return HTTPStatus.UPGRADE_REQUIRED, "realtime.version_not_supported"
    if not _is_key(headers.get("sec-websocket-key", "")):
        return HTTPStatus.BAD_REQUEST, "realtime.bad_key"
    origin = headers.get("origin")
    if origin is not None and not welcomes(origin, headers.get("host", "")):
        return HTTPStatus.FORBIDDEN, "realtime.origin_refused"
    if "sec-websocket-protocol" not in headers:
        return None
    offered = _offered(headers)
    if offered and JSON_PROTOCOL not in offered:
        return HTTPStatus.BAD_REQUEST, "realtime.protocol_not_supported"
    return None


def accepted(headers: Headers) -> bytes:
    """The answer to headers that ``refusal`` has nothing against. Extensions are never negotiated."""
    chosen = ""
    if "sec-websocket-protocol" in headers and JSON_PROTOCOL in _offered(headers):
        chosen = f"Sec-WebSocket-Protocol: {JSON_PROTOCOL}\r\n"
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept_key(headers['sec-websocket-key'])}\r\n{chosen}\r\n"
    ).encode("ascii")


def problem(status: HTTPStatus, code: str) -> tuple[dict[str, str], bytes]:
    """Headers and body of a refusal (RFC 9457)."""
    headers = {"Content-Type": "application/problem+json", **API_HEADERS}
    if status is HTTPStatus.UPGRADE_REQUIRED:
        headers |= {"Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    elif status in _LATER:
        headers["Retry-After"] = str(RETRY_SECONDS)
    body = {"type": "about:blank", "title": status.phrase, "status": int(status), "code": code}
    return headers, msgspec.json.encode(body)


def _offered(headers: Headers) -> list[str]:
    header = headers.get("sec-websocket-protocol", "")
    return [name.strip() for name in header.split(",") if name.strip()] if header else []


def _is_key(key: str) -> bool:
    try:
        return len(binascii.a2b_base64(key, strict_mode=True)) == _KEY_BYTES
    except ValueError:
        return False
