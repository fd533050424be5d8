"""The consent ledger: it only grows, the newest word counts, a newer text asks again."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.consent import Entry, Kind, OtherVersion, give, holds, newest, withdraw
from conf.consent_texts import HERE, read_consent_texts
from conf.words import LANGUAGES
from core.ids import SessionId

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
VERSIONS = ["2026-01-01", "2026-06-01", "2027-01-01"]

moves = st.lists(
    st.one_of(
        st.tuples(st.just("give"), st.sampled_from(Kind), st.sampled_from(VERSIONS)),
        st.tuples(st.just("withdraw"), st.sampled_from(Kind), st.just("")),
        st.tuples(st.just("publish"), st.just(Kind.TERMS), st.sampled_from(VERSIONS)),
    ),
    max_size=30,
)


@given(moves)
def test_what_holds_is_what_was_said_last_to_the_text_in_force(told: list[tuple[str, Kind, str]]) -> None:
    in_force = VERSIONS[0]
    ledger: list[Entry] = []
    expected: dict[Kind, str | None] = dict.fromkeys(Kind)
    for number, (what, kind, version) in enumerate(told):
        at, session = NOON + timedelta(seconds=number), SessionId(f"s{number}")
        before = list(ledger)
        latest = newest(ledger)
        if what == "publish":
            in_force = max(in_force, version)
        elif what == "withdraw":
            entry = withdraw(latest, kind, at=at, session=session)
            assert (entry is None) is (expected[kind] is None)
            ledger += [entry] if entry else []
            expected[kind] = None
        else:
            said = Entry(kind, version, is_given=True, at=at, session=session)
            if version != in_force:
                with pytest.raises(OtherVersion) as refused:
                    give(latest, said, in_force=in_force)
                assert refused.value.facts == {"version": in_force}
                continue
            entry = give(latest, said, in_force=in_force)
            assert (entry is None) is (expected[kind] == in_force)
            ledger += [entry] if entry else []
            expected[kind] = version
        assert ledger[: len(before)] == before
        for each in Kind:
            assert holds(newest(ledger), each, in_force=in_force) is (expected[each] == in_force)


def test_every_kind_has_a_text_in_every_language() -> None:
    texts = read_consent_texts()
    for kind in Kind:
        for language in LANGUAGES:
            found = texts.text(kind, texts.in_force[kind], language)
            assert len(found.text) > 500
            assert found.title
            assert not found.title.startswith("#")


def test_a_newer_version_is_in_force_and_needs_every_language(tmp_path: Path) -> None:
    for file in HERE.glob("*.md"):
        (tmp_path / file.name).write_text(file.read_text("utf-8"), "utf-8")
    for language in LANGUAGES:
        (tmp_path / f"privacy.2027-01-01.{language}.md").write_text("# New\n\ntext", "utf-8")
    texts = read_consent_texts(tmp_path)
    assert texts.in_force[Kind.PRIVACY] == "2027-01-01"
    assert texts.in_force[Kind.TERMS] < "2027"
    (tmp_path / "terms.2027-01-01.en.md").write_text("# New\n\ntext", "utf-8")
    with pytest.raises(ValueError, match=r"terms.2027-01-01: there is no text in zh-CN"):
        read_consent_texts(tmp_path)
    (tmp_path / "others.2027-01-01.en.md").write_text("# New\n\ntext", "utf-8")
    with pytest.raises(ValueError, match=r"others.2027-01-01.en.md: must be"):
        read_consent_texts(tmp_path)


def test_a_folder_without_texts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="terms: there is no text"):
        read_consent_texts(tmp_path)
