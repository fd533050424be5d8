"""Who vouches for a person: WeChat, Alipay, or a phone that received a code. Ports, and how each says no.

A *way* turns a proof that can be used once (a code from the phone) into an identity: which application saw
which subject. It makes no account and keeps nothing; ``accounts/`` decides whose identity that is.

    Refusal
    ├── CodeRefused          403  the code proves nothing; the person begins again
    │   ├── CodeUsed              it was good once
    │   ├── CodeExpired           it came too late
    │   ├── CodeOfAnotherApp      made for another application (another hospital's mini-program)
    │   └── SnapshotPage          WeChat showed a snapshot of the page, and its visitor is nobody
    ├── ProviderAway         503  no answer, a half one or a forged one; nothing was done, try again later
    ├── ProviderLimited      429  today's quota of the hospital's account is used up (WeChat 45009)
    ├── WayNotSetUp          404  this hospital does not offer that way
    └── ReturnNotAllowed     422  the page to come back to is none of the hospital's
"""

import enum
import re
from dataclasses import dataclass, field
from typing import Final, Protocol

from core import limits
from core.refusals import BadInput, Kind, NotFound, Refusal, Unavailable

_CODE: Final = re.compile(r"[\x21-\x7e]+")


class WayKind(enum.StrEnum):
    """The ways to sign in. Closed set; the names travel and are stored."""

    WECHAT_H5 = "wechat_h5"
    """The service account's page authorisation (OAuth 2)."""
    WECHAT_MINI = "wechat_mini"
    ALIPAY_MINI = "alipay_mini"
    SMS = "sms"


@dataclass(frozen=True, slots=True)
class Identified:
    """What a provider vouches for. Personal: never in a log, a URL or an exception."""

    kind: WayKind
    app: str
    """Whose subject: the application's id (``wx…``); empty for SMS."""
    subject: str = field(repr=False)
    """Openid, Alipay open id or user id, or the phone in E.164 (``+8613800000000``)."""
    union: str = field(default="", repr=False)
    """WeChat's unionid: the same person in every application of one open-platform account. Often absent."""
    phone: str = field(default="", repr=False)
    """E.164, when the provider itself checked it."""


class CodeRefused(Refusal):
    """The code is none of the provider's, or proves nothing here."""

    code = "accounts.code_refused"
    kind = Kind.FORBIDDEN


class CodeUsed(CodeRefused):
    """The code was good once and has been used."""

    code = "accounts.code_used"


class CodeExpired(CodeRefused):
    """The code came after its time."""

    code = "accounts.code_expired"


class CodeOfAnotherApp(CodeRefused):
    """The code was made for another application than the one this hospital configured."""

    code = "accounts.code_of_another_app"


class SnapshotPage(CodeRefused):
    """WeChat opened the page as a snapshot (快照页), whose openid is invented; the person opens it fully."""

    code = "accounts.snapshot_page"


class ProviderAway(Unavailable):
    """The provider does not answer, or not so that it can be believed; nothing was done.

    ``why`` is one of a closed set of words (``timeout``, ``busy``, ``half_answer``, ``bad_signature`` …).
    """

    code = "accounts.provider_away"

    def __init__(self, *, provider: str, why: str) -> None:
        super().__init__(provider=provider, why=why)


class ProviderMisconfigured(ProviderAway):
    """The provider refuses the hospital's own credentials; only the administrator can mend that."""

    code = "accounts.provider_misconfigured"


class ProviderLimited(Refusal):
    """The provider's quota for the hospital's account is used up, for a minute or until midnight."""

    code = "accounts.provider_limited"
    kind = Kind.TOO_MANY

    def __init__(self, *, provider: str) -> None:
        super().__init__(provider=provider)


class WayNotSetUp(NotFound):
    """The hospital has not connected this way."""

    code = "accounts.way_not_set_up"

    def __init__(self, *, way: WayKind) -> None:
        super().__init__(way=way.value)


class ReturnNotAllowed(BadInput):
    """The page is not on one of the hospital's own hosts (``wechat.page_hosts``)."""

    code = "accounts.return_not_allowed"

    def __init__(self, *, field: str = "$.return_to") -> None:
        super().__init__(field=field, why="not a page of this hospital")


def judged(code: str) -> str:
    """A code that a provider may be asked about. Raises ``CodeRefused`` for one that can be nobody's."""
    if len(code) > limits.PROVIDER_CODE_CHARACTERS or not _CODE.fullmatch(code):
        raise CodeRefused()
    return code


class SignInWay(Protocol):
    """One way of WeChat or Alipay. Safe to call from many requests at once; nothing is kept between calls."""

    @property
    def kind(self) -> WayKind:
        """Which way this is."""

    @property
    def app(self) -> str:
        """The application's id, as in ``Identified.app``."""

    async def identify(self, code: str, *, phone_code: str = "") -> Identified:
        """Exchange a code for who it is; also the phone, if ``phone_code`` is given and the way knows phones.

        A code works once. Raises ``CodeRefused``, ``ProviderAway``, ``ProviderLimited``.
        """


class PageWay(SignInWay, Protocol):
    """A way that leads a browser away and back: the service account's page authorisation."""

    def start(self, *, return_to: str, state: str) -> str:
        """Where to send the browser; it comes back to ``return_to?code=…&state=…``.

        ``state`` is the caller's (1 to 128 of ``A-Z a-z 0-9``) and is compared by the caller when the browser
        returns. Raises ``ReturnNotAllowed``.
        """


class SmsSender(Protocol):
    """Delivers sign-in codes. Making, keeping and comparing them is the caller's."""

    async def send(self, *, phone: str, code: str) -> None:
        """Send ``code`` to ``phone`` (E.164). Raises ``ProviderAway`` or ``ProviderLimited``."""


@dataclass(frozen=True, slots=True)
class Ways:
    """What this hospital has connected."""

    wechat_h5: PageWay | None = None
    wechat_mini: SignInWay | None = None
    alipay_mini: SignInWay | None = None
    sms: SmsSender | None = None

    def enabled(self) -> frozenset[WayKind]:
        """The ways that can be used."""
        return frozenset(kind for kind in WayKind if getattr(self, kind.value) is not None)

    def way(self, kind: WayKind) -> SignInWay:
        """A way that takes codes of a provider. Raises ``WayNotSetUp``, also for SMS."""
        found = {
            WayKind.WECHAT_H5: self.wechat_h5,
            WayKind.WECHAT_MINI: self.wechat_mini,
            WayKind.ALIPAY_MINI: self.alipay_mini,
        }.get(kind)
        if found is None:
            raise WayNotSetUp(way=kind)
        return found

    def page(self) -> PageWay:
        """The way that begins with a page. Raises ``WayNotSetUp``."""
        if self.wechat_h5 is None:
            raise WayNotSetUp(way=WayKind.WECHAT_H5)
        return self.wechat_h5

    def sender(self) -> SmsSender:
        """Who sends codes. Raises ``WayNotSetUp``."""
        if self.sms is None:
            raise WayNotSetUp(way=WayKind.SMS)
        return self.sms
