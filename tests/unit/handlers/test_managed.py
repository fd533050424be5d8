"""Administration from named addresses only, behind proxies too, and never by a header of anybody's."""

import pytest

from conf.loader import SettingsRefused, load
from handlers.client_address import ClientAddresses
from handlers.managed import LOOPBACK, ManagedAddresses, NotFromHere
from server.edge_parts import managed_networks

OFFICE = ("10.20.0.0/24", "2001:db8:1::/48")
BEHIND = ClientAddresses(["127.0.0.1", "10.0.0.2"])


def admits(allowed: tuple[str, ...], peer: str, addresses: ClientAddresses = BEHIND, **headers: str) -> bool:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        ManagedAddresses(allowed).admit(peer, named | {k.lower(): v for k, v in named.items()}, addresses)
    except NotFromHere:
        return False
    return True


@pytest.mark.parametrize(
    ("peer", "forwarded", "may"),
    [
        ("10.20.0.7", None, True),
        ("10.20.1.7", None, False),
        ("2001:db8:1:ffff::9", None, True),
        ("2001:db8:2::9", None, False),
        ("::ffff:10.20.0.7", None, True),
        ("127.0.0.1", "10.20.0.7", True),
        ("127.0.0.1", "203.0.113.9", False),
        ("127.0.0.1", "10.20.0.7, 203.0.113.9", False),
        ("127.0.0.1", "203.0.113.9, 10.20.0.7", True),
        ("127.0.0.1", "10.20.0.7, 10.0.0.2", True),
        ("127.0.0.1", None, False),
        ("203.0.113.9", "10.20.0.7", False),
        ("10.20.0.7", "10.20.0.8", False),
        ("", None, False),
        ("/run/socket", None, False),
    ],
)
def test_who_may(peer: str, forwarded: str | None, may: bool) -> None:
    headers = {} if forwarded is None else {"X_Forwarded_For": forwarded}
    assert admits(OFFICE, peer, **headers) is may


def test_nobody_named_is_nobody() -> None:
    assert not admits((), "127.0.0.1")
    assert not admits((), "10.20.0.7")


def test_a_proxy_on_this_machine_that_nobody_named_lends_no_address() -> None:
    plain = ClientAddresses()
    assert admits(LOOPBACK, "127.0.0.1", plain)
    assert admits(LOOPBACK, "::1", plain)
    for header in ("X_Forwarded_For", "X_Real_IP", "Forwarded"):
        assert not admits(LOOPBACK, "127.0.0.1", plain, **{header: "127.0.0.1"})


def test_what_the_settings_mean() -> None:
    embedded = load(environment={})
    assert managed_networks(embedded) == LOOPBACK
    named = load(overrides={"web.admin_addresses": list(OFFICE)}, environment={})
    assert managed_networks(named) == OFFICE
    overrides = {"profile": "production", "health_card.provider": "none"}
    production = load(overrides=overrides, environment={})
    assert managed_networks(production) == ()
    with pytest.raises(SettingsRefused, match=r"web\.admin_addresses"):
        load(overrides={"web.admin_addresses": ["office"]}, environment={})
