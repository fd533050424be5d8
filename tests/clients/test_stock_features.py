"""What an application of ours can use besides boards, with every stock client.

The product's own table offers little of it yet, so these channels are the test's.
"""

import json
from collections.abc import AsyncIterator

import jwt
import pytest

from core.actor import Actor
from core.refusals import Kind, Refusal
from realtime.broker import Keep
from realtime.channels import Channels, Policy, everyone, nobody, staff
from realtime.terms import Asking
from tests.clients.python_client import PythonClient
from tests.clients.served import CLOCK, NURSE, PATIENT, SECRET, Served, streams, token
from tests.clients.stock import Stock

pytestmark = pytest.mark.acceptance("T2")

WARD, ROUND = "ward:A", "$round:A"
KEEP = Keep(items=20, ttl_seconds=600)
TABLE = Channels(
    (
        Policy(
            "ward",
            keep=KEEP,
            may_subscribe=everyone,
            may_publish=staff,
            may_see_presence=everyone,
            may_list_presence=everyone,
            counts_presence=True,
            tells_joins=True,
        ),
        Policy("$round", keep=KEEP, may_subscribe=nobody, by_token=True),
    )
)


class NoSuchConversation(Refusal):
    """Nobody speaks there."""

    code = "test.no_such_conversation"
    kind = Kind.NOT_FOUND


async def add(asking: Asking, data: bytes) -> bytes:
    """The sum of what was sent, and who sent it."""
    numbers = json.loads(data)
    if not numbers:
        raise NoSuchConversation
    return json.dumps({"sum": sum(numbers), "by": asking.actor.id}).encode()


@pytest.fixture
async def server() -> AsyncIterator[Served]:
    async with Served(streams(), channels=TABLE, rpc={"test.add": add}) as served:
        yield served


def pass_for(user: Actor, seconds: float, channel: str = ROUND) -> str:
    """A subscription's token."""
    ends = int(CLOCK.now().timestamp() + seconds)
    return jwt.encode({"sub": user.id, "channel": channel, "exp": ends}, SECRET, algorithm="HS256")


async def test_publishing_who_watches_and_who_comes_and_goes(client: Stock, server: Served) -> None:
    await client.connect(server.url, (token(NURSE),))
    await client.subscribe(WARD, join_leave=True)
    await client.events.until("subscribed", channel=WARD)
    assert await client.publish(WARD, {"typing": True}) == {}
    heard = await client.events.until("publication", channel=WARD)
    assert (heard["data"], heard["by"]) == ({"typing": True}, "n1")
    assert await client.presence(WARD) == {"users": ["n1"]}
    assert await client.presence_stats(WARD) == {"clients": 1, "users": 1}
    other = PythonClient()
    await other.connect(server.url, (token(PATIENT),), (WARD,))
    await client.events.until("join", channel=WARD, user="u42")
    assert await client.presence(WARD) == {"users": ["n1", "u42"]}
    assert (await other.publish(WARD, {}))["error"] == 103
    await other.close()
    await client.events.until("leave", channel=WARD, user="u42")
    assert client.events.of(WARD) == [1]


async def test_calling_the_application(client: Stock, server: Served) -> None:
    await client.connect(server.url, (token(NURSE),))
    assert await client.rpc("test.add", [1, 2]) == {"data": {"sum": 3, "by": "n1"}}
    refused = await client.rpc("test.add", [])
    assert 1_000 <= refused["error"] < 2_000
    assert (await client.rpc("test.other", []))["error"] == 104


async def test_a_subscription_by_token_is_renewed_by_another(client: Stock, server: Served) -> None:
    await client.connect(server.url, (token(NURSE),))
    await client.subscribe(ROUND, tokens=(pass_for(NURSE, 2), pass_for(NURSE, 3_600)))
    await client.events.until("subscribed", channel=ROUND)
    (connection,) = server.sockets._connections
    session = connection._client.session
    far = CLOCK.now().timestamp() + 600
    await server.until(lambda: (session.subscriptions[ROUND].expires_at or 0) > far)
    await server.publish(ROUND, b"{}")
    await client.events.until("publication", channel=ROUND, offset=1)
    assert [e["event"] for e in client.events.all].count("subscribed") == 1


async def test_a_subscription_by_token_wants_the_right_one(client: Stock, server: Served) -> None:
    await client.connect(server.url, (token(NURSE),))
    await client.subscribe(ROUND, tokens=("forged", "forged"))
    await client.events.until("unsubscribed", channel=ROUND, code=103)
    await client.subscribe(
        "$round:B", tokens=(pass_for(NURSE, -5, "$round:B"), pass_for(NURSE, 60, "$round:B"))
    )
    await client.events.until("subscribed", channel="$round:B")
