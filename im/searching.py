"""Find messages by their words: opened one after the other, newest first, within bounds.

Bodies are sealed, so no index of the database knows their words (docs/adr/0046). What is searched is what the
caller may read, and nothing else is opened; a call looks at so many messages and conversations and says where
to go on.
"""

from core import limits
from core.actor import Actor
from core.refusals import BadInput
from im.matching import said
from im.posting import message_of
from im.refusals import NoSuchConversation
from im.store import Reach, Row, Unit, Units
from im.wire import FileBody, Found, ImageBody, Message, Search, TextBody


class Searching:
    """What members find in their conversations."""

    def __init__(self, *, units: Units) -> None:
        self._units = units

    async def search(self, actor: Actor, body: Search) -> Found:
        """Messages that hold the words, newest conversations first, in each the newest first.

        Width and case count for nothing, nor does what is no letter or digit. Refuses with
        ``NoSuchConversation`` and, where no letter or digit is asked for, with ``BadInput``.
        """
        wanted = said(body.text)
        if not wanted:
            raise BadInput(field="$.text", why="a letter or digit at least")
        async with self._units.read() as unit:
            reaches = list(await unit.conversations.reaches(actor.id))
            if body.conversation is not None:
                reaches = [each for each in reaches if each.conversation == body.conversation]
                if not reaches:
                    raise NoSuchConversation()
            return await self._looked(unit, _from(reaches, body.cursor), wanted)

    async def _looked(self, unit: Unit, reaches: list[Reach], wanted: str) -> Found:
        hits: list[Message] = []
        left = limits.IM_SEARCH_MESSAGES
        for number, reach in enumerate(reaches):
            if number == limits.IM_SEARCH_CONVERSATIONS:
                return _answer(hits, reach.conversation, reach.last)
            upto = reach.last
            while upto > reach.first:
                if left <= 0:
                    return _answer(hits, reach.conversation, upto)
                size = min(limits.IM_PAGE_MESSAGES, left)
                rows = await unit.conversations.page(
                    reach.conversation, above=reach.first, upto=upto, limit=size, newest=True
                )
                if not rows:
                    break
                for row in reversed(rows):
                    if _holds(row, wanted):
                        hits.append(message_of(row))
                        if len(hits) == limits.IM_SEARCH_FOUND:
                            return _answer(hits, reach.conversation, row.seq - 1)
                left -= len(rows)
                upto = rows[0].seq - 1
        return Found(messages=hits, next=None)


def _answer(hits: list[Message], conversation: str, upto: int) -> Found:
    return Found(messages=hits, next=f"{conversation}|{upto}")


def _from(reaches: list[Reach], cursor: str | None) -> list[Reach]:
    """What is left behind a cursor: ids of conversations are in the order of their beginning."""
    if cursor is None:
        return reaches
    conversation, _, upto = cursor.partition("|")
    if not upto.isdecimal() or len(upto) > 16:
        raise BadInput(field="$.cursor", why="not one that was given")
    return [
        Reach(each.conversation, each.first, min(each.last, int(upto)))
        if each.conversation == conversation
        else each
        for each in reaches
        if each.conversation <= conversation
    ]


def _holds(row: Row, wanted: str) -> bool:
    if row.recalled or not row.body:
        return False
    body = message_of(row).body
    if isinstance(body, TextBody | ImageBody):
        return wanted in said(body.text)
    return isinstance(body, FileBody) and wanted in said(body.name)
