"""From which address a request comes, as far as that can be believed.

The peer's own address counts, unless the peer is a proxy that the settings name: then what it says in
``X-Forwarded-For`` (or, without that, ``X-Real-IP``). Anybody can send these headers, so they are read from
the right, through trusted proxies only, and the first address that is not one of them is the client's.
"""

import ipaddress
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from realtime.crowds import NOWHERE

_PREFIX_BYTES = 8
_PEERS_REMEMBERED = 64
_LOOPBACK_V4, _LOOPBACK_V6 = 127, bytes(15) + b"\1"
_MAPPED = bytes(10) + b"\xff\xff"


class ClientAddresses:
    """Reads addresses behind known proxies. ``trusted`` are addresses or networks (``10.0.0.0/8``)."""

    def __init__(self, trusted: Iterable[str] = ()) -> None:
        self._trusted = tuple(Network.of(each) for each in trusted)
        # Behind a proxy there is one peer for all.
        self._judged = lru_cache(_PEERS_REMEMBERED)(self._judge)

    def group(self, peer: str, headers: Mapping[str, str]) -> bytes:
        """What counts as one address: an IPv4 address, or the /64 that one IPv6 customer is given.

        ``NOWHERE`` for this machine itself and for what is no address (a Unix socket): a program beside us,
        or a proxy that nobody named, behind which clients cannot be told apart.
        """
        found = self.client(peer, headers)
        if found is None or found == _LOOPBACK_V6:
            return NOWHERE
        if len(found) == 4:
            return NOWHERE if found[0] == _LOOPBACK_V4 else found
        return found[:_PREFIX_BYTES]

    def text(self, peer: str, headers: Mapping[str, str]) -> str:
        """The client's whole address as text, for the log; empty for what is no address."""
        found = self.client(peer, headers)
        if found is None:
            return ""
        return socket.inet_ntop(socket.AF_INET if len(found) == 4 else socket.AF_INET6, found)

    def is_https(self, peer: str, headers: Mapping[str, str]) -> bool:
        """Whether a proxy that is trusted says that the client spoke TLS to it."""
        if headers.get("X-Forwarded-Proto", "").lower() != "https":
            return False
        return self.trusts(peer)

    def trusts(self, peer: str) -> bool:
        """Whether the peer is a proxy that the settings name."""
        return self._judged(peer)[1]

    def client(self, peer: str, headers: Mapping[str, str]) -> bytes | None:
        """The client's whole address, 4 or 16 bytes; ``None`` for what is no address."""
        last, trusted = self._judged(peer)
        if last is None or not trusted:
            return last
        said = headers.get("x-forwarded-for") or headers.get("x-real-ip")
        if not said:
            return last
        for hop in reversed(said.split(",")):
            address = _address(hop.strip())
            if address is None:
                # Not an address: whoever wrote it is the last one we know.
                return last
            last = address
            if not self._trusts(address):
                return address
        return last

    def _judge(self, peer: str) -> tuple[bytes | None, bool]:
        address = _address(peer)
        return address, address is not None and self._trusts(address)

    def _trusts(self, address: bytes) -> bool:
        return any(network.holds(address) for network in self._trusted)


@dataclass(frozen=True, slots=True)
class Network:
    """A network as numbers: every handshake asks, and the library's own objects take ten times as long."""

    size: int
    mask: int
    prefix: int

    @classmethod
    def of(cls, text: str) -> "Network":
        network = ipaddress.ip_network(text, strict=False)
        return cls(len(network.network_address.packed), int(network.netmask), int(network.network_address))

    def holds(self, address: bytes) -> bool:
        return len(address) == self.size and int.from_bytes(address, "big") & self.mask == self.prefix


def _address(text: str) -> bytes | None:
    """An address as proxies write it: perhaps with a port, in brackets, with a zone, or mapped from IPv4."""
    plain = _packed(socket.AF_INET, text)
    if plain is not None:
        return plain
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        return _packed(socket.AF_INET, text.partition(":")[0])
    found = _packed(socket.AF_INET6, text.partition("%")[0])
    return found[len(_MAPPED) :] if found is not None and found.startswith(_MAPPED) else found


def _packed(family: socket.AddressFamily, text: str) -> bytes | None:
    try:
        return socket.inet_pton(family, text)
    except (OSError, ValueError):
        # ValueError: a text that holds a zero or is not ASCII.
        return None
