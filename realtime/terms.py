"""What is the same for every session of a server."""

from collections.abc import Callable
from dataclasses import dataclass

from core import limits
from core.clock import Clock
from realtime.channels import Channels
from realtime.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Terms:
    """The rules of the house, and where time, chance and identity come from.

    ``chance`` answers a number in [0, 1).
    """

    channels: Channels
    tokens: Tokens
    clock: Clock
    new_client_id: Callable[[], str]
    chance: Callable[[], float]
    version: str = ""
    connect_seconds: float = limits.REALTIME_CONNECT_SECONDS
    ping_seconds: float = limits.REALTIME_PING_SECONDS
    pong_seconds: float = limits.REALTIME_PONG_SECONDS
    expiry_grace_seconds: float = limits.REALTIME_EXPIRY_GRACE_SECONDS
    commands_per_second: float = limits.REALTIME_COMMANDS_PER_SECOND
    command_burst: float = limits.REALTIME_COMMAND_BURST
    channels_per_client: int = limits.REALTIME_CHANNELS_PER_CLIENT

    def __post_init__(self) -> None:
        if self.pong_seconds >= self.ping_seconds:
            raise ValueError("a pong must be due before the next ping")
