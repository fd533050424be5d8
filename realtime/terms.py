"""What is the same for every session of a server."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from core import limits
from core.actor import Actor
from core.clock import Clock
from realtime.channels import Channels
from realtime.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Asking:
    """Who calls a method, and from which address (text; empty where that is not known)."""

    actor: Actor
    address: str = ""


Method = Callable[[Asking, bytes], Awaitable[bytes]]
"""What an ``rpc`` runs: who asks and the raw JSON they sent (empty = none) to the raw JSON of the answer.

Raises ``Refusal`` to say no (``codes.application_error``). It has ``REALTIME_RPC_SECONDS``, and is cancelled
when they are over or the client leaves: whatever it changes, the same call sent again must not change it
twice. One connection has one call at a time, in the order it sent them.
"""


@dataclass(frozen=True, slots=True)
class Terms:
    """The rules of the house, and where time, chance and identity come from.

    ``chance`` answers a number in [0, 1). ``rpc`` are the application's methods by name.
    """

    channels: Channels
    tokens: Tokens
    clock: Clock
    new_client_id: Callable[[], str]
    chance: Callable[[], float]
    version: str = ""
    rpc: Mapping[str, Method] = field(default_factory=dict)
    connect_seconds: float = limits.REALTIME_CONNECT_SECONDS
    ping_seconds: float = limits.REALTIME_PING_SECONDS
    pong_seconds: float = limits.REALTIME_PONG_SECONDS
    expiry_grace_seconds: float = limits.REALTIME_EXPIRY_GRACE_SECONDS
    commands_per_second: float = limits.REALTIME_COMMANDS_PER_SECOND
    command_burst: float = limits.REALTIME_COMMAND_BURST
    channels_per_client: int = limits.REALTIME_CHANNELS_PER_CLIENT
    given_channels_per_client: int = limits.REALTIME_GIVEN_CHANNELS_PER_CLIENT

    def __post_init__(self) -> None:
        if self.pong_seconds >= self.ping_seconds:
            raise ValueError("a pong must be due before the next ping")
