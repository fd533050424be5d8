"""``run.py check``: which ways to sign in are connected, and whether the other side accepts us."""

import asyncio
import contextlib
import stat
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from accounts.providers import CodeRefused, ProviderMisconfigured, WayKind, Ways
from adapters.memory.lent_credentials import MemoryCredentials
from adapters.outgoing.exchange import Exchange
from adapters.wechat.answers import PROVIDER as WECHAT
from adapters.wechat.application import AppKeys, WeChatApp
from conf.settings import Settings
from core.clock import SystemClock
from core.refusals import Refusal
from server.platforms_parts import open_platforms, secret

Told = tuple[bool, str, str]
"""Well or not, what was found, what to do."""

_NO_CODE = "0"
"""No provider gives such a code; that it says so shows that it has accepted everything else."""


async def judge_ways(settings: Settings) -> Told:
    """Ask every connected provider something harmless. Raises ``CannotStart`` for a secret that is none."""
    async with contextlib.AsyncExitStack() as stack:
        parts = await open_platforms(settings, clock=SystemClock(), stack=stack)
        asked: dict[str, Callable[[], Awaitable[str]]] = dict(_asked(settings, parts.ways))
        said = dict(zip(asked, await asyncio.gather(*(_heard(ask) for ask in asked.values())), strict=True))
    if not said:
        return True, "no way to sign in is connected", ""
    exposed = await asyncio.to_thread(lambda: [key for key, file in _secrets(settings) if _readable(file)])
    if exposed:
        return False, f"others can read {', '.join(exposed)}", "chmod 600"
    bad = {name: why for name, why in said.items() if why}
    if bad:
        told = ", ".join(f"{name}: {why}" for name, why in bad.items())
        mend = "app id, secret and address list" if "misconfigured" in told else "is the internet reachable?"
        return False, told, mend
    return True, ", ".join(said), ""


def _asked(settings: Settings, ways: Ways) -> Iterable[tuple[str, Callable[[], Awaitable[str]]]]:
    if settings.wechat.app:
        yield WayKind.WECHAT_H5.value, lambda: _token(settings, settings.wechat.app, "wechat")
    if settings.wechat_mini.app:
        yield WayKind.WECHAT_MINI.value, lambda: _token(settings, settings.wechat_mini.app, "wechat_mini")
    alipay = ways.alipay_mini
    if alipay is not None:
        yield WayKind.ALIPAY_MINI.value, lambda: _no_code(alipay.identify(_NO_CODE))
    if ways.sms is not None:
        yield WayKind.SMS.value, _nothing


async def _token(settings: Settings, app: str, section: str) -> str:
    """WeChat gives a token only to who comes from a listed address with the right secret."""
    clock = SystemClock()
    keys = AppKeys(app, await secret(f"{section}.secret_file", getattr(settings, section).secret_file))
    async with Exchange(WECHAT, base=settings.wechat.api) as exchange:
        asking = WeChatApp(keys, exchange=exchange, store=MemoryCredentials(clock), clock=clock)
        try:
            await asking.access_token()
        finally:
            await asking.close()
    return ""


async def _no_code(asking: Awaitable[object]) -> str:
    with contextlib.suppress(CodeRefused):
        await asking
    return ""


async def _nothing() -> str:
    """Nobody is sent a message for a check."""
    return ""


async def _heard(ask: Callable[[], Awaitable[str]]) -> str:
    try:
        return await ask()
    except ProviderMisconfigured as refusal:
        return f"misconfigured ({refusal.facts['why']})"
    except Refusal as refusal:
        return str(refusal.facts.get("why", refusal.code))


def _secrets(settings: Settings) -> Iterable[tuple[str, str]]:
    if settings.wechat.app:
        for name in ("secret_file", "token_file", "aes_key_file"):
            yield f"wechat.{name}", getattr(settings.wechat, name)
    if settings.wechat_mini.app:
        yield "wechat_mini.secret_file", settings.wechat_mini.secret_file
    if settings.alipay.app:
        yield "alipay.private_key_file", settings.alipay.private_key_file
    yield "sms.secret_file", settings.sms.secret_file


def _readable(file: str) -> bool:
    """Whether others than user and group may read the file."""
    return bool(file) and bool(Path(file).stat().st_mode & stat.S_IROTH)
