"""Messaging put together: what conversations need of the database, the broker and the clock."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from adapters.memory.quotas import MemoryQuotas
from adapters.sql.unit import SqlUnits
from conf.settings import Settings
from core import limits
from core.clock import Clock
from core.quota import Allowance, Wish
from im.gathering import Gathering
from im.messaging import Attachments, Manners, Messaging, Reviews
from im.news import News
from im.posting import channel_of
from im.reading import Reading
from im.searching import Searching
from im.wording import Wording
from realtime.broker import Broker, BrokerUnavailable


@dataclass(frozen=True, slots=True)
class ImParts:
    """``handlers.deps.Im``."""

    messaging: Messaging
    reading: Reading
    gathering: Gathering
    news: News
    searching: Searching


def im_parts(
    *,
    settings: Settings,
    units: SqlUnits,
    clock: Clock,
    broker: Broker,
    attachments: Attachments,
    wording: Wording,
    reviews: Reviews,
) -> ImParts:
    """What a web process needs of messaging."""
    counted = MemoryQuotas(clock)
    allowed = Allowance(limits.IM_TYPING_AT_ONCE, 1 / limits.IM_TYPING_SECONDS)

    async def whisper(users: Sequence[str], data: bytes) -> None:
        try:
            for user in users:
                await broker.publish(channel_of(user), data, keep=None)
        except BrokerUnavailable:
            # Kept nowhere, missed by nobody.
            return

    async def present(users: Sequence[str]) -> Sequence[str]:
        try:
            return [user for user in users if (await broker.presence_stats(channel_of(user))).clients]
        except BrokerUnavailable:
            return []

    def may_type(name: str) -> bool:
        return not counted.take_now([Wish(f"typing|{name}", allowed)])

    return ImParts(
        messaging=Messaging(
            units=units,
            clock=clock,
            random=os.urandom,
            whisper=whisper,
            present=present,
            may_type=may_type,
            manners=Manners(recall_within=timedelta(seconds=settings.im.recall_seconds)),
            attachments=attachments,
            wording=wording,
            reviews=reviews,
        ),
        reading=Reading(units=units),
        gathering=Gathering(units=units, clock=clock, random=os.urandom),
        news=News(units=units, clock=clock, random=os.urandom, wording=wording, reviews=reviews),
        searching=Searching(units=units),
    )
