"""The service account beside sign-in: what WeChat tells us by itself, and pages that use its JS-SDK."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from core.refusals import BadInput, Forbidden, Kind, Refusal


class CallbackRefused(Forbidden):
    """Not from WeChat, not for this application, or not from now. One answer for every cause."""

    code = "wechat.callback_refused"


class CallbackUnreadable(Refusal):
    """It is signed, and still no message: not XML, with entities, or without what a message has."""

    code = "wechat.callback_unreadable"
    kind = Kind.BAD_INPUT


class PageNotAllowed(BadInput):
    """The page is not on one of the hospital's own hosts (``wechat.page_hosts``)."""

    code = "wechat.page_not_allowed"

    def __init__(self) -> None:
        super().__init__(field="$.url", why="not a page of this hospital")


class WeChatNotSetUp(Refusal):
    """The hospital has not connected its service account."""

    code = "wechat.not_set_up"
    kind = Kind.NOT_FOUND


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """Something that WeChat told us. ``openid`` is personal: never in a log."""

    app: str
    openid: str = field(repr=False)
    at: datetime
    number: str
    """WeChat's ``MsgId``; events have none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed(Heard):
    """关注: a person follows the service account, perhaps by scanning a code with a scene."""

    scene: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfollowed(Heard):
    """取消关注: no message reaches the person any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned(Heard):
    """扫码: a follower scanned a code with a scene."""

    scene: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoke(Heard):
    """Anything else: a message, a menu, a place. ``what`` is its kind; its content is not kept."""

    what: str


class Listener(Protocol):
    """A feature that wants to hear. Quick: all listeners together have ``CALLBACK_LISTENERS_SECONDS``."""

    async def hear(self, heard: Heard) -> None:
        """Take it in. What it raises is logged and not told to WeChat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """A request of WeChat's server as it came: what it asks about itself, and the body."""

    signature: str = ""
    message_signature: str = ""
    timestamp: str = ""
    nonce: str = ""
    echo: str = ""
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class PageSignature:
    """What ``wx.config`` needs."""

    app: str
    timestamp: int
    nonce: str
    signature: str


class ServiceAccount(Protocol):
    """What the edge needs of the hospital's service account."""

    async def page(self, url: str) -> PageSignature:
        """Sign a page for the JS-SDK. Raises ``PageNotAllowed``, ``ProviderAway``, ``ProviderLimited``."""

    def echo(self, called: Called) -> str:
        """Answer WeChat's question whether this server is ours. Raises ``CallbackRefused``."""

    async def take(self, called: Called) -> str:
        """Take a message in, once, and answer what WeChat wants to hear, in time.

        Raises ``CallbackRefused`` or ``CallbackUnreadable``; never because a listener failed.
        """
