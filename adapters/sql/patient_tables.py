"""Tables of patients, their health cards and consents. Part of the schema in ``tables.py``.

Whatever names a person is sealed; ``*_index`` finds an equal value.
"""

from sqlalchemy import Column, Index, SmallInteger, String, Table

from adapters.sql.columns import GROWING_ID, OPTIONS, digest, moment, short_id
from adapters.sql.sealed import blind, sealed
from adapters.sql.tables import metadata

patient_family = Table(
    "patient_family",
    metadata,
    # One row for each account that ever added somebody: whoever changes its patients holds it.
    Column("user", String(128), primary_key=True),
    short_id("usual"),
    **OPTIONS,
)

patient = Table(
    "patient",
    metadata,
    short_id("id", primary_key=True),
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
    moment("added_us"),
    moment("unbound_us", nullable=True),
    # The entry of the same person that took this one's place when two accounts became one.
    short_id("same_as"),
    Column("in_hospital", String(16), nullable=False),
    sealed("hospital_number", nullable=True),
    blind("hospital_index", nullable=True),
    moment("asked_us"),
    # Of two requests that add one person at once the second finds this in its way.
    Index("ux_patient_user_number_index", "user", "number_index", unique=True),
    Index(None, "in_hospital", "asked_us"),
    Index(None, "hospital_index"),
    **OPTIONS,
)

health_card = Table(
    "health_card",
    metadata,
    short_id("patient", primary_key=True),
    Column("issuer", String(32), nullable=False),
    sealed("card"),
    sealed("main_index"),
    blind("main_index_index"),
    moment("issued_us"),
    moment("bound_us", nullable=True),
    Index(None, "main_index_index"),
    **OPTIONS,
)

health_card_use = Table(
    "health_card_use",
    metadata,
    # SHA-256 of code and scene: a code is good once in each scene.
    digest("id", primary_key=True),
    moment("until_us"),
    Index(None, "until_us"),
    **OPTIONS,
)

consent = Table(
    "consent",
    metadata,
    # Only ever added to.
    Column("id", GROWING_ID, primary_key=True, autoincrement=True),
    Column("user", String(128), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("version", String(32), nullable=False),
    Column("given", SmallInteger, nullable=False),
    moment("at_us"),
    short_id("session", nullable=False),
    Index(None, "user", "kind", "id"),
    sqlite_autoincrement=True,
    **OPTIONS,
)
