"""From where and with what a request comes, as endpoints may know it: labels, no header as it is."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass

from accounts.device import device_of
from handlers.client_address import ClientAddresses


@dataclass(frozen=True, slots=True)
class Caller:
    """``address`` is an IPv4 address or a network of one IPv6 customer, empty for this machine itself."""

    address: str = ""
    device: str = ""

    @classmethod
    def of(cls, peer: str, headers: Mapping[str, str], addresses: ClientAddresses) -> "Caller":
        """Who a request comes from, as far as that can be believed."""
        group = addresses.group(peer, headers)
        return cls(address=_text(group), device=device_of(headers.get("User-Agent", "")))


def _text(group: bytes) -> str:
    if len(group) == 4:
        return socket.inet_ntop(socket.AF_INET, group)
    if len(group) == 8:
        return socket.inet_ntop(socket.AF_INET6, group + bytes(8)) + "/64"
    return ""
