"""Ways of signing in for tests of what stands on them: codes and phones are made by hand."""

from dataclasses import dataclass, field

from accounts.providers import (
    CodeRefused,
    CodeUsed,
    Identified,
    ReturnNotAllowed,
    WayKind,
    Ways,
)
from core.refusals import Refusal


@dataclass
class FakeWay:
    """Knows the codes it was told of; each works once. ``trouble`` is raised instead, while it is set."""

    kind: WayKind
    app: str = "wx-test"
    trouble: Refusal | None = None
    used: set[str] = field(default_factory=set)
    codes: dict[str, Identified] = field(default_factory=dict)
    phones: dict[str, str] = field(default_factory=dict)

    def knows(self, code: str, subject: str, *, union: str = "", phone: str = "") -> str:
        """Let ``code`` stand for a subject; answers the code."""
        self.codes[code] = Identified(self.kind, self.app, subject, union, phone)
        return code

    def start(self, *, return_to: str, state: str) -> str:
        if not return_to.startswith("https://hospital.example/"):
            raise ReturnNotAllowed()
        return f"https://open.example/authorize?state={state}"

    async def identify(self, code: str, *, phone_code: str = "") -> Identified:
        if self.trouble is not None:
            raise self.trouble
        if code in self.used:
            raise CodeUsed()
        if code not in self.codes:
            raise CodeRefused()
        self.used.add(code)
        who = self.codes[code]
        phone = self.phones[phone_code] if phone_code else who.phone
        return Identified(who.kind, who.app, who.subject, who.union, phone)


@dataclass
class FakeSms:
    """Keeps what would have been sent."""

    sent: list[tuple[str, str]] = field(default_factory=list)
    trouble: Refusal | None = None

    async def send(self, *, phone: str, code: str) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.sent.append((phone, code))

    def last(self, phone: str) -> str:
        """The newest code of a phone."""
        return next(code for to, code in reversed(self.sent) if to == phone)


@dataclass
class FakeWays:
    """Every way, all fakes."""

    wechat_h5: FakeWay = field(default_factory=lambda: FakeWay(WayKind.WECHAT_H5, "wx-service"))
    wechat_mini: FakeWay = field(default_factory=lambda: FakeWay(WayKind.WECHAT_MINI, "wx-mini"))
    alipay_mini: FakeWay = field(default_factory=lambda: FakeWay(WayKind.ALIPAY_MINI, "2021000000000000"))
    sms: FakeSms = field(default_factory=FakeSms)

    @property
    def ways(self) -> Ways:
        """The same, as the platform is given them."""
        return Ways(self.wechat_h5, self.wechat_mini, self.alipay_mini, self.sms)
