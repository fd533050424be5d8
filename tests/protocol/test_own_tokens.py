"""Tokens with our own header are verified by hand: never more generous than the library, never stricter."""

import base64
import hmac
import json
from collections.abc import Callable
from datetime import timedelta

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import limits
from core.actor import Actor, Role
from realtime import hs256
from realtime.tokens import HmacTokens, Identity, TokenExpired, TokenInvalid, identity_of
from tests.protocol.stage import NOON

SECRET, OTHER = b"s" * 32, b"o" * 32
TOKENS = HmacTokens([SECRET, OTHER])
PATIENT = Actor(id="u42", role=Role.PATIENT)
LATER = NOON + timedelta(hours=1)


def verdict(token: str, *, by_hand: bool) -> Identity | str:
    """What comes of a token; ``by_hand`` False forces the library's way by another header."""
    try:
        claims = TOKENS._own_claims(token) if by_hand else TOKENS._foreign_claims(token)
    except TokenInvalid:
        return "invalid"
    return json.dumps(claims, sort_keys=True)


def test_what_we_sign_goes_the_short_way() -> None:
    token = TOKENS.sign(PATIENT, token_id="t1", issued_at=NOON, expires_at=LATER)
    assert token.startswith("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.")
    assert TOKENS.verify(token, at=NOON).actor == PATIENT


def test_another_header_goes_to_the_library() -> None:
    claims = {"sub": "u42", "role": "patient", "exp": int(LATER.timestamp())}
    for key in (SECRET, OTHER):
        token = jwt.encode(claims, key, algorithm="HS256", headers={"kid": "1"})
        assert TOKENS.verify(token, at=NOON).actor == PATIENT
    for algorithm in ("HS512", "none"):
        token = jwt.encode(claims, None if algorithm == "none" else SECRET * 2, algorithm=algorithm)
        with pytest.raises(TokenInvalid):
            TOKENS.verify(token, at=NOON)


claims = st.fixed_dictionaries(
    {"sub": st.text(max_size=20), "exp": st.integers(1, 2**33)},
    optional={"info": st.dictionaries(st.text(max_size=4), st.integers(-5, 5), max_size=3)},
)


@given(claims, st.sampled_from([SECRET, OTHER, b"x" * 32]), st.data())
def test_both_ways_agree(claims: dict[str, object], secret: bytes, data: st.DataObject) -> None:
    token = jwt.encode(claims, secret, algorithm="HS256")
    assert verdict(token, by_hand=True) == verdict(token, by_hand=False)
    at = data.draw(st.integers(37, len(token) - 1))
    changed = token[:at] + data.draw(st.sampled_from("AQgw-_.=é\n ")) + token[at + 1 :]
    if changed != token:
        assert verdict(changed, by_hand=True) == "invalid"


@given(st.binary(min_size=1, max_size=200), st.binary(max_size=300))
def test_the_mac_is_that_of_the_library(secret: bytes, message: bytes) -> None:
    assert hs256.Key(secret).mac(message) == hmac.digest(secret, message, "sha256")


NOW = int(NOON.timestamp())
said = st.fixed_dictionaries(
    {
        "sub": st.sampled_from(["u42", "", "a b", "x" * 129, "01J8"]),
        "role": st.sampled_from(["patient", "nurse", "system", "nobody", None]),
        "exp": st.one_of(
            st.integers(NOW - 2, NOW + 2), st.sampled_from([NOW + 9.5, 2**70, -1, True, "9", None])
        ),
        "jti": st.sampled_from(["t1", "s1", "", "x" * 65]),
        "iat": st.sampled_from([NOW - 1, NOW - 0.5, NOW - limits.TOKEN_SECONDS - 9, 0, True, None, 1e300]),
    },
    optional={
        "sid": st.sampled_from(["s1", ""]),
        "use": st.sampled_from(["socket", "everything", 5]),
        "lines": st.sampled_from([["L1"], [], "L1"]),
        "channel": st.just("queue:a"),
        "channels": st.just(["queue:a"]),
        "expire_at": st.sampled_from([0, NOW + 5]),
        "info": st.just({"a": 1}),
    },
)


@given(said, st.sets(st.sampled_from(["role", "jti", "iat", "exp"]), max_size=1))
@settings(max_examples=300, deadline=None)
def test_what_most_tokens_say_is_judged_as_everything_is(claims: dict[str, object], left: set[str]) -> None:
    for name in left:
        del claims[name]

    def judged(judge: Callable[[], Identity]) -> Identity | type[Exception]:
        try:
            return judge()
        except (TokenInvalid, TokenExpired) as no:
            return type(no)

    token = jwt.encode(claims, SECRET, algorithm="HS256")
    short = judged(lambda: TOKENS.verify(token, at=NOON))
    whole = judged(lambda: identity_of(TOKENS._own_claims(token), at=NOON))
    assert short == whole
    if isinstance(short, Identity) and isinstance(whole, Identity):
        assert short.actor.session == whole.actor.session


@pytest.mark.parametrize("body", [b"[]", b"1", b"{", b"\xff", b""])
def test_a_signed_body_that_is_no_object_is_invalid(body: bytes) -> None:
    head = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
    message = f"{head}.{base64.urlsafe_b64encode(body).rstrip(b'=').decode()}"
    token = jwt.PyJWS().encode(body, SECRET, algorithm="HS256")
    assert token.rpartition(".")[0] == message
    with pytest.raises(TokenInvalid):
        TOKENS.verify(token, at=NOON)


@pytest.mark.parametrize(
    "token", ["eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9." + rest for rest in ("", ".", "..", "a.b.c", "é.é")]
)
def test_torn_tokens_are_invalid(token: str) -> None:
    with pytest.raises(TokenInvalid):
        TOKENS.verify(token, at=NOON)
