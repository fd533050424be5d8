"""Listed words are found however they are spread, and nothing else is."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.word_list import read_word_list
from im.matching import Matcher, covered, said
from im.word_list import CurrentWords, Listed, WordList
from im.wording import Action


def words(*found: str) -> Matcher:
    return Matcher(found)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("请加我微信聊", "请****聊"),
        ("请加 我·微~信聊", "请* *****聊"),
        ("加我 ＶＸ", "** **"),
        ("ＶＸ一下", "**一下"),
        ("avx", "avx"),
        ("v x", "v x"),
        ("我的微信", "我的微信"),
        ("加我微", "加我微"),
        ("加\u200b我\u200b微信", "******"),
    ],
)
def test_a_word_is_found_however_it_is_spread(text: str, shown: str) -> None:
    matcher = words("加我微信", "加我vx", "vx")
    assert covered(text, matcher.find(text)) == shown


def test_words_inside_words_are_all_found() -> None:
    matcher = words("he", "hers", "她们", "她", "们的")
    assert [hit.word for hit in matcher.find("她们的")] == ["她", "她们", "们的"]
    assert [hit.word for hit in matcher.find("hers, he")] == ["hers", "he"]


ALPHABET = "ab 甲乙丙,ＡＢ"


def naive(listed: list[str], text: str) -> set[tuple[str, int, int]]:
    """Every place tried one after the other."""
    heard = [
        (one, at)
        for at, char in enumerate(text)
        for one in unicodedata.normalize("NFKC", char).casefold()
        if unicodedata.category(one)[0] in "LN"
    ]
    found = set()
    for word in listed:
        wanted = said(word)
        if not wanted:
            continue
        for first in range(len(heard) - len(wanted) + 1):
            if "".join(char for char, _ in heard[first : first + len(wanted)]) != wanted:
                continue
            start, stop = heard[first][1], heard[first + len(wanted) - 1][1]
            if all(char in "abcdefghijklmnopqrstuvwxyz" for char in wanted):
                beside = text[start - 1 : start] + text[stop + 1 : stop + 2]
                if any(each in "abＡＢ" for each in beside) or " " in text[start : stop + 1]:
                    continue
            found.add((word, start, stop + 1))
    return found


@given(st.lists(st.text(ALPHABET, min_size=1, max_size=3), max_size=6), st.text(ALPHABET, max_size=20))
def test_it_finds_what_trying_every_place_finds(listed: list[str], text: str) -> None:
    unique = list({said(word): word for word in listed}.values())
    found = {(hit.word, hit.start, hit.stop) for hit in Matcher(unique).find(text)}
    assert found == naive(unique, text)


@given(st.text(max_size=200))
def test_any_text_can_be_judged_and_covering_keeps_its_length(text: str) -> None:
    listed = WordList(read_word_list())
    verdict = listed.judge(text)
    assert len(verdict.text) == len(text)
    assert listed.judge(verdict.text).action in {Action.PASS, verdict.action}


def one(word: str, action: Action, *, label: str = "other", urgent: bool = False) -> Listed:
    return Listed(id=word, word=word, action=action, label=label, urgent=urgent)


def test_the_strictest_decides_and_only_masked_words_are_covered() -> None:
    listed = WordList(
        [
            one("甲甲", Action.REVIEW, label="self_harm", urgent=True),
            one("乙乙", Action.MASK, label="off_platform"),
            one("丙丙", Action.BLOCK),
        ]
    )
    verdict = listed.judge("甲甲和乙乙")
    assert (verdict.action, verdict.text, verdict.urgent) == (Action.MASK, "甲甲和**", True)
    assert verdict.hits == ("off_platform", "self_harm")
    assert listed.judge("丙 丙").action is Action.BLOCK
    assert listed.judge("没有").action is Action.PASS


def test_the_hospital_has_the_last_word() -> None:
    current = CurrentWords()
    assert current.judge("刷单").action is Action.PASS
    current.use(read_word_list())
    assert current.judge("刷 单").action is Action.BLOCK
    assert current.judge("医生，我不想活了").urgent
    current.use((*read_word_list(), one("刷单", Action.PASS), one("枸杞", Action.REVIEW)))
    assert current.judge("刷单").action is Action.PASS
    assert current.judge("枸杞").action is Action.REVIEW
