"""From where administration is done: the addresses that ``web.admin_addresses`` names, and no other."""

from collections.abc import Iterable, Mapping

from core.refusals import Forbidden
from handlers.client_address import ClientAddresses, Network

LOOPBACK = ("127.0.0.0/8", "::1")
_FORWARDED = ("X-Forwarded-For", "X-Real-IP", "Forwarded")


class NotFromHere(Forbidden):
    """Administration is not done from this address, whoever asks."""

    code = "core.not_from_here"


class ManagedAddresses:
    """Judges where a request comes from. ``allowed`` are addresses or networks; none means nobody."""

    def __init__(self, allowed: Iterable[str] = LOOPBACK) -> None:
        self._allowed = tuple(Network.of(each) for each in allowed)

    def admit(self, peer: str, headers: Mapping[str, str], addresses: ClientAddresses) -> None:
        """Refuse with ``NotFromHere`` what comes from elsewhere.

        A proxy that no setting trusts makes everybody look like itself: what it passes on comes from nowhere.
        """
        client = addresses.client(peer, headers)
        passed_on = any(name in headers for name in _FORWARDED) and not addresses.trusts(peer)
        if client is None or passed_on or not any(network.holds(client) for network in self._allowed):
            raise NotFromHere()
