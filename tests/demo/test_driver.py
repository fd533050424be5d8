"""The driver: time moves, requests are answered, a stop loses nothing, mornings follow evenings."""

import sqlite3
from datetime import timedelta

import pytest

from demo.driver import NIGHT_SECONDS, WrongFile
from demo.hiccups import Hiccup, parse
from tests.demo.conftest import Opener
from tests.demo.hospitals import MONDAY, at


def test_a_late_start_finds_the_halls_full(open_hospital: Opener) -> None:
    hospital = open_hospital(start="09:30")
    codes = [str(code) for (code,) in hospital.query("SELECT RTRIM(PDZT) FROM V_PD_DLZT")]
    assert codes.count("5") > 15
    assert codes.count("1") + codes.count("2") > 5
    assert 1 <= codes.count("4") <= 4


def test_time_moves_the_line(open_hospital: Opener) -> None:
    hospital = open_hospital(start="09:30")
    before = hospital.queue()
    hospital.go_to("09:45")
    assert hospital.queue() != before
    assert hospital.now == at("09:45")


def test_a_tick_without_news_only_moves_the_clock_once_a_second(open_hospital: Opener) -> None:
    hospital = open_hospital(start="07:00")
    hospital.pass_seconds(0.2)
    changes = hospital.connection.total_changes
    hospital.pass_seconds(0.1)
    assert hospital.connection.total_changes == changes


def test_a_request_is_answered_once(open_hospital: Opener) -> None:
    hospital = open_hospital(start="08:00")
    visit, line = hospital.a_visit("0")
    state, code, number = hospital.ask("WX-1", visit, line)
    assert (state, code) == (1, "00")
    assert hospital.query(
        "SELECT PDZT IN ('1 ', '2 ') FROM V_PD_DLZT WHERE HZXH = ? AND GHXH = ?", number, visit
    )
    assert hospital.ask("WX-1", visit, line) == (state, code, number), "the same number again changes nothing"
    assert hospital.ask("WX-2", visit, line) == (2, "02", None)
    assert hospital.ask("WX-3", "MZ0") == (2, "01", None)
    assert hospital.ask("WX-4", "") == (2, "06", None)


def test_a_passed_patient_may_ask_too(open_hospital: Opener) -> None:
    hospital = open_hospital(start="10:30", seed=3)
    visit, line = hospital.a_visit("6", "7")
    assert hospital.ask("WX-1", visit, line)[:2] == (1, "00")


def test_a_stopped_hospital_goes_on_where_it_was(open_hospital: Opener) -> None:
    unbroken, broken = open_hospital("a.db"), open_hospital("b.db")
    for hospital in (unbroken, broken):
        hospital.go_to("08:10")
        visit, line = hospital.a_visit("0")
        assert hospital.ask("WX-1", visit, line)[0] == 1
        hospital.go_to("09:00")
    broken.close()
    resumed = open_hospital("b.db")
    assert resumed.queue() == unbroken.queue()
    assert resumed.now == at("09:00")
    for hospital in (unbroken, resumed):
        hospital.go_to("11:00")
    assert resumed.queue() == unbroken.queue()


def test_a_file_of_yesterday_goes_into_history(open_hospital: Opener) -> None:
    open_hospital(day=None, start="10:00").close()
    later = open_hospital(day=MONDAY + timedelta(days=2), history_days=2)
    assert later.query("SELECT YWRQ FROM V_XT_SJ") == [("20261125",)]
    assert later.query("SELECT DISTINCT PDRQ FROM V_PD_LSXX ORDER BY 1") == [("20261123",), ("20261124",)]


def test_the_next_morning_begins_by_itself(open_hospital: Opener) -> None:
    hospital = open_hospital(start="18:00")
    hospital.go_to("18:31")
    assert hospital.query("SELECT DISTINCT DLZT FROM V_PD_DLXX WHERE DLZT NOT IN ('3', '9')") == []
    hospital.pass_seconds(1)
    hospital.pass_seconds(NIGHT_SECONDS)
    assert hospital.query("SELECT * FROM V_XT_SJ") == [("20261124070000", "20261124")]
    assert hospital.query("SELECT DISTINCT PDRQ FROM V_PD_DLZT") == [("20261124",)]
    assert hospital.query("SELECT DISTINCT PDRQ FROM V_PD_LSXX") == [("20261123",)]
    hospital.go_to("09:00")
    assert hospital.query("SELECT 1 FROM V_PD_DLZT WHERE PDZT = '4 '")


def test_the_night_may_pass_slowly(open_hospital: Opener) -> None:
    hospital = open_hospital(start="23:59", keep_nights=True)
    hospital.pass_seconds(61)
    assert hospital.query("SELECT * FROM V_XT_SJ") == [("20261124000000", "20261124")]


def test_a_file_of_another_seed_is_refused(open_hospital: Opener) -> None:
    open_hospital(seed=1).close()
    with pytest.raises(WrongFile, match="seed 1"):
        open_hospital(seed=2)


def test_a_failed_write_is_made_good(open_hospital: Opener) -> None:
    hospital, untroubled = open_hospital("a.db", start="08:00"), open_hospital("b.db", start="08:00")
    hospital.connection.execute("PRAGMA busy_timeout = 0")
    visit, line = hospital.a_visit("0")
    hospital.reader.execute("INSERT INTO JK_QDSQ (SQXH, GHXH, DLDM) VALUES ('WX-1', ?, ?)", (visit, line))
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        hospital.go_to("08:20")
    hospital.reader.commit()
    hospital.pass_seconds(0)
    untroubled.go_to("08:20")
    untroubled.ask("WX-1", visit, line)
    assert hospital.query("SELECT CLZT FROM JK_QDSQ") == [(1,)]
    assert hospital.queue() == untroubled.queue()


@pytest.mark.parametrize("kind", [kind for kind in Hiccup if kind is not Hiccup.STALL])
def test_a_hiccup_hurts_and_heals(open_hospital: Opener, kind: Hiccup) -> None:
    hospital = open_hospital(start="10:00", hiccups=(kind,), hiccup_every=0.2)
    whole = hospital.queue()
    hospital.pass_seconds(0.2)
    assert hospital.queue() != whole
    hospital.pass_seconds(0.1)
    assert hospital.queue() == whole
    assert hospital.said == [f"hiccup: {kind}"]


def test_a_stall_stops_even_the_clock(open_hospital: Opener) -> None:
    hospital = open_hospital(start="10:00", hiccups=(Hiccup.STALL,), hiccup_every=1)
    hospital.pass_seconds(2)
    before = hospital.now
    hospital.pass_seconds(20)
    assert hospital.now == before
    hospital.pass_seconds(20)
    assert hospital.now > before


def test_hiccups_are_read_by_name() -> None:
    assert parse("half, null") == (Hiccup.HALF, Hiccup.NULL)
    assert set(parse("all")) == set(Hiccup)
    with pytest.raises(ValueError, match="flood"):
        parse("flood")
