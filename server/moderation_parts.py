"""Moderation put together: the list that every process judges by, and the queue of reviews."""

import asyncio
import os
from dataclasses import dataclass

import structlog

from adapters.sql.unit import SqlUnits
from conf.word_list import read_word_list
from core import limits
from core.clock import Clock
from core.refusals import StorageUnavailable
from im.moderating import Moderating, QueuedReviews
from im.word_list import CurrentWords

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ModerationParts:
    """What messaging, consultations and the back office need of it."""

    words: CurrentWords
    reviews: QueuedReviews
    moderating: Moderating

    async def watch(self) -> None:
        """Judge by the list as it is in the database, until cancelled."""
        while True:
            try:
                await self.moderating.reload()
            except StorageUnavailable:
                log.warning("words.not_read")
            await asyncio.sleep(limits.WORDS_LOOK_SECONDS)


def moderation_parts(*, units: SqlUnits, clock: Clock) -> ModerationParts:
    """What a web process needs of moderation. The shipped list is judged by from the first message on."""
    words, shipped = CurrentWords(), read_word_list()
    words.use(shipped)
    moderating = Moderating(units=units, clock=clock, random=os.urandom, words=words, shipped=shipped)
    return ModerationParts(words, QueuedReviews(os.urandom), moderating)
