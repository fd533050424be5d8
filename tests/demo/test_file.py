"""The file is what demo/README.md promises to an integrator."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import demo
from demo.codes import STATUS, UNDOCUMENTED
from demo.ticket import State
from tests.demo.hospitals import SmallHospital

README = (Path(demo.__file__).parent / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallHospital]:
    """In the middle of the morning; nobody changes it here."""
    hospital = SmallHospital(tmp_path_factory.mktemp("his") / "his.db", start="09:40")
    yield hospital
    hospital.close()


def documented_codes() -> set[str]:
    section = README.split("## 4.")[1].split("## 5.")[0]
    rows = [line.split("|")[1:4] for line in section.splitlines() if line.startswith("| `")]
    return {code for row in rows for cell in row for code in re.findall(r"`(\w+)`", cell)}


def test_every_code_is_documented_but_the_one_that_is_not() -> None:
    ours = {code for codes in STATUS.values() for state, code in codes.items() if state is not State.HELD}
    assert ours | {"F9"} == documented_codes()
    assert not set(UNDOCUMENTED.values()) & documented_codes()


def test_every_column_of_every_view_is_documented(hospital: SmallHospital) -> None:
    views = [str(name) for (name,) in hospital.query("SELECT name FROM sqlite_master WHERE type = 'view'")]
    assert len(views) == 8
    for view in views:
        assert f"`{view}`" in README
        for row in hospital.query(f"PRAGMA table_info({view})"):
            assert str(row[1]) in README, (view, row[1])


def test_names_are_gb18030_and_char_columns_are_padded(hospital: SmallHospital) -> None:
    rows = hospital.query("SELECT DLDM, HZXH, PDZT, BRXM FROM V_PD_DLZT")
    assert len(rows) > 100
    for line, number, status, name in rows:
        assert (len(str(line)), len(str(number)), len(str(status))) == (8, 8, 2)
        assert isinstance(name, bytes)
        assert name.decode("gb18030")
    for (name,) in hospital.query("SELECT KSMC FROM V_KSXX"):
        assert isinstance(name, bytes)
        assert name.decode("gb18030")
    assert all(len(str(name)) == 20 for (name,) in hospital.query("SELECT YSXM FROM V_YSXX"))


def test_nothing_is_said_in_two_ways(hospital: SmallHospital) -> None:
    assert {value for (value,) in hospital.query("SELECT DISTINCT ZSDM FROM V_PD_DLZT")} >= {"", None}
    assert {value for (value,) in hospital.query("SELECT DISTINCT YXBZ FROM V_PD_DLZT")} >= {"", None}


def test_times_have_the_documented_shapes(hospital: SmallHospital) -> None:
    shapes = {
        "BDSJ": r"(\d{6})?",
        "SDKS": r"(\d{4})?",
        "JHSJ": r"\d{14}",
        "JSSJ": r"\d{14}",
        "XGSJ": r"\d{14}",
    }
    for column, shape in shapes.items():
        for (value,) in hospital.query(f"SELECT {column} FROM V_PD_DLZT WHERE {column} IS NOT NULL"):
            assert re.fullmatch(shape, str(value)), (column, value)


def test_who_waits_has_a_sort_value_and_nobody_else(hospital: SmallHospital) -> None:
    for status, value in hospital.query("SELECT RTRIM(PDZT), PXZ FROM V_PD_DLZT"):
        if status in ("1", "2", "K"):
            assert value is not None
        elif status != "8":
            assert value is None, status


def test_rooms_and_lines_point_at_each_other(hospital: SmallHospital) -> None:
    rooms = {str(code).strip() for (code,) in hospital.query("SELECT ZSDM FROM V_ZSXX")}
    listed = [str(codes).split("|") for (codes,) in hospital.query("SELECT ZSLB FROM V_PD_DLXX")]
    assert sorted(code for codes in listed for code in codes) == sorted(rooms)
    assert hospital.query("SELECT COUNT(*) FROM V_PD_DLXX WHERE DLZT = '1'")[0][0] != 0
    called = hospital.query("SELECT RTRIM(ZSDM) FROM V_PD_DLZT WHERE RTRIM(PDZT) IN ('3', '4')")
    assert {str(code) for (code,) in called} <= rooms
