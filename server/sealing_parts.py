"""Composition of sealed fields: from settings to the keys that stores seal with."""

from pathlib import Path

from adapters.crypto.fields import FieldSealing
from adapters.crypto.key_files import KeyFiles, KeysMissing
from adapters.crypto.suites import Suite
from conf.settings import Keys
from core.clock import Clock
from server.outcomes import CannotStart


def key_files(keys: Keys) -> KeyFiles:
    """Where the settings say that keys of fields lie."""
    return KeyFiles(ring=Path(keys.fields), master=Path(keys.fields_master))


def suite_of(keys: Keys) -> Suite:
    """What a new key is for."""
    return Suite[keys.suite.upper()]


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
