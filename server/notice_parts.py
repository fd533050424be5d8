"""Notices put together: which applications carry what, who adds notices, and the worker that sends them."""

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import time, timedelta

from adapters.sql.unit import SqlUnits
from adapters.wechat.answers import PROVIDER as WECHAT
from adapters.wechat.application import AppKeys
from adapters.wechat.notices import WeChatCourier
from conf.settings import NoticeKind, Notices, NoticeTemplate, Settings
from core import limits
from core.clock import Clock
from im.noticing import Noticing
from notices.adding import Telling
from notices.agreeing import Agreeing
from notices.notice import Channel, Kind, Night
from notices.sending import Sending, Told
from notices.store import Courier
from notices.words import Form
from queue_display.following import TicketFollowing
from server.platforms_parts import Shared, alipay_gateway, secret, shared_by


@dataclass(frozen=True, slots=True)
class NoticeParts:
    """``handlers.deps.Notices``."""

    agreeing: Agreeing
    following: TicketFollowing


def telling(settings: Settings) -> Telling:
    """Who adds notices."""
    said = settings.notices
    night = Night(time.fromisoformat(said.night_begin), time.fromisoformat(said.night_end))
    return Telling(random=os.urandom, night=night)


def notice_parts(*, settings: Settings, units: SqlUnits, clock: Clock) -> NoticeParts:
    """What a web process needs of notices."""
    offered = {
        channel: {kind: form.template for kind, form in forms.items()}
        for channel, forms in forms_of(settings.notices).items()
    }
    return NoticeParts(
        agreeing=Agreeing(units=units, offered=offered),
        following=TicketFollowing(units=units, clock=clock, telling=telling(settings)),
    )


def forms_of(notices: Notices) -> dict[Channel, dict[Kind, Form]]:
    """The templates of each application that has any."""

    def read(given: Mapping[NoticeKind, NoticeTemplate]) -> dict[Kind, Form]:
        return {Kind(kind): Form(each.template, each.fields) for kind, each in given.items()}

    found = {
        Channel.WECHAT_MINI: read(notices.wechat_mini),
        Channel.WECHAT_PAGE: read(notices.wechat_page),
        Channel.ALIPAY_MINI: read(notices.alipay_mini),
    }
    return {channel: forms for channel, forms in found.items() if forms}


async def open_couriers(
    settings: Settings, *, clock: Clock, stack: contextlib.AsyncExitStack
) -> dict[Channel, Courier]:
    """The applications that carry notices. Nothing is asked of anybody yet. Raises ``CannotStart``."""
    forms = forms_of(settings.notices)
    couriers: dict[Channel, Courier] = {}
    if not forms:
        return couriers
    shared = shared_by(settings, clock, stack, None)
    if mini := forms.get(Channel.WECHAT_MINI):
        keys = AppKeys(
            settings.wechat_mini.app,
            await secret("wechat_mini.secret_file", settings.wechat_mini.secret_file),
        )
        couriers[Channel.WECHAT_MINI] = await _wechat(settings, shared, keys, mini)
    if page := forms.get(Channel.WECHAT_PAGE):
        keys = AppKeys(settings.wechat.app, await secret("wechat.secret_file", settings.wechat.secret_file))
        pages = f"https://{settings.wechat.page_hosts[0]}"
        couriers[Channel.WECHAT_PAGE] = await _wechat(settings, shared, keys, page, pages=pages)
    if alipay := forms.get(Channel.ALIPAY_MINI):
        from adapters.alipay.notices import AlipayCourier

        gateway = await alipay_gateway(settings, shared)
        couriers[Channel.ALIPAY_MINI] = AlipayCourier(gateway, forms=alipay, clock=clock)
    return couriers


async def _wechat(
    settings: Settings, shared: Shared, keys: AppKeys, forms: Mapping[Kind, Form], *, pages: str = ""
) -> WeChatCourier:
    app = shared.app(keys, await shared.exchange(WECHAT, settings.wechat.api))
    return WeChatCourier(app, forms=forms, clock=shared.clock, pages=pages)


def notice_work(
    settings: Settings, units: SqlUnits, clock: Clock, *, told: Told
) -> Callable[[], Awaitable[None]]:
    """The worker's loop: who is to be told, and telling them. Raises ``CannotStart``."""

    async def run() -> None:
        async with contextlib.AsyncExitStack() as stack:
            couriers = await open_couriers(settings, clock=clock, stack=stack)
            adding = telling(settings)
            noticing = Noticing(units=units, clock=clock, telling=adding)
            following = TicketFollowing(units=units, clock=clock, telling=adding)
            sending = Sending(units=units, clock=clock, couriers=couriers, told=told)
            while True:
                looked = await noticing.sweep()
                await following.sweep()
                sent = await sending.sweep()
                if max(looked, sent) < limits.NOTICES_AT_ONCE:
                    await asyncio.sleep(limits.NOTICE_SWEEP_SECONDS)

    return run


def notice_forgetting(units: SqlUnits, clock: Clock) -> Callable[[], Awaitable[None]]:
    """What the worker forgets of notices: those that were over long ago."""

    async def forget() -> None:
        async with units.begin() as unit:
            unit.notices.forget(before=clock.now() - timedelta(days=limits.NOTICE_KEPT_DAYS))
            await unit.commit()

    return forget
