"""The simulated open platforms, and the hospital's ways to them; times are short and clocks can be turned."""

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from accounts.lent_credentials import CredentialStore
from adapters.alipay.gateway import AlipayGateway
from adapters.alipay.sign_in import AlipayMiniWay
from adapters.alipay.signed import AlipayKeys
from adapters.memory.lent_credentials import MemoryCredentials
from adapters.outgoing.exchange import Exchange
from adapters.wechat.application import AppKeys, WeChatApp
from adapters.wechat.sign_in import PageHosts, WeChatMiniWay, WeChatPageWay
from core.clock import ManualClock, SystemClock
from demo.platforms import OpenPlatforms, served
from tests.services.open_platforms import ALIPAY, MINI, SERVICE, Agreement, an_agreement

REPLY_SECONDS = 1.0


@dataclass
class Hospital:
    """The ways of one process, and the platforms that they reach."""

    platforms: OpenPlatforms
    port: int
    clock: ManualClock
    page: WeChatPageWay
    mini: WeChatMiniWay
    alipay: AlipayMiniWay
    gateway: AlipayGateway
    service: WeChatApp
    mini_app: WeChatApp
    another_process: Callable[[CredentialStore], WeChatApp]
    """The mini-program as another process knows it."""

    def calls(self, path: str) -> int:
        """How often the platforms were asked."""
        return self.platforms.faults.calls[path]

    def later(self, **by: float) -> None:
        """Let time pass on both sides."""
        self.clock.advance(timedelta(**by))


@pytest.fixture(scope="session")
def agreement(tmp_path_factory: pytest.TempPathFactory) -> Agreement:
    """One for all: making keys takes a while."""
    return an_agreement(tmp_path_factory.mktemp("agreed") / "agreed.json")


Open = Callable[..., contextlib.AbstractAsyncContextManager[Hospital]]


@pytest.fixture
def open_hospital(agreement: Agreement) -> Open:
    """Start platforms, and one process of a hospital beside them."""

    @contextlib.asynccontextmanager
    async def opened(store: CredentialStore | None = None) -> AsyncIterator[Hospital]:
        clock = ManualClock(SystemClock().now())
        platforms = OpenPlatforms(agreement.agreed, now=lambda: clock.now().timestamp())
        async with served(platforms) as port, contextlib.AsyncExitStack() as stack:
            base = f"http://127.0.0.1:{port}"
            shared = store or MemoryCredentials(clock)
            wechat = await stack.enter_async_context(
                Exchange("WeChat", base=base, reply_seconds=REPLY_SECONDS)
            )
            alipay = await stack.enter_async_context(
                Exchange("Alipay", base=base, reply_seconds=REPLY_SECONDS)
            )
            secrets = agreement.agreed.wechat.secrets
            service, mini = (
                WeChatApp(AppKeys(app, secrets[app]), exchange=wechat, store=shared, clock=clock)
                for app in (SERVICE, MINI)
            )
            stack.push_async_callback(service.close)
            stack.push_async_callback(mini.close)
            hosts = PageHosts(["127.0.0.1", "h5.hospital.example"])
            keys = AlipayKeys(ALIPAY, agreement.alipay_private, agreement.alipay_public)
            gateway = AlipayGateway(keys, exchange=alipay, path="/gateway.do", clock=clock)
            yield Hospital(
                platforms=platforms,
                port=port,
                clock=clock,
                page=WeChatPageWay(service, authorize_base=base, scope="snsapi_base", hosts=hosts),
                mini=WeChatMiniWay(mini),
                alipay=AlipayMiniWay(gateway),
                gateway=gateway,
                service=service,
                mini_app=mini,
                another_process=lambda shared: WeChatApp(
                    AppKeys(MINI, secrets[MINI]), exchange=wechat, store=shared, clock=clock
                ),
            )

    return opened


@pytest.fixture
async def hospital(open_hospital: Open) -> AsyncIterator[Hospital]:
    """One process, with its own memory."""
    async with open_hospital() as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a platform's files may be."""
    return tmp_path
