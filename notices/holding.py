"""What is kept of notices by account, for when the account as a whole changes (``accounts/holdings.py``)."""

from datetime import datetime

from core.ids import UserId
from notices.store import HasNotices


class NoticeHolding:
    """What the person agreed to be told, and what waits to be."""

    name = "notices"

    async def move(self, unit: HasNotices, *, source: UserId, target: UserId, at: datetime) -> None:
        await unit.notices.move(source, target)

    async def export(self, unit: HasNotices, user: UserId, *, at: datetime) -> object:
        left = await unit.notices.left(user)
        return {
            "quiet_at_night": await unit.notices.is_quiet(user),
            "agreed": [
                {"channel": channel.value, "kind": kind.value, "left": count}
                for (channel, kind), count in sorted(left.items())
            ],
        }

    async def erase(self, unit: HasNotices, user: UserId, *, at: datetime) -> None:
        await unit.notices.erase(user)
