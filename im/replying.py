"""Use cases of quick replies: texts at hand, one's own and those that a department shares."""

from collections.abc import Sequence

from core import limits
from core.actor import Actor
from core.clock import Clock
from core.ids import DepartmentId, RandomBytes, new_id
from core.refusals import Kind, Refusal
from im.consultation_store import QuickReply, Unit, Units
from im.consultation_wire import KeepQuickReply, QuickReplies
from im.consultation_wire import QuickReply as ShownReply
from im.refusals import NoSuchDepartment
from im.wording import Action, AnyWords, Wording


class TooManyReplies(Refusal):
    """There are as many texts at hand as may be."""

    code = "consultation.too_many_replies"
    kind = Kind.CONFLICT

    def __init__(self) -> None:
        super().__init__(most=limits.QUICK_REPLIES_KEPT)


class WordsNotKept(Refusal):
    """It holds listed words, so it could not be sent as it is."""

    code = "im.words_not_kept"
    kind = Kind.BAD_INPUT


class Replying:
    """Texts that staff have at hand."""

    def __init__(
        self, *, units: Units, clock: Clock, random: RandomBytes, wording: Wording | None = None
    ) -> None:
        self._units = units
        self._clock = clock
        self._random = random
        self._wording = wording or AnyWords()

    async def mine(self, actor: Actor) -> QuickReplies:
        """The caller's own and those of the caller's department."""
        async with self._units.read() as unit:
            practice = await unit.practices.find(actor.id)
            shared = [] if practice is None else [_owner(practice.department)]
            found = await unit.practices.replies([actor.id, *shared])
        return _shown(found, owner=actor.id)

    async def keep(self, actor: Actor, body: KeepQuickReply) -> QuickReplies:
        """A new text, or a changed one of the caller's own.

        Refuses with ``TooManyReplies`` and ``WordsNotKept``.
        """
        self._judge(body)
        async with self._units.begin() as unit:
            await self._keep(unit, actor.id, body)
            await unit.commit()
        return await self.mine(actor)

    async def drop(self, actor: Actor, reply: str) -> QuickReplies:
        """A text of the caller's own, no longer wanted."""
        await self._drop(reply, owner=actor.id)
        return await self.mine(actor)

    async def of_department(self, department: str) -> QuickReplies:
        """What a department shares."""
        async with self._units.read() as unit:
            found = await unit.practices.replies([_owner(department)])
        return _shown(found, owner="")

    async def share(self, department: str, body: KeepQuickReply) -> QuickReplies:
        """A new text of a department, or a changed one.

        Refuses with ``NoSuchDepartment``, ``TooManyReplies`` and ``WordsNotKept``.
        """
        self._judge(body)
        async with self._units.begin() as unit:
            if await unit.department_name(DepartmentId(department)) is None:
                raise NoSuchDepartment()
            await self._keep(unit, _owner(department), body)
            await unit.commit()
        return await self.of_department(department)

    async def share_no_more(self, department: str, reply: str) -> QuickReplies:
        """A text of a department, no longer wanted; also of one that is listed no longer."""
        await self._drop(reply, owner=_owner(department))
        return await self.of_department(department)

    def _judge(self, body: KeepQuickReply) -> None:
        """What would be stopped, covered or looked at when it is sent is not kept to be sent."""
        for text in (body.title, body.text):
            if self._wording.judge(text).action is not Action.PASS:
                raise WordsNotKept()

    async def _keep(self, unit: Unit, owner: str, body: KeepQuickReply) -> None:
        known = {one.id: one for one in await unit.practices.replies([owner])}
        before = None if body.id is None else known.get(body.id)
        if before is None and len(known) >= limits.QUICK_REPLIES_KEPT:
            raise TooManyReplies()
        unit.practices.keep_reply(
            QuickReply(
                id=before.id if before else new_id(at=self._clock.now(), random=self._random),
                owner=owner,
                title=body.title,
                text=body.text,
                rank=before.rank if before else 1 + max((one.rank for one in known.values()), default=-1),
            )
        )

    async def _drop(self, reply: str, *, owner: str) -> None:
        async with self._units.begin() as unit:
            unit.practices.drop_reply(reply, owner=owner)
            await unit.commit()


def _owner(department: str) -> str:
    return f"#{department}"


def _shown(found: Sequence[QuickReply], *, owner: str) -> QuickReplies:
    return QuickReplies(
        items=[
            ShownReply(id=one.id, title=one.title, text=one.text, shared=one.owner != owner)
            for one in sorted(found, key=lambda one: (one.owner != owner, one.rank, one.id))
        ]
    )
