"""What travels about signing in, sessions and one's own account."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from accounts.session import Session
from accounts.sessions import Opened, SocketToken
from accounts.user import Identity, User

Secret = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
Code = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
Phone = Annotated[str, msgspec.Meta(min_length=1, max_length=32)]
State = Annotated[str, msgspec.Meta(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9]+$")]
Page = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
Way = Literal["wechat_h5", "wechat_mini", "alipay_mini", "sms"]


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


class WayIn(msgspec.Struct, frozen=True):
    """A way to sign in, and whether this hospital has connected it."""

    kind: Way
    enabled: bool


class WaysIn(msgspec.Struct, frozen=True):
    """The ways to sign in."""

    ways: list[WayIn]


class StartPage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The hospital's own page that WeChat sends the browser back to."""

    return_to: Page


class PageStarted(msgspec.Struct, frozen=True, kw_only=True):
    """Where to send the browser. It comes back with a code and this ``state``; only the same browser can."""

    address: str
    state: str


class ByPage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What came back with the browser."""

    code: Code
    state: State


class ByWechatMini(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``wx.login``'s code, and perhaps that of the telephone button."""

    code: Code
    phone_code: Code | None = None


class ByAlipayMini(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``my.getAuthCode``'s code."""

    code: Code


class AskSms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The telephone to send a code to; one without a country is a Chinese mobile."""

    phone: Phone


class SmsSent(msgspec.Struct, frozen=True, kw_only=True):
    """A code is on its way, whoever has the telephone."""

    again_after_seconds: int


class BySms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The telephone and the six digits it received."""

    phone: Phone
    code: Code


class IdentityRow(msgspec.Struct, frozen=True, kw_only=True):
    """One way in to the account, masked."""

    id: str
    kind: Way
    masked: str
    linked_at: datetime

    @classmethod
    def of(cls, identity: Identity) -> "IdentityRow":
        """As it travels."""
        kind: Way = identity.proof.kind.value  # type: ignore[assignment]
        return cls(id=identity.id, kind=kind, masked=identity.masked, linked_at=identity.linked_at)


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """The caller's account."""

    user: str
    created_at: datetime
    identities: list[IdentityRow]

    @classmethod
    def of(cls, user: User) -> "Me":
        """As it travels."""
        ways = [IdentityRow.of(one) for one in user.ways]
        return cls(user=user.id, created_at=user.created_at, identities=ways)


class LinkWay(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One more way in: what signing in by that way would bring."""

    way: Way
    code: Code
    phone: Phone | None = None
    state: State | None = None


class Linked(msgspec.Struct, frozen=True, kw_only=True):
    """The ways in afterwards, and whether another account was merged into this one."""

    identities: list[IdentityRow]
    merged: bool


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """All that is kept about the caller; besides these, one key for each part of the platform."""

    exported_at: datetime
    account: dict[str, Any]
    sessions: list[dict[str, Any]]
    merged: list[dict[str, Any]]
    """What stayed under the ids of accounts that were merged into this one."""


class Close(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``confirm`` must be true. A telephone of the account and its code, where the sign-in is not fresh."""

    confirm: bool
    phone: Phone | None = None
    code: Code | None = None


class Closed(msgspec.Struct, frozen=True):
    """The account is closed."""

    closed: bool = True
