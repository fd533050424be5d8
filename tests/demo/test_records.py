"""The demo hospital's index of patients: a record is made once, and a card tied to it."""

from datetime import date
from pathlib import Path

from demo import database
from demo.records import Records

ASK = "INSERT INTO JK_JDSQ (SQXH, BRXM, XB, CSRQ, ZJLX, ZJHM) VALUES (?, ?, '2', '19491231', '01', ?)"


def test_requests_are_settled_once(tmp_path: Path) -> None:
    connection = database.connect(tmp_path / "his.db")
    records = Records(connection, date(2026, 11, 26))
    records.begin()
    records.begin()
    for key, name, paper in (
        ("a", "王秀英", "11010519491231002X"),
        ("b", "王小英", "11010519491231002X"),
        ("c", "赵新人", "110000199001010025"),
        ("d", "赵新人", "110000199001010025"),
        ("e", "", "1"),
    ):
        connection.execute(ASK, (key, name, paper))
    connection.execute("INSERT INTO JK_BKSQ (SQXH, BRID, DZJKK, ZSY) VALUES ('f', 'DA00000001', 'C1', 'x')")
    connection.execute("INSERT INTO JK_BKSQ (SQXH, BRID, DZJKK, ZSY) VALUES ('g', 'DA99999999', 'C1', 'x')")
    for _ in range(2):
        records.answer_pending(30_000)
    asked = "SELECT SQXH, CLZT, JGDM, BRID FROM JK_JDSQ ORDER BY SQXH"
    assert connection.execute(asked).fetchall() == [
        ("a", 1, "00", "DA00000001"),
        ("b", 2, "11", None),
        ("c", 1, "00", "DA00000003"),
        ("d", 1, "00", "DA00000003"),
        ("e", 2, "06", None),
    ]
    assert connection.execute("SELECT SQXH, JGDM FROM JK_BKSQ ORDER BY SQXH").fetchall() == [
        ("f", "00"),
        ("g", "12"),
    ]
    found = connection.execute("SELECT DZJKK FROM GY_BRDA WHERE BRID = 'DA00000001'").fetchall()
    assert found == [("C1",)]
    database.close(connection)
