"""Personal data at rest, as stores need it: sealed texts, and indexes that find them without reading them."""

from typing import Protocol


class SealBroken(Exception):
    """A sealed value was altered, moved to another row or column, or its key is not here. Never holds it."""


class Sealing(Protocol):
    """Seals single fields. Each is bound to its place: moved to another row, it does not open."""

    def seal(self, text: str, *, table: str, column: str, row: str) -> bytes:
        """The text as it is stored; another result each time."""

    def open(self, sealed: bytes, *, table: str, column: str, row: str) -> str:
        """The text behind it. Raises ``SealBroken``."""

    def blind(self, value: str, *, table: str, column: str) -> bytes:
        """16 bytes by which an equal value is found again. The caller brings values to one form first."""


class NoKeys:
    """The ``Sealing`` of a composition that has no keys: whoever needs one finds out at once."""

    def seal(self, text: str, *, table: str, column: str, row: str) -> bytes:
        raise RuntimeError(f"no keys were given, and {table}.{column} is sealed")

    def open(self, sealed: bytes, *, table: str, column: str, row: str) -> str:
        raise RuntimeError(f"no keys were given, and {table}.{column} is sealed")

    def blind(self, value: str, *, table: str, column: str) -> bytes:
        raise RuntimeError(f"no keys were given, and {table}.{column} is sealed")
