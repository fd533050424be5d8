"""What travels about signing in: sessions and their tokens."""

from datetime import datetime
from typing import Annotated

import msgspec

from accounts.session import Session
from accounts.sessions import Opened, SocketToken

Secret = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]


class Refresh(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The refresh token that is good now; it is exchanged for the next one."""

    refresh_token: Secret


class SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    """What a device acts with: an access token until ``expires_at``, and what renews it.

    A refresh token is good once; keep the new one. The same one again within seconds gets the same answer.
    """

    user: str
    session: str
    access_token: str
    expires_at: datetime
    refresh_token: str
    is_new: bool
    """Whether the account was made by this sign-in."""

    @classmethod
    def of(cls, opened: Opened, *, is_new: bool = False) -> "SignedIn":
        """As it travels."""
        return cls(
            user=opened.session.user,
            session=opened.session.id,
            access_token=opened.access_token,
            expires_at=opened.expires_at,
            refresh_token=opened.refresh_token,
            is_new=is_new,
        )


class SessionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One device that is signed in. ``last_used_at`` moves when the device renews its tokens."""

    id: str
    device: str
    """System and program, for example ``iPhone · WeChat``; empty when unknown."""
    address: str
    """The address at sign-in (of IPv6 the network); empty for the server's own machine."""
    created_at: datetime
    last_used_at: datetime
    current: bool
    """Whether it is the one that asks."""

    @classmethod
    def of(cls, session: Session, *, current: str) -> "SessionRow":
        """As it travels."""
        return cls(
            id=session.id,
            device=session.device,
            address=session.address,
            created_at=session.created_at,
            last_used_at=session.last_used_at,
            current=session.id == current,
        )


class SessionList(msgspec.Struct, frozen=True):
    """The caller's devices, the oldest sign-in first."""

    sessions: list[SessionRow]


class EndAll(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``keep_this``: sign out everywhere else, and stay signed in here."""

    keep_this: bool = False


class SessionsEnded(msgspec.Struct, frozen=True):
    """How many sign-ins have ended. Their sockets close within a second."""

    ended: int


class RealtimeToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token to connect the socket with; ask again before ``expires_at`` (the SDKs' ``getToken``)."""

    token: str
    expires_at: datetime

    @classmethod
    def of(cls, token: SocketToken) -> "RealtimeToken":
        """As it travels."""
        return cls(token=token.token, expires_at=token.expires_at)
