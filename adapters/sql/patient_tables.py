"""Tables of patients, their health cards and consents. Part of the schema in ``tables.py``.

Whatever names a person is sealed; ``*_index`` finds an equal value.
"""

from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, SmallInteger, String, Table
from sqlalchemy.dialects import mysql

from adapters.sql.sealed import blind, sealed
from adapters.sql.tables import metadata

_OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}
_GROWING_ID = BigInteger().with_variant(Integer(), "sqlite")


def _id(name: str, **options: Any) -> Column[str]:
    return Column(name, String(64), **options)


def _us(name: str, **options: Any) -> Column[int]:
    return Column(name, BigInteger, **options)


patient_family = Table(
    "patient_family",
    metadata,
    # One row for each account that ever added somebody: whoever changes its patients holds it.
    Column("user", String(128), primary_key=True),
    _id("usual"),
    **_OPTIONS,
)

patient = Table(
    "patient",
    metadata,
    _id("id", primary_key=True),
    Column("user", String(128), nullable=False),
    Column("id_kind", String(24), nullable=False),
    blind("number_index"),
    sealed("name"),
    sealed("number"),
    sealed("born"),
    sealed("phone"),
    sealed("guardian", nullable=True),
    Column("sex", String(8), nullable=False),
    Column("relation", String(16), nullable=False),
    _us("added_us", nullable=False),
    _us("unbound_us"),
    # The entry of the same person that took this one's place when two accounts became one.
    _id("same_as"),
    Column("in_hospital", String(16), nullable=False),
    sealed("hospital_number", nullable=True),
    blind("hospital_index", nullable=True),
    _us("asked_us", nullable=False),
    # Of two requests that add one person at once the second finds this in its way.
    Index("ux_patient_user_number_index", "user", "number_index", unique=True),
    Index(None, "in_hospital", "asked_us"),
    Index(None, "hospital_index"),
    **_OPTIONS,
)

health_card = Table(
    "health_card",
    metadata,
    _id("patient", primary_key=True),
    Column("issuer", String(32), nullable=False),
    sealed("card"),
    sealed("main_index"),
    blind("main_index_index"),
    _us("issued_us", nullable=False),
    _us("bound_us"),
    Index(None, "main_index_index"),
    **_OPTIONS,
)

health_card_use = Table(
    "health_card_use",
    metadata,
    # SHA-256 of code and scene: a code is good once in each scene.
    Column("id", LargeBinary(32).with_variant(mysql.BINARY(32), "mysql"), primary_key=True),
    _us("until_us", nullable=False),
    Index(None, "until_us"),
    **_OPTIONS,
)

consent = Table(
    "consent",
    metadata,
    # Only ever added to.
    Column("id", _GROWING_ID, primary_key=True, autoincrement=True),
    Column("user", String(128), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("version", String(32), nullable=False),
    Column("given", SmallInteger, nullable=False),
    _us("at_us", nullable=False),
    _id("session", nullable=False),
    Index(None, "user", "kind", "id"),
    sqlite_autoincrement=True,
    **_OPTIONS,
)
