"""When a notice is due, by which way it goes, and what becomes of it."""

from datetime import datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import limits
from core.clock import CHINA
from notices import words
from notices.notice import (
    ANY_NUMBER,
    Channel,
    Kind,
    Night,
    Notice,
    Outcome,
    State,
    agreed,
    chosen,
    handed,
    planned,
    taken_up,
    used,
)

NOON = datetime(2026, 11, 26, 12, 0, tzinfo=CHINA)
NIGHT = Night(time(22), time(7))
ALL = {channel: tuple(Kind) for channel in Channel}


def a_notice(kind: Kind = Kind.NEW_MESSAGE, *, at: datetime = NOON, night: Night | None = None) -> Notice:
    return planned("n1", user="u1", kind=kind, key="k1", params={}, at=at, night=night)


@pytest.mark.parametrize(
    ("at", "due"),
    [
        (NOON, NOON),
        (NOON.replace(hour=21, minute=59), NOON.replace(hour=21, minute=59)),
        (NOON.replace(hour=22), NOON.replace(day=27, hour=7)),
        (NOON.replace(hour=3), NOON.replace(hour=7)),
        (NOON.replace(hour=7), NOON.replace(hour=7)),
    ],
)
def test_at_night_it_waits_for_the_morning(at: datetime, due: datetime) -> None:
    notice = a_notice(at=at, night=NIGHT)
    assert notice.due_at == due
    assert notice.until == due + timedelta(hours=24)
    assert a_notice(at=at).due_at == at
    for kind in (Kind.CALLED, Kind.NEAR_TURN):
        assert a_notice(kind, at=at, night=NIGHT).due_at == at


@given(
    st.integers(0, 365 * 24 * 60).map(lambda minutes: NOON + timedelta(minutes=minutes)),
    st.times(),
    st.times(),
)
def test_after_the_night_it_is_day_and_less_than_a_day_later(at: datetime, begin: time, end: time) -> None:
    night = Night(begin, end)
    after = night.over(at)
    assert at <= after < at + timedelta(days=1)
    if begin != end:
        assert night.over(after) == after


def test_it_goes_by_the_first_way_that_the_person_has_and_agreed_to() -> None:
    left = {Channel.WECHAT_MINI: 0, Channel.WECHAT_PAGE: ANY_NUMBER, Channel.ALIPAY_MINI: 1}
    has = set(Channel)
    kind = Kind.CALLED
    assert chosen(kind, has=has, offered=ALL, left=left) is Channel.WECHAT_PAGE
    assert chosen(kind, has=has, offered=ALL, left=left, tried=[Channel.WECHAT_PAGE]) is Channel.ALIPAY_MINI
    assert chosen(kind, has={Channel.WECHAT_MINI}, offered=ALL, left=left) is None
    assert chosen(kind, has=has, offered={}, left=left) is None


def test_what_is_late_or_has_no_way_ends_without_being_tried() -> None:
    notice = a_notice(Kind.CALLED)
    assert taken_up(notice, Channel.WECHAT_MINI, at=NOON + timedelta(minutes=10)).state is State.LATE
    assert taken_up(notice, None, at=NOON).state is State.UNSENT
    assert taken_up(notice, Channel.WECHAT_MINI, at=NOON).state is State.SENDING


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Outcome.SENT, State.SENT),
        (Outcome.UNKNOWN, State.UNKNOWN),
        (Outcome.NOT_AGREED, State.WAITING),
        (Outcome.WRONG, State.WAITING),
        (Outcome.NOT_NOW, State.WAITING),
    ],
)
def test_what_becomes_of_it(outcome: Outcome, state: State) -> None:
    taken = taken_up(a_notice(), Channel.WECHAT_MINI, at=NOON)
    after = handed(taken, outcome, at=NOON)
    assert after.state is state
    refused = outcome in {Outcome.NOT_AGREED, Outcome.WRONG}
    assert after.tried == ((Channel.WECHAT_MINI,) if refused else ())
    if outcome is Outcome.NOT_NOW:
        assert after.due_at == NOON + timedelta(seconds=limits.NOTICE_AGAIN_SECONDS)


@given(st.lists(st.sampled_from(Outcome), max_size=30))
def test_it_ends_whatever_the_platforms_say_and_is_sent_at_most_once(outcomes: list[Outcome]) -> None:
    notice, at, sent = a_notice(), NOON, 0
    for outcome in [*outcomes, *[Outcome.NOT_NOW] * 20]:
        if notice.state is not State.WAITING:
            break
        at = max(at, notice.due_at)
        way = chosen(
            notice.kind, has=set(Channel), offered=ALL, left=dict.fromkeys(Channel, 1), tried=notice.tried
        )
        notice = taken_up(notice, way, at=at)
        if notice.state is State.SENDING:
            sent += outcome in {Outcome.SENT, Outcome.UNKNOWN}
            notice = handed(notice, outcome, at=at)
    assert notice.state not in {State.WAITING, State.SENDING}
    assert sent <= 1
    assert at <= NOON + timedelta(hours=24)


def test_consent_counts() -> None:
    assert agreed(0, channel=Channel.WECHAT_MINI) == 1
    assert agreed(limits.NOTICE_GRANTS, channel=Channel.ALIPAY_MINI) == limits.NOTICE_GRANTS
    assert agreed(0, channel=Channel.WECHAT_PAGE) == ANY_NUMBER
    assert [used(2), used(1), used(0), used(ANY_NUMBER)] == [1, 0, 0, ANY_NUMBER]


def test_a_template_holds_the_hospitals_words_and_nothing_else() -> None:
    fields = {
        "thing1": "{title}",
        "thing2": "{text}",
        "number3": "{number}",
        "time4": "{time}",
        "thing5": "{room}",
    }
    params = {"line": "心内科", "number": "A012", "room": "3 诊室", "ahead": "2", "secret": "x"}
    assert words.filled(Kind.CALLED, fields, params, at=NOON) == {
        "thing1": "请您就诊",
        "thing2": "请到 3 诊室",
        "number3": "A012",
        "time4": "2026-11-26 12:00",
        "thing5": "3 诊室",
    }
    assert words.filled(Kind.NEW_MESSAGE, {"a": "{room}"}, {}, at=NOON) == {"a": "-"}
    long = words.filled(Kind.CALLED, {"a": "{room}"}, {"room": "很" * 50}, at=NOON)["a"]
    assert len(long) == limits.NOTICE_WORD_CHARACTERS
    assert words.place_of(Kind.CALLED, params | {"line_id": "l1"}) == "pages/queue/index?line=l1&ticket=A012"


@pytest.mark.parametrize("pattern", ["{name}", "{title!r:>{x}}", "{title", "{}", "{title.__class__}", "{0}"])
def test_a_pattern_names_what_is_known(pattern: str) -> None:
    with pytest.raises(words.BadPattern):
        words.judged(pattern)


@given(
    st.dictionaries(st.sampled_from(sorted(words.KNOWN | {"line_id", "conversation"})), st.text(max_size=60))
)
def test_every_field_is_filled_and_fits_whatever_is_told(params: dict[str, Any]) -> None:
    fields = {str(at): f"{{{name}}}" for at, name in enumerate(sorted(words.KNOWN))}
    for kind in Kind:
        made = words.filled(kind, fields, params, at=NOON)
        assert all(0 < len(each) <= limits.NOTICE_WORD_CHARACTERS for each in made.values())
        words.place_of(kind, params)
