"""Composition of sealed fields: from settings to the keys that stores seal with."""

import asyncio
from pathlib import Path

from adapters.crypto.fields import FieldSealing
from adapters.crypto.key_files import KeyFiles, KeysMissing
from adapters.crypto.suites import Suite
from adapters.sql.resealing import first_sealed
from adapters.sql.schema import metadata
from adapters.sql.sealed import sealed_columns
from adapters.sql.transaction import Database
from conf.settings import Keys
from core.clock import Clock
from core.refusals import StorageUnavailable
from server.outcomes import CannotStart


def key_files(keys: Keys) -> KeyFiles:
    """Where the settings say that keys of fields lie."""
    return KeyFiles(ring=Path(keys.fields), master=Path(keys.fields_master))


def suite_of(keys: Keys) -> Suite:
    """What a new key is for."""
    return Suite[keys.suite.upper()]


async def sealing_for(database: Database, keys: Keys, clock: Clock) -> FieldSealing:
    """The keys of this process, for this database: made at first start, never beside values of lost keys.

    Raises ``CannotStart`` as ``field_sealing`` does, and when both files are gone and something is sealed.
    """
    if key_files(keys).are_not_made:
        try:
            where = await first_sealed(database, sealed_columns(metadata))
        except StorageUnavailable as away:
            raise CannotStart(
                f"storage.url: the database does not answer ({away.facts.get('why')})"
            ) from away
        if where is not None:
            raise CannotStart(
                f"keys.fields: neither {Path(keys.fields).name} nor {Path(keys.fields_master).name} is there,"
                f" and {where} holds values that they sealed: bring both back from their backups"
            )
    return await asyncio.to_thread(field_sealing, keys, clock)


def field_sealing(keys: Keys, clock: Clock) -> FieldSealing:
    """The keys of this process, made at first start. Reads files: call it in a thread.

    Raises ``CannotStart`` when a file is missing or does not fit the other.
    """
    try:
        return FieldSealing(key_files(keys), suite=suite_of(keys), clock=clock)
    except KeysMissing as missing:
        raise CannotStart(f"keys.fields: {missing}") from None
    except OSError as error:
        raise CannotStart(f"keys.fields: cannot be made ({error.strerror})") from None
