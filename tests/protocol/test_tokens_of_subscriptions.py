"""Subscriptions that a token grants: who gets in, how it is renewed, how it ends."""

import pytest

from core import limits
from core.actor import Actor, Role
from realtime.channels import Policy, everyone
from realtime.effects import Join, Leave
from realtime.subscription import By, Subscription
from tests.protocol.stage import NOON, TOP, Stage
from tests.protocol.table import WARD, table

GRACE = limits.REALTIME_EXPIRY_GRACE_SECONDS


def on_the_ward(token: str | None = None) -> Stage:
    stage = Stage(channels=table())
    stage.connect("patient")
    stage.sent.clear()
    if token is not None:
        assert "subscribe" in subscribe(stage, token)
    return stage


def subscribe(stage: Stage, token: str, number: int = 2) -> dict[str, object]:
    (reply,) = stage.say({"id": number, "subscribe": {"channel": WARD, "token": token}})
    return reply


def renew(stage: Stage, token: str, channel: str = WARD) -> list[dict[str, object]]:
    return stage.say({"id": 12, "sub_refresh": {"channel": channel, "token": token}})


def test_a_token_grants_a_subscription() -> None:
    stage = on_the_ward()
    assert subscribe(stage, "ward") == {
        "id": 2,
        "subscribe": {"recoverable": True, "positioned": True, "epoch": "k3Fq", "offset": 57},
    }
    assert stage.session.subscriptions[WARD] == Subscription(By.CLIENT, by_token=True)


def test_one_that_ends_says_when() -> None:
    stage = on_the_ward()
    assert subscribe(stage, "ward 60 s") == {
        "id": 2,
        "subscribe": {
            "recoverable": True, "positioned": True, "epoch": "k3Fq", "offset": 57,
            "expires": True, "ttl": 60,
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("token", "code"),
    [("", 103), ("forged", 103), ("old ward", 109), ("ward of another client", 109), ("ward over", 110)],
)
def test_a_token_that_does_not_do(token: str, code: int) -> None:
    stage = on_the_ward()
    reply = subscribe(stage, token)
    assert reply["error"]["code"] == code  # type: ignore[index]
    assert stage.closed is None
    assert WARD not in stage.session.subscriptions


@pytest.mark.parametrize("token", ["ward of another user", "another ward"])
def test_a_token_of_somebody_or_something_else_is_3500(token: str) -> None:
    stage = on_the_ward()
    stage.say({"id": 2, "subscribe": {"channel": WARD, "token": token}})
    assert stage.closed == (3500, "invalid token")


def test_a_token_may_be_for_one_connection_only() -> None:
    assert "subscribe" in subscribe(on_the_ward(), "ward of client-1")


def test_even_staff_needs_the_token() -> None:
    stage = Stage(channels=table())
    stage.connect("nurse")
    assert subscribe(stage, "")["error"]["code"] == 103  # type: ignore[index]


def test_where_no_token_is_needed_none_is_looked_at() -> None:
    stage = Stage()
    stage.connect()
    (reply,) = stage.say({"id": 2, "subscribe": {"channel": "queue:L1", "token": "forged"}})
    assert "subscribe" in reply


def test_a_namespace_that_promises_tokens_must_want_them() -> None:
    with pytest.raises(ValueError, match="ward"):
        Policy("$ward", keep=None, may_subscribe=everyone)


# Renewing.


def test_a_renewed_subscription_lives_on() -> None:
    stage = on_the_ward("ward 60 s")
    stage.after(59)
    stage.sent.clear()
    stage.say("{}")
    assert renew(stage, "ward 600 s") == [{"id": 12, "sub_refresh": {"expires": True, "ttl": 541}}]
    for _ in range(20):
        stage.after(25)
        stage.say("{}")
    assert WARD in stage.session.subscriptions
    assert stage.asked == []


def test_one_renewed_for_ever_has_no_end() -> None:
    stage = on_the_ward("ward 60 s")
    assert renew(stage, "ward") == [{"id": 12, "sub_refresh": {}}]
    for _ in range(20):
        stage.after(25)
        stage.say("{}")
    assert WARD in stage.session.subscriptions


@pytest.mark.parametrize(
    ("token", "code"), [("", 107), ("forged", 103), ("old ward", 109), ("ward over", 110)]
)
def test_a_renewal_that_does_not_do(token: str, code: int) -> None:
    stage = on_the_ward("ward 60 s")
    (reply,) = renew(stage, token)
    assert reply["error"]["code"] == code  # type: ignore[index]
    assert stage.closed is None


def test_a_renewal_by_a_token_of_somebody_else_is_3500() -> None:
    stage = on_the_ward("ward 60 s")
    renew(stage, "ward of another user")
    assert stage.closed == (3500, "invalid token")


def test_what_the_client_is_not_subscribed_to_it_cannot_renew() -> None:
    stage = on_the_ward()
    (reply,) = renew(stage, "ward 600 s")
    assert reply["error"]["code"] == 103  # type: ignore[index]


def test_what_is_not_the_clients_to_renew_is_3501() -> None:
    endless, given = on_the_ward("ward"), on_the_ward()
    renew(endless, "ward 600 s")
    given.do(given.session.give(WARD))
    renew(given, "ward 600 s")
    assert endless.closed == given.closed == (3501, "bad request")


def test_one_that_is_not_renewed_ends_with_2501_and_the_client_may_come_again() -> None:
    stage = on_the_ward("ward 60 s")
    for _ in range(3):
        stage.after(25)
        stage.say("{}")
    stage.sent.clear()
    assert stage.session.due == pytest.approx(60 + GRACE, abs=0.001)
    assert stage.after(60 + GRACE - 75) == [
        {"push": {"channel": WARD, "unsubscribe": {"code": 2501, "reason": "subscription expired"}}}
    ]
    assert stage.asked == [Leave(WARD)]
    assert stage.closed is None
    assert "subscribe" in subscribe(stage, "ward 600 s", 3)


def test_the_first_that_ends_is_the_first_to_be_looked_at() -> None:
    stage = on_the_ward("ward 600 s")
    stage.do(stage.session.give("$ward:B", Subscription(By.SERVER, NOON.timestamp() + 3)))
    stage.after(18.75)
    stage.say("{}")
    stage.after(3 + GRACE - 18.75)
    assert stage.closed == (3006, "subscription expired")


def test_a_token_that_waits_for_its_answer_keeps_its_terms() -> None:
    stage = Stage(channels=table(), answer=False)
    stage.connect_silently("patient")
    stage.say({"id": 2, "subscribe": {"channel": WARD, "token": "ward 60 s"}})
    (join,) = stage.asked
    assert join == Join({WARD: None}, Subscription(By.CLIENT, NOON.timestamp() + 60, True, b'{"bed":7}'))
    (reply,) = stage.do(stage.session.joined({WARD: TOP}))
    assert reply["subscribe"]["ttl"] == 60


def test_anonymous_clients_have_tokens_of_nobody() -> None:
    stage = Stage(channels=table())
    stage.connect()
    stage.say({"id": 2, "subscribe": {"channel": WARD, "token": "ward"}})
    assert stage.closed == (3500, "invalid token")
    assert Actor(id="", role=Role.ANONYMOUS) == stage.session.identity.actor
