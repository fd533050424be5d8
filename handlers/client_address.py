"""From which address a request comes, as far as that can be believed.

The peer's own address counts, unless the peer is a proxy that the settings name: then what it says in
``X-Forwarded-For`` (or, without that, ``X-Real-IP``). Anybody can send these headers, so they are read from
the right, through trusted proxies only, and the first address that is not one of them is the client's.
"""

import ipaddress
import socket
from collections.abc import Iterable, Mapping

from realtime.crowds import NOWHERE

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_PREFIX_BYTES = 8
_LOOPBACK = 127


class ClientAddresses:
    """Reads addresses behind known proxies. ``trusted`` are addresses or networks (``10.0.0.0/8``)."""

    def __init__(self, trusted: Iterable[str] = ()) -> None:
        self._trusted: tuple[_Network, ...] = tuple(
            ipaddress.ip_network(each, strict=False) for each in trusted
        )

    def group(self, peer: str, headers: Mapping[str, str]) -> bytes:
        """What counts as one address: an IPv4 address, or the /64 that one IPv6 customer is given.

        ``NOWHERE`` for this machine itself and for what is no address (a Unix socket): a program beside us,
        or a proxy that nobody named, behind which clients cannot be told apart.
        """
        plain = None if self._trusted else _plain_ipv4(peer)
        if plain is not None:
            return NOWHERE if plain[0] == _LOOPBACK else plain
        found = self._client(peer, headers)
        if found is None or found.is_loopback:
            return NOWHERE
        return found.packed if found.version == 4 else found.packed[:_PREFIX_BYTES]

    def _client(self, peer: str, headers: Mapping[str, str]) -> _Address | None:
        last = _address(peer)
        if not self._trusted or not self._trusts(last):
            return last
        said = headers.get("X-Forwarded-For") or headers.get("X-Real-IP") or ""
        for hop in reversed(said.split(",")):
            address = _address(hop)
            if address is None:
                # Not an address: whoever wrote it is the last one we know.
                return last
            last = address
            if not self._trusts(address):
                return address
        return last

    def _trusts(self, address: _Address | None) -> bool:
        return address is not None and any(address in network for network in self._trusted)


def _plain_ipv4(text: str) -> bytes | None:
    """What most peers are, read in a tenth of the time."""
    try:
        return socket.inet_pton(socket.AF_INET, text)
    except OSError:
        return None


def _address(text: str) -> _Address | None:
    """An address as proxies write it: perhaps with a port, in brackets or mapped from IPv4."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if found.version == 6 else None
    return mapped or found
