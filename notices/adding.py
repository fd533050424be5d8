"""How features tell somebody something, in the transaction of what happened."""

from collections.abc import Mapping
from datetime import datetime

from core.ids import RandomBytes, new_id
from notices.notice import Kind, Night, planned
from notices.store import HasNotices


class Telling:
    """Adds notices. ``night``: when those who want it have quiet."""

    def __init__(self, *, random: RandomBytes, night: Night) -> None:
        self._random = random
        self._night = night

    async def add(
        self, unit: HasNotices, user: str, kind: Kind, key: str, params: Mapping[str, str], *, at: datetime
    ) -> bool:
        """Tell a patient's account, once for each ``key``; answers whether it is new. The caller commits."""
        if await unit.notices.knows(key):
            return False
        night = self._night if await unit.notices.is_quiet(user) else None
        notice = planned(
            new_id(at=at, random=self._random),
            user=user,
            kind=kind,
            key=key,
            params=params,
            at=at,
            night=night,
        )
        unit.notices.add(notice)
        return True
