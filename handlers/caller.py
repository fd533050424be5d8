"""From where and with what a request comes, as endpoints may know it: labels, no header as it is."""

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from accounts.device import device_of
from accounts.oauth_state import NONCE_BYTES
from accounts.users import Where
from core import limits
from handlers.client_address import ClientAddresses

COOKIE: Final = "hz-sign-in"
_NONCE = re.compile(rf"[0-9a-f]{{{2 * NONCE_BYTES}}}")


@dataclass(frozen=True, slots=True)
class Caller:
    """``address`` is an IPv4 address or a network of one IPv6 customer, empty for this machine itself."""

    address: str = ""
    device: str = ""
    agent: str = field(default="", repr=False)
    """The User-Agent as it came: to be looked at, not kept."""
    browser: str = field(default="", repr=False)
    """The nonce that this browser was given when it began to sign in."""
    is_secure: bool = False
    """Whether a proxy that is trusted says that it came by HTTPS."""

    @property
    def where(self) -> Where:
        """As sign-in keeps it."""
        return Where(device=self.device, address=self.address)

    def where_in(self, program: str) -> Where:
        """As sign-in keeps it, by a program that is known by the way it signs in."""
        return Where(device=device_of(self.agent, program=program), address=self.address)

    @classmethod
    def of(cls, peer: str, headers: Mapping[str, str], addresses: ClientAddresses) -> "Caller":
        """Who a request comes from, as far as that can be believed."""
        group = addresses.group(peer, headers)
        return cls(
            address=_text(group),
            device=device_of(headers.get("User-Agent", "")),
            agent=headers.get("User-Agent", ""),
            browser=_nonce(headers.get("Cookie", "")),
            is_secure=addresses.is_https(peer, headers),
        )

    def keep_nonce(self, nonce: str) -> tuple[str, str]:
        """The header by which the browser keeps its nonce while it is away. No script can read it."""
        only = "; Secure" if self.is_secure else ""
        ends = limits.SIGN_IN_STATE_SECONDS
        return "Set-Cookie", f"{COOKIE}={nonce}; Path=/v1; Max-Age={ends}; HttpOnly; SameSite=Lax{only}"


def _nonce(cookies: str) -> str:
    for one in cookies.split(";"):
        name, _, value = one.strip().partition("=")
        if name == COOKIE and _NONCE.fullmatch(value):
            return value
    return ""


def _text(group: bytes) -> str:
    if len(group) == 4:
        return socket.inet_ntop(socket.AF_INET, group)
    if len(group) == 8:
        return socket.inet_ntop(socket.AF_INET6, group + bytes(8)) + "/64"
    return ""
