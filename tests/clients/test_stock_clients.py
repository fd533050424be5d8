"""The stock SDKs, unmodified, against our server on a real socket."""

from collections.abc import AsyncIterator

import pytest

from tests.clients.served import CLOCK, NURSE, PATIENT, SCREEN, Served, streams, token
from tests.clients.stock import Stock
from tests.services.proxy import Path

pytestmark = pytest.mark.acceptance("T2")

LINE = "log:L0301"


@pytest.fixture
async def server() -> AsyncIterator[Served]:
    async with Served(streams()) as served:
        yield served


async def test_connects_subscribes_and_hears(client: Stock, server: Served) -> None:
    await client.connect(server.url)
    await client.subscribe(LINE)
    await client.events.until("connected")
    await client.events.until("subscribed", channel=LINE)
    for number in range(3):
        await server.publish(LINE, '{"line":"L0301","n":%d,"号":"A017"}'.encode() % number)
    for number in range(3):
        heard = await client.events.until("publication", channel=LINE)
        assert heard["data"] == {"line": "L0301", "n": number, "号": "A017"}
        assert heard["offset"] == number + 1
    await client.unsubscribe(LINE)
    await client.events.until("unsubscribed", channel=LINE)
    await server.until(lambda: server.hub._taps[LINE].feed.vacant)


async def test_a_killed_process_costs_nobody_anything(client: Stock) -> None:
    shared = streams()
    async with Served(shared) as first, Served(shared) as other:
        port = first.port
        await client.connect(first.url, (token(PATIENT),))
        await client.subscribe(LINE)
        await client.events.until("subscribed", channel=LINE)
        await first.publish(LINE, b'{"n":1}')
        await first.publish("user:#u42", b'{"n":1}')
        await client.events.until("publication", offset=1)
        await client.events.until("publication", offset=1)
        await first.die()
        for number in (2, 3):
            await other.publish(LINE, b'{"n":%d}' % number)
            await other.publish("user:#u42", b'{"n":%d}' % number)
        async with Served(shared, port=port) as again:
            await client.events.until("connected")
            await again.until(lambda: len([1 for e in client.events.all if e["event"] == "publication"]) == 6)
            await again.publish(LINE, b'{"n":4}')
            await client.events.until("publication", channel=LINE, offset=4)
        heard = [e for e in client.events.all if e["event"] == "publication"]
        assert [e["offset"] for e in heard if e["channel"] == LINE] == [1, 2, 3, 4]
        assert [e["offset"] for e in heard if e["channel"] == "user:#u42"] == [1, 2, 3]
        resumed = [e for e in client.events.all if e["event"] == "subscribed" and e["was_recovering"]]
        assert {e["channel"] for e in resumed} == {LINE, "user:#u42"}
        assert all(e["recovered"] for e in resumed)


async def test_a_history_that_is_gone_is_said_so(client: Stock) -> None:
    shared = streams()
    async with Served(shared) as first:
        port = first.port
        await client.connect(first.url)
        await client.subscribe(LINE)
        await client.events.until("subscribed", channel=LINE)
        await first.publish(LINE, b"{}")
        await client.events.until("publication")
        await first.die()
    shared.forget_everything()
    async with Served(shared, port=port):
        told = await client.events.until("subscribed", channel=LINE)
        assert told["was_recovering"]
        assert not told["recovered"]


async def test_a_gap_sends_the_subscriber_back_and_nothing_is_lost(client: Stock, server: Served) -> None:
    await client.connect(server.url)
    await client.subscribe(LINE)
    await client.events.until("subscribed", channel=LINE)
    await server.publish(LINE, b"{}")
    await server.drop_one(LINE)
    await server.publish(LINE, b"{}")
    await client.events.until("subscribing", channel=LINE, code=2500)
    await client.events.until("publication", offset=3)
    heard = [e["offset"] for e in client.events.all if e["event"] == "publication"]
    assert heard == [1, 2, 3]


async def test_a_gap_on_the_personal_channel_reconnects_and_nothing_is_lost(
    client: Stock, server: Served
) -> None:
    await client.connect(server.url, (token(PATIENT),))
    await client.events.until("subscribed", channel="user:#u42")
    await server.publish("user:#u42", b"{}")
    await server.drop_one("user:#u42")
    await server.publish("user:#u42", b"{}")
    await client.events.until("connecting", code=3010)
    await client.events.until("publication", offset=3)
    heard = [e["offset"] for e in client.events.all if e["event"] == "publication"]
    assert heard == [1, 2, 3]


async def test_history_and_presence(client: Stock, server: Served) -> None:
    await client.connect(server.url, (token(NURSE),))
    await client.subscribe(LINE)
    await client.events.until("subscribed", channel=LINE)
    assert await client.history(LINE, limit=5) == {"offset": 0, "offsets": []}
    for _ in range(4):
        await server.publish(LINE, b"{}")
    assert await client.history(LINE, limit=2) == {"offset": 4, "offsets": [1, 2]}
    assert await client.history(LINE, limit=3, reverse=True) == {"offset": 4, "offsets": [4, 3, 2]}
    assert await client.history("user:#u42", limit=3) == {"error": 103}
    assert await client.presence_stats(LINE) == {"clients": 1, "users": 1}
    assert await client.presence_stats("screen:hall-3f") == {"clients": 0, "users": 0}


async def test_who_may_hear_what(client: Stock, server: Served) -> None:
    await client.connect(server.url, (token(SCREEN),))
    await client.subscribe("screen:hall-3f")
    await client.events.until("subscribed", channel="screen:hall-3f")
    await client.subscribe("screen:hall-4f")
    await client.events.until("unsubscribed", channel="screen:hall-4f", code=103)
    await client.subscribe("nothing:x")
    await client.events.until("unsubscribed", channel="nothing:x", code=102)


async def test_a_token_is_refreshed_in_time(client: Stock, server: Served) -> None:
    await client.connect(server.url, (token(PATIENT, 2.5), token(PATIENT)))
    await client.events.until("connected")
    (connection,) = server.sockets._connections
    far = CLOCK.now().timestamp() + 600
    await server.until(lambda: (connection._client.session.identity.expires_at or 0) > far)
    assert await client.history(LINE, limit=1) == {"offset": 0, "offsets": []}
    assert [e["event"] for e in client.events.all].count("connected") == 1


async def test_an_expired_token_is_exchanged_for_a_new_one(client: Stock, server: Served) -> None:
    await client.connect(server.url, (token(PATIENT, -5), token(PATIENT)), (LINE, "log:L0302"))
    await client.events.until("connected")
    await client.events.until("subscribed", channel=LINE)
    assert not [e for e in client.events.all if e["event"] == "disconnected"]


async def test_a_forged_token_is_final(client: Stock, server: Served) -> None:
    await client.connect(server.url, ("forged", "forged"))
    told = await client.events.until("disconnected")
    assert (told["code"], told["reason"]) == (3500, "invalid token")


async def test_a_server_that_goes_sends_its_clients_to_the_next(client: Stock) -> None:
    shared = streams()
    async with Served(shared) as first, Served(shared) as next_one, Path(first.port) as path:
        await client.connect(f"ws://127.0.0.1:{path.port}/connection/websocket", channels=(LINE,))
        await client.events.until("subscribed", channel=LINE)
        path.server = next_one.port
        await first.sockets.drain(0.1)
        await client.events.until("connecting", code=3001)
        await client.events.until("subscribed", channel=LINE, recovered=True)
        assert len(next_one.sockets) == 1


async def test_a_phone_that_was_away_long_gets_the_newest_board_at_once(client: Stock) -> None:
    board = "queue:L0301"
    shared = streams()
    async with Served(shared) as first, Served(shared) as other:
        port = first.port
        await client.connect(first.url)
        await client.subscribe(board)
        await client.events.until("subscribed", channel=board)
        await first.publish(board, b'{"line":"L0301","n":1}')
        await client.events.until("publication", channel=board, offset=1)
        await first.die()
        for number in range(2, 151):
            await other.publish(board, b'{"line":"L0301","n":%d}' % number)
        async with Served(shared, port=port) as again:
            told = await client.events.until("subscribed", channel=board)
            assert told["was_recovering"]
            assert told["recovered"]
            await client.events.until("publication", channel=board, offset=150)
            await again.publish(board, b'{"line":"L0301","n":151}')
            await client.events.until("publication", channel=board, offset=151)
        heard = [e["data"]["n"] for e in client.events.all if e["event"] == "publication"]
        assert heard == [1, 150, 151]


async def test_a_board_that_was_missed_on_the_way_costs_a_line_nothing(client: Stock, server: Served) -> None:
    board = "queue:L0301"
    await client.connect(server.url)
    await client.subscribe(board)
    await client.events.until("subscribed", channel=board)
    await server.publish(board, b"{}")
    await server.drop_one(board)
    await server.publish(board, b"{}")
    await client.events.until("publication", channel=board, offset=3)
    assert [e["event"] for e in client.events.all].count("subscribed") == 1
