"""WeChat, Alipay and SMS, as the settings connect them. Secrets are read here and go no further.

What needs wechatpy or python-alipay-sdk is imported where it is connected: together they take 20 MB and a
quarter of a second of each process's start.
"""

import asyncio
import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from accounts.lent_credentials import CredentialStore
from accounts.providers import PageWay, SignInWay, SmsSender, Ways
from accounts.wechat import Listener, ServiceAccount
from adapters.alipay.certificates import public_key_of, serial_of, serial_of_root
from adapters.memory.lent_credentials import MemoryCredentials
from adapters.memory.seen import MemorySeen
from adapters.outgoing.exchange import Exchange, Observe, split_address
from adapters.redis.places import BadBrokerUrl
from adapters.redis.shared import RedisCredentials, RedisSeen
from adapters.redis.topology import topology_at
from adapters.sms.gateway import GatewaySms
from adapters.sms.log_only import LogOnlySms
from adapters.wechat.answers import PROVIDER as WECHAT
from adapters.wechat.application import AppKeys, WeChatApp
from adapters.wechat.sign_in import PageHosts, WeChatMiniWay, WeChatPageWay
from conf.settings import Alipay, Settings
from core.clock import Clock
from core.seen import Seen
from server.outcomes import CannotStart

if TYPE_CHECKING:
    from adapters.alipay.gateway import AlipayGateway
    from adapters.alipay.signed import AlipayKeys
    from adapters.wechat.service_account import CallbackKeys

ALIPAY, SMS = "Alipay", "SMS"


@dataclass(frozen=True, slots=True)
class PlatformParts:
    """What is connected."""

    ways: Ways
    service_account: ServiceAccount | None
    lent: CredentialStore
    """Where processes share tokens that a provider lends."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What processes share, and who closes what is opened."""

    clock: Clock
    store: CredentialStore
    seen: Seen
    stack: contextlib.AsyncExitStack
    observe: Observe | None

    async def exchange(self, provider: str, base: str) -> Exchange:
        return await self.stack.enter_async_context(Exchange(provider, base=base, observe=self.observe))

    def app(self, keys: AppKeys, exchange: Exchange) -> WeChatApp:
        app = WeChatApp(keys, exchange=exchange, store=self.store, clock=self.clock)
        self.stack.push_async_callback(app.close)
        return app


async def open_platforms(
    settings: Settings,
    *,
    clock: Clock,
    stack: contextlib.AsyncExitStack,
    listeners: Sequence[Listener] = (),
    observe: Observe | None = None,
) -> PlatformParts:
    """Connect what the settings name. Nothing is asked of anybody yet. Raises ``CannotStart``."""
    shared = shared_by(settings, clock, stack, observe)
    page, account = await _service_account(settings, shared, listeners)
    ways = Ways(
        wechat_h5=page,
        wechat_mini=await _wechat_mini(settings, shared),
        alipay_mini=await _alipay_mini(settings, shared),
        sms=await _sms(settings, shared),
    )
    return PlatformParts(ways, account, shared.store)


def shared_by(
    settings: Settings, clock: Clock, stack: contextlib.AsyncExitStack, observe: Observe | None
) -> Shared:
    alone = MemorySeen(clock)
    urls = settings.broker.urls
    if urls == ("memory:",):
        return Shared(clock, MemoryCredentials(clock), alone, stack, observe)
    try:
        redis = topology_at(urls)
    except BadBrokerUrl as bad:
        raise CannotStart(f"broker.url: {bad}") from None
    stack.push_async_callback(redis.close)
    store, seen = RedisCredentials(redis, clock=clock), RedisSeen(redis, alone=alone)
    return Shared(clock, store, seen, stack, observe)


async def _service_account(
    settings: Settings, shared: Shared, listeners: Sequence[Listener]
) -> tuple[PageWay | None, ServiceAccount | None]:
    wechat = settings.wechat
    if not wechat.app:
        return None, None
    from adapters.wechat.service_account import WeChatServiceAccount

    keys = AppKeys(wechat.app, await secret("wechat.secret_file", wechat.secret_file))
    app = shared.app(keys, await shared.exchange(WECHAT, wechat.api))
    hosts = PageHosts(wechat.page_hosts)
    page = WeChatPageWay(app, authorize_base=wechat.pages, scope=wechat.scope, hosts=hosts)
    account = WeChatServiceAccount(
        app,
        keys=await _callback_keys(settings),
        hosts=hosts,
        seen=shared.seen,
        listeners=listeners,
        clock=shared.clock,
        random=os.urandom,
    )
    return page, account


async def _callback_keys(settings: Settings) -> "CallbackKeys | None":
    wechat = settings.wechat
    if not wechat.token_file:
        return None
    from adapters.wechat.messages import Envelope
    from adapters.wechat.service_account import CallbackKeys

    token = await secret("wechat.token_file", wechat.token_file)
    if not wechat.aes_key_file:
        return CallbackKeys(token)
    encoding_key = await secret("wechat.aes_key_file", wechat.aes_key_file)
    try:
        return CallbackKeys(token, Envelope.of(app=wechat.app, token=token, encoding_key=encoding_key))
    except ValueError as bad:
        raise CannotStart(f"wechat.aes_key_file: {bad}") from None


async def _wechat_mini(settings: Settings, shared: Shared) -> SignInWay | None:
    mini = settings.wechat_mini
    if not mini.app:
        return None
    keys = AppKeys(mini.app, await secret("wechat_mini.secret_file", mini.secret_file))
    return WeChatMiniWay(shared.app(keys, await shared.exchange(WECHAT, settings.wechat.api)))


async def _alipay_mini(settings: Settings, shared: Shared) -> SignInWay | None:
    alipay = settings.alipay
    if not alipay.app:
        return None
    from adapters.alipay.sign_in import AlipayMiniWay

    return AlipayMiniWay(await alipay_gateway(settings, shared))


async def alipay_gateway(settings: Settings, shared: Shared) -> "AlipayGateway":
    """The gateway for the hospital's application. Raises ``CannotStart``."""
    from adapters.alipay.gateway import AlipayGateway

    base, path = split_address(settings.alipay.gateway)
    try:
        keys = await alipay_keys(settings.alipay)
        exchange = await shared.exchange(ALIPAY, base)
        return AlipayGateway(keys, exchange=exchange, path=path, clock=shared.clock)
    except (ValueError, IndexError, TypeError) as bad:
        raise CannotStart(f"alipay: a key or certificate cannot be used ({type(bad).__name__})") from None


async def alipay_keys(alipay: Alipay) -> "AlipayKeys":
    """The keys of key mode, or of certificate mode. Raises ``CannotStart``, ``ValueError``."""
    from adapters.alipay.signed import AlipayKeys

    private = await secret("alipay.private_key_file", alipay.private_key_file)
    if not alipay.app_certificate_file:
        public = await secret("alipay.public_key_file", alipay.public_key_file)
        return AlipayKeys(alipay.app, private, public)
    names = ("app_certificate_file", "alipay_certificate_file", "root_certificate_file")
    own, theirs, root = [(await secret(f"alipay.{name}", getattr(alipay, name))).encode() for name in names]
    public = public_key_of(theirs).decode()
    return AlipayKeys(alipay.app, private, public, serial_of(own), serial_of_root(root), serial_of(theirs))


async def _sms(settings: Settings, shared: Shared) -> SmsSender | None:
    sms = settings.sms
    if sms.sender == "none":
        return None
    if sms.sender == "log":
        return LogOnlySms()
    base, path = split_address(sms.gateway)
    bearer = await secret("sms.secret_file", sms.secret_file) if sms.secret_file else ""
    return GatewaySms(await shared.exchange(SMS, base), path=path, secret=bearer)


async def secret(key: str, file: str) -> str:
    """What a file holds, without the line end. Raises ``CannotStart`` that names the key."""
    try:
        text = (await asyncio.to_thread(Path(file).read_text, "utf-8")).strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not text"
        raise CannotStart(f"{key}: cannot be read ({why})") from None
    if not text:
        raise CannotStart(f"{key}: the file is empty")
    return text
