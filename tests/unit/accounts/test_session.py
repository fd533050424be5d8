"""One sign-in: renewed by whoever holds the newest token, over when a copy shows itself or time runs out."""

import random as chance
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.session import (
    Ending,
    RefreshToken,
    RefreshTokenUnknown,
    ReusedOld,
    Session,
    SessionBounds,
    SessionOver,
    crowded_out,
    ended,
    opened,
    renewed,
)
from core import limits
from core.actor import Actor, Role

NOON = datetime(2026, 11, 23, 4, tzinfo=UTC)
SECOND = timedelta(seconds=1)
BOUNDS = SessionBounds(idle=timedelta(hours=1), absolute=timedelta(hours=12))
GRACE = timedelta(seconds=limits.REFRESH_GRACE_SECONDS)


def a_session(seed: int = 1, at: datetime = NOON) -> tuple[Session, RefreshToken]:
    return opened(
        Actor(id="01J", role=Role.PATIENT),
        bounds=BOUNDS,
        device="iPhone",
        address="203.0.113.7",
        at=at,
        random=chance.Random(seed).randbytes,
    )


def renew(session: Session, token: RefreshToken, at: datetime) -> tuple[Session, RefreshToken]:
    return renewed(session, RefreshToken.read(token.text), at=at, random=chance.Random(7).randbytes)


def test_each_use_gives_the_next_token_and_keeps_the_session_alive() -> None:
    session, token = a_session()
    at = NOON
    for _ in range(11):
        at += timedelta(minutes=59)
        before = token
        session, token = renew(session, token, at)
        assert token.digest != before.digest
        assert session.last_used_at == at
    with pytest.raises(SessionOver) as over:
        renew(session, token, NOON + BOUNDS.absolute)
    assert over.value.facts == {"why": "too_old"}


def test_a_lost_answer_is_given_again_for_a_moment_and_to_both_of_two_pages() -> None:
    session, first = a_session()
    session, second = renew(session, first, NOON + SECOND)
    again, same = renew(session, first, NOON + GRACE)
    assert (again, same) == (session, second)
    with pytest.raises(ReusedOld):
        renew(session, first, NOON + SECOND + GRACE)


def test_a_token_of_long_ago_shows_that_there_is_a_copy() -> None:
    session, stolen = a_session()
    session, second = renew(session, stolen, NOON + SECOND)
    session, _ = renew(session, second, NOON + 2 * SECOND)
    with pytest.raises(ReusedOld):
        renew(session, stolen, NOON + 3 * SECOND)


@given(st.binary(max_size=60), st.integers(min_value=0, max_value=60))
def test_whoever_guesses_neither_renews_nor_ends_it(noise: bytes, at: int) -> None:
    session, token = a_session()
    family = bytes(a ^ b for a, b in zip(token.family, noise.ljust(16, b"\1"), strict=False))
    if family != token.family:
        with pytest.raises(RefreshTokenUnknown):
            renew(session, replace(token, family=family), NOON + at * SECOND)


@given(st.text(max_size=120))
def test_any_text_is_a_token_of_ours_or_unknown(text: str) -> None:
    try:
        read = RefreshToken.read(text)
    except RefreshTokenUnknown:
        return
    assert len(read.family) == 16


def test_what_is_kept_does_not_give_the_next_token_away() -> None:
    session, token = a_session()
    session, following = renew(session, token, NOON + SECOND)
    kept = repr(session)
    assert following.secret.hex() not in kept
    assert following.text not in kept
    forged = replace(following, secret=session.current)
    assert forged.following(session.salt).digest != session.current


def test_a_session_that_nobody_uses_is_over() -> None:
    session, token = a_session()
    assert session.ending_at(NOON + BOUNDS.idle - SECOND) is None
    assert session.ending_at(NOON + BOUNDS.idle) is Ending.IDLE
    with pytest.raises(SessionOver):
        renew(session, token, NOON + BOUNDS.idle)


def test_an_access_token_never_outlives_its_session() -> None:
    session, _ = a_session()
    assert session.access_until(NOON) == NOON + timedelta(seconds=limits.ACCESS_TOKEN_SECONDS)
    late = NOON + timedelta(minutes=59)
    assert session.access_until(late) == NOON + BOUNDS.idle
    used = replace(session, last_used_at=NOON + timedelta(hours=11, minutes=59))
    assert used.access_until(used.last_used_at) == NOON + BOUNDS.absolute


def test_what_ended_stays_as_it_ended() -> None:
    session, token = a_session()
    over = ended(session, Ending.SIGNED_OUT, at=NOON + SECOND)
    assert ended(over, Ending.IDLE, at=NOON + 5 * SECOND) == over
    assert over.good_until == NOON + SECOND
    with pytest.raises(SessionOver):
        renew(over, token, NOON + SECOND)


def test_of_too_many_the_least_used_gives_way() -> None:
    sessions = [a_session(seed, NOON + seed * SECOND)[0] for seed in range(5)]
    sessions[0] = replace(sessions[0], last_used_at=NOON + timedelta(minutes=5))
    assert crowded_out(sessions, most=6) == []
    assert crowded_out(sessions, most=5) == [sessions[1]]
    assert crowded_out(sessions, most=1) == [*sessions[1:], sessions[0]]


@given(st.lists(st.tuples(st.sampled_from(["new", "old", "twice"]), st.integers(1, 40)), max_size=12))
def test_the_holder_of_the_newest_token_is_never_sent_away_alone(uses: list[tuple[str, int]]) -> None:
    """Whatever is done within the bounds, only a token that is neither newest nor just replaced ends it."""
    session, newest = a_session()
    known, at = [newest], NOON
    for kind, seconds in uses:
        at += seconds * SECOND
        token = known[0] if kind == "old" else newest
        good = token == newest or (token == known[-2] and at < session.rotated_at + GRACE)
        try:
            session, following = renew(session, token, at)
        except ReusedOld:
            assert not good
            return
        assert good
        if token == newest:
            known.append(following)
        newest = following
        if kind == "twice":
            assert renew(session, token, at)[1] == newest


def test_whoever_works_without_a_pause_is_not_idle() -> None:
    """The access token ends so early that its renewal tells the session in time that it is used."""
    bounds = SessionBounds(idle=timedelta(minutes=15), absolute=timedelta(hours=12))
    session, token = a_session()
    session = replace(session, bounds=bounds)
    at = token_until = NOON
    while at < NOON + timedelta(hours=2):
        if at >= token_until:
            session, token = renew(session, token, at)
            token_until = session.access_until(at)
        at += timedelta(minutes=4)
    assert session.access_until(NOON) < NOON + bounds.idle
