"""What the hospital has connected, and how the rest is refused."""

import pytest

from accounts.providers import CodeUsed, Identified, WayKind, WayNotSetUp, Ways
from tests.services.ways import FakeWays


def test_what_is_not_connected_is_refused_by_name() -> None:
    ways = Ways()
    assert ways.enabled() == frozenset()
    for kind in WayKind:
        with pytest.raises(WayNotSetUp) as refused:
            ways.way(kind)
        assert refused.value.facts == {"way": kind.value}
    with pytest.raises(WayNotSetUp):
        ways.page()
    with pytest.raises(WayNotSetUp):
        ways.sender()


async def test_what_is_connected_answers() -> None:
    fakes = FakeWays()
    ways = fakes.ways
    assert ways.enabled() == frozenset(WayKind)
    code = fakes.wechat_mini.knows("c-1", "openid-1", union="u-1")
    who = await ways.way(WayKind.WECHAT_MINI).identify(code)
    assert (who.subject, who.union, who.app) == ("openid-1", "u-1", "wx-mini")
    with pytest.raises(CodeUsed):
        await ways.way(WayKind.WECHAT_MINI).identify(code)
    with pytest.raises(WayNotSetUp):
        ways.way(WayKind.SMS)


def test_who_it_is_stays_out_of_what_is_printed() -> None:
    who = Identified(WayKind.SMS, "", "+8613800000000", "union", "+8613800000000")
    assert "138" not in repr(who)
    assert "union" not in repr(who)
