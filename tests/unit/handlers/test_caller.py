"""From where a request comes, in labels: nothing that a header says is kept as it is."""

import pytest
from tornado.httputil import HTTPHeaders

from core import limits
from handlers.caller import Caller
from handlers.client_address import ClientAddresses

NONCE = "0123456789abcdef" * 2
ADDRESSES = ClientAddresses(["10.0.0.0/8"])


def caller(peer: str = "203.0.113.7", **headers: str) -> Caller:
    named = HTTPHeaders({name.replace("_", "-"): text for name, text in headers.items()})
    return Caller.of(peer, named, ADDRESSES)


@pytest.mark.parametrize(
    ("peer", "label"),
    [("203.0.113.7", "203.0.113.7"), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"), ("127.0.0.1", ""), ("", "")],
)
def test_an_address_is_a_label(peer: str, label: str) -> None:
    assert caller(peer).address == label


def test_a_proxy_that_is_known_says_whose_request_it_is() -> None:
    assert caller("10.1.2.3", X_Forwarded_For="203.0.113.9").address == "203.0.113.9"
    assert caller("203.0.113.7", X_Forwarded_For="198.51.100.1").address == "203.0.113.7"


def test_a_device_and_its_person_are_not_in_the_label() -> None:
    found = caller(User_Agent="Mozilla/5.0 (Linux; Android 14; 张三 13800000000) MicroMessenger/8.0")
    assert found.device == "Android · WeChat"
    assert (found.where.device, found.where.address) == (found.device, found.address)


@pytest.mark.parametrize(
    "cookie", ["", "x=1", "hz-sign-in=", "hz-sign-in=" + "g" * 32, f"hz-sign-in={NONCE}0"]
)
def test_what_is_no_nonce_of_ours_is_none(cookie: str) -> None:
    assert caller(Cookie=cookie).browser == ""


def test_the_nonce_stays_with_the_browser_and_out_of_reach_of_scripts() -> None:
    found = caller(Cookie=f"a=b; hz-sign-in={NONCE}")
    assert found.browser == NONCE
    assert NONCE not in repr(found)
    name, value = found.keep_nonce(NONCE)
    kept = f"hz-sign-in={NONCE}; Path=/v1; Max-Age={limits.SIGN_IN_STATE_SECONDS}; HttpOnly; SameSite=Lax"
    assert (name, value) == ("Set-Cookie", kept)
    assert caller(X_Forwarded_Proto="https").keep_nonce(NONCE)[1] == kept
    assert caller("10.1.2.3", X_Forwarded_Proto="https").keep_nonce(NONCE)[1] == f"{kept}; Secure"
