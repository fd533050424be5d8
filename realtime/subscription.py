"""One subscription of one client: who asked for it, and on what terms."""

import enum
from dataclasses import dataclass
from typing import Final


class By(enum.Enum):
    """Who asked for a subscription, and so how it can end: a client subscribes again, a server cannot."""

    CLIENT = "client"
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class Subscription:
    """The terms it stands on. Ordinary ones share ``ASKED`` and ``GIVEN``, so that they cost nothing."""

    by: By
    expires_at: float | None = None
    """Unix seconds; None = no end of its own."""
    by_token: bool = False
    """Whether the client brought a token for it, and so renews it by another one."""
    info: bytes = b""
    """JSON of that token that others see on the channel."""
    hears_joins: bool = False
    """Whether the client is told who comes and goes."""


ASKED: Final = Subscription(By.CLIENT)
GIVEN: Final = Subscription(By.SERVER)
