"""The whole schema: every module that adds tables to ``tables.metadata`` is imported here, and only here."""

from adapters.sql import (
    accounts_tables,
    consultation_tables,
    file_tables,
    im_tables,
    keeping_tables,
    moderation_tables,
    notice_tables,
    patient_tables,
    staff_tables,
)
from adapters.sql.tables import metadata

__all__ = [
    "accounts_tables",
    "consultation_tables",
    "file_tables",
    "im_tables",
    "keeping_tables",
    "metadata",
    "moderation_tables",
    "notice_tables",
    "patient_tables",
    "staff_tables",
]
