"""Bearer tokens at the edge: what was signed is believed, nothing else is."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest

from core.actor import Actor, Role
from core.clock import ManualClock
from core.ids import LineId
from core.refusals import Unauthenticated
from realtime.tokens import HmacTokens
from server.tokens import BearerExpired, Issuer, bearer, screen_actor, staff_actor, token_key

NOON = datetime(2026, 11, 23, 4, tzinfo=UTC)
KEY = bytes(range(32))


@pytest.mark.parametrize(
    "actor",
    [
        staff_actor(Role.NURSE, "n7", ["L1", "L2"]),
        staff_actor(Role.KIOSK, "k1", ["L1"]),
        screen_actor("hall"),
        staff_actor(Role.SECURITY_ADMIN, "a"),
    ],
)
def test_a_token_says_who_it_was_signed_for(actor: Actor) -> None:
    tokens, clock = HmacTokens([KEY]), ManualClock(NOON)
    issued = Issuer(tokens, clock).issue(actor, good_for=timedelta(hours=1))
    assert bearer(tokens, clock)(issued.token) == actor


def test_every_token_has_a_name_of_its_own_and_says_when_it_was_issued() -> None:
    tokens, clock = HmacTokens([KEY]), ManualClock(NOON)
    issuer = Issuer(tokens, clock)
    issued = [issuer.issue(screen_actor("hall"), good_for=timedelta(hours=1)) for _ in range(3)]
    identities = [tokens.verify(each.token, at=NOON) for each in issued]
    assert [identity.token_id for identity in identities] == [each.id for each in issued]
    assert len({each.id for each in issued}) == 3
    assert {identity.issued_at for identity in identities} == {NOON.timestamp()}


def test_a_token_ends_at_its_time() -> None:
    clock = ManualClock(NOON)
    tokens = HmacTokens([KEY])
    token = Issuer(tokens, clock).issue(screen_actor("hall"), good_for=timedelta(seconds=10)).token
    clock.advance(timedelta(seconds=9))
    bearer(tokens, clock)(token)
    clock.advance(timedelta(seconds=1))
    with pytest.raises(BearerExpired):
        bearer(tokens, clock)(token)


def forged() -> list[str]:
    good = {"sub": "x", "role": "nurse", "exp": int(NOON.timestamp()) + 60}
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    body = base64.urlsafe_b64encode(json.dumps(good).encode()).rstrip(b"=").decode()
    return [
        "",
        "x",
        "a.b.c",
        f"{unsigned}.{body}.",
        jwt.encode(good, bytes(32), algorithm="HS256"),
        jwt.encode(good, KEY * 2, algorithm="HS512"),
        jwt.encode(good | {"role": "god"}, KEY, algorithm="HS256"),
        jwt.encode(good | {"role": "system"}, KEY, algorithm="HS256"),
        jwt.encode({k: v for k, v in good.items() if k != "exp"}, KEY, algorithm="HS256"),
        jwt.encode(good | {"sub": "a,b"}, KEY, algorithm="HS256"),
    ]


@pytest.mark.parametrize("token", forged(), ids=range(len(forged())))
def test_anything_else_is_nobody(token: str) -> None:
    with pytest.raises(Unauthenticated):
        bearer(HmacTokens([KEY]), ManualClock(NOON))(token)


def test_the_key_is_made_once_and_only_ours_to_read(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "tokens.key"
    first = token_key(file)
    assert token_key(file) == first
    assert len(first) == 32
    assert file.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in file.parent.iterdir()] == ["tokens.key"]


def test_lines_restrict_staff_only() -> None:
    nurse = staff_actor(Role.NURSE, "n", ["L1"])
    assert nurse.works_at(LineId("L1"))
    assert not nurse.works_at(LineId("L2"))
    assert staff_actor(Role.DOCTOR, "d").works_at(LineId("L2"))
    assert not screen_actor("hall").works_at(LineId("L1"))
