"""Who may ask the front machine: by address, by certificate authority, by name in the certificate."""

import ipaddress
import ssl
from typing import Any

from front_machine.settings import Network, Tls


def is_allowed(address: str, allowed: tuple[Network, ...]) -> bool:
    """Whether a peer address lies in one of the networks; IPv4 mapped into IPv6 counts as IPv4."""
    try:
        peer = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(peer, "ipv4_mapped", None)
    return any((mapped or peer) in network for network in allowed)


def is_platform(certificate: Any, names: frozenset[str]) -> bool:
    """Whether the client certificate, already verified by TLS, carries one of the platform's names."""
    if not isinstance(certificate, dict):
        return False
    return any(value in names for _, value in certificate.get("subjectAltName", ()))


def tls_context(tls: Tls) -> ssl.SSLContext:
    """Mutual TLS: a client without a certificate of our authority does not get past the handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(tls.ca)
    context.load_cert_chain(tls.certificate, tls.key)
    context.num_tickets = 0
    return context
