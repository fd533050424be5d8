"""``core.clock_offset.TimeServers`` by NTP, through ntplib in threads: it blocks."""

import asyncio
import socket
from collections.abc import Sequence

import ntplib  # type: ignore[import-untyped]

from core import limits

_SERVER_MODE = 4
_UNSYNCHRONISED = 3
_STRATA = range(1, 16)


class NtpServers:
    """``servers`` are names or addresses, with a port behind a colon where it is not 123."""

    def __init__(self, servers: Sequence[str], *, reply_seconds: float = limits.CLOCK_REPLY_SECONDS) -> None:
        self._servers = tuple(servers)
        self._reply_seconds = reply_seconds

    async def offsets(self) -> Sequence[float]:
        asked = (asyncio.to_thread(self._ask, server) for server in self._servers)
        return [offset for offset in await asyncio.gather(*asked) if offset is not None]

    def _ask(self, server: str) -> float | None:
        host, _, port = server.partition(":")
        try:
            told = ntplib.NTPClient().request(
                host, version=4, port=int(port or 123), timeout=self._reply_seconds
            )
        except (ntplib.NTPException, OSError, socket.gaierror, ValueError):
            return None
        if not _is_worth_hearing(told):
            return None
        return float(told.offset)


def _is_worth_hearing(told: ntplib.NTPStats) -> bool:
    """A server's own answer, from a clock that is set, and not underway for too long (RFC 5905, 7.3)."""
    return (
        told.mode == _SERVER_MODE
        and told.leap != _UNSYNCHRONISED
        and told.stratum in _STRATA
        and 0 <= told.delay <= limits.CLOCK_DELAY_SECONDS
    )
