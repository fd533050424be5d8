"""Which address counts: the peer's, and what trusted proxies say of it; nothing else is believed."""

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.client_address import ClientAddresses
from realtime.crowds import NOWHERE

PROXY, NEAR = "10.0.0.5", "127.0.0.1"
PHONE = "203.0.113.9"


def v4(text: str) -> bytes:
    return ipaddress.IPv4Address(text).packed


def v6(text: str) -> bytes:
    return ipaddress.IPv6Address(text).packed[:8]


@pytest.mark.parametrize(
    ("peer", "headers", "group"),
    [
        (PHONE, {}, v4(PHONE)),
        (PHONE, {"x-forwarded-for": "198.51.100.1"}, v4(PHONE)),
        (PROXY, {"x-forwarded-for": PHONE}, v4(PHONE)),
        (PROXY, {"x-real-ip": PHONE}, v4(PHONE)),
        (PROXY, {"x-forwarded-for": PHONE, "x-real-ip": "198.51.100.1"}, v4(PHONE)),
        (PROXY, {}, v4(PROXY)),
        (PROXY, {"x-forwarded-for": "198.51.100.1, 203.0.113.9"}, v4(PHONE)),
        (PROXY, {"x-forwarded-for": f"{PHONE}, 10.0.0.6 , 10.0.0.5"}, v4(PHONE)),
        (PROXY, {"x-forwarded-for": f"127.0.0.1,{PHONE}"}, v4(PHONE)),
        (PROXY, {"x-forwarded-for": f"{PHONE}:51234"}, v4(PHONE)),
        (PROXY, {"x-forwarded-for": "unknown"}, v4(PROXY)),
        (PROXY, {"x-forwarded-for": f"{PHONE}, unknown, 10.0.0.6"}, v4("10.0.0.6")),
        (PROXY, {"x-forwarded-for": "[2001:db8:1:2:3::4]:443"}, v6("2001:db8:1:2::")),
        ("2001:db8:1:2::1", {}, v6("2001:db8:1:2:ffff::")),
        ("2001:db8:1:3::1", {}, v6("2001:db8:1:3::")),
        ("fe80::1%eth0", {}, v6("fe80::")),
        (f"::ffff:{PHONE}", {}, v4(PHONE)),
        (f"::ffff:{PROXY}", {"x-forwarded-for": PHONE}, v4(PHONE)),
        ("7f00::1", {}, v6("7f00::")),
        (PROXY, {"x-forwarded-for": "１.2.3.4"}, v4(PROXY)),
        (PROXY, {"x-forwarded-for": "1.2.3.4\0"}, v4(PROXY)),
        (NEAR, {}, NOWHERE),
        ("::1", {}, NOWHERE),
        ("::ffff:127.0.0.1", {}, NOWHERE),
        (NEAR, {"x-forwarded-for": PHONE}, NOWHERE),
        ("", {}, NOWHERE),
        ("/run/houzhen.sock", {}, NOWHERE),
    ],
)
def test_which_address_counts(peer: str, headers: dict[str, str], group: bytes) -> None:
    assert ClientAddresses(["10.0.0.0/29"]).group(peer, headers) == group


def test_a_proxy_beside_us_is_believed_once_it_is_named() -> None:
    assert ClientAddresses([NEAR]).group(NEAR, {"x-forwarded-for": PHONE}) == v4(PHONE)
    assert ClientAddresses([NEAR]).group(NEAR, {}) == NOWHERE


ADDRESSES = st.one_of(
    st.ip_addresses(), st.sampled_from(["", "unknown", "1.2.3", "[::1", "x:y", "10.0.0.5"])
).map(str)


@settings(deadline=None)
@given(forged=st.lists(ADDRESSES, max_size=6).map(",".join), real=st.ip_addresses(v=4))
def test_what_a_client_adds_in_front_changes_nothing(forged: str, real: ipaddress.IPv4Address) -> None:
    """However long the forged part: a proxy writes the true address behind it."""
    addresses = ClientAddresses(["10.0.0.0/29"])
    if real in ipaddress.ip_network("10.0.0.0/29"):
        return
    true = addresses.group(str(real), {})
    assert addresses.group(str(real), {"x-forwarded-for": forged, "x-real-ip": forged}) == true
    assert addresses.group(PROXY, {"x-forwarded-for": f"{forged}, {real}"}) == true
