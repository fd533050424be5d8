"""Use cases of whoever is told: what they may be asked for, what they agreed to, quiet at night."""

from collections.abc import Mapping

from core.actor import Actor
from core.refusals import NotFound
from notices.notice import ANY_NUMBER, Channel, Kind, agreed
from notices.store import Units
from notices.wire import Agree, Quiet, Template, Templates


class NoSuchChannel(NotFound):
    """The hospital tells nothing by that application."""

    code = "notice.no_such_channel"


class Agreeing:
    """What people want to be told."""

    def __init__(self, *, units: Units, offered: Mapping[Channel, Mapping[Kind, str]]) -> None:
        """``offered``: the templates of each application that is connected."""
        self._units = units
        self._offered = offered

    async def templates(self, actor: Actor, channel: str) -> Templates:
        """What the page may ask for. Refuses with ``NoSuchChannel``."""
        way = Channel(channel)
        if way not in self._offered:
            raise NoSuchChannel()
        async with self._units.read() as unit:
            left = await unit.notices.left(actor.id)
            quiet = await unit.notices.is_quiet(actor.id)
        return Templates(
            channel=way.value,
            quiet=quiet,
            templates=[
                Template(kind=kind.value, template=template, left=left.get((way, kind), _unasked(way)))
                for kind, template in self._offered[way].items()
            ],
        )

    async def agree(self, actor: Actor, body: Agree) -> Templates:
        """What the person said in the platform's dialogue. Refuses with ``NoSuchChannel``."""
        way = Channel(body.channel)
        kinds = {template: kind for kind, template in self._offered.get(way, {}).items()}
        async with self._units.begin() as unit:
            left = await unit.notices.left(actor.id)
            for kind in {kinds[one] for one in body.accepted if one in kinds}:
                unit.notices.grant(actor.id, way, kind, agreed(left.get((way, kind), 0), channel=way))
            for kind in {kinds[one] for one in body.refused if one in kinds}:
                unit.notices.grant(actor.id, way, kind, 0)
            await unit.commit()
        return await self.templates(actor, body.channel)

    async def quiet(self, actor: Actor, body: Quiet) -> Quiet:
        """None at night, or at any hour."""
        async with self._units.begin() as unit:
            unit.notices.be_quiet(actor.id, body.on)
            await unit.commit()
        return body


def _unasked(channel: Channel) -> int:
    """A service account's followers are told without being asked; the others only what they agreed to."""
    return ANY_NUMBER if channel is Channel.WECHAT_PAGE else 0
