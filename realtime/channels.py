"""The one policy table: which channels exist, who may do what there, and what is kept.

A name is ``namespace:rest``; a rest that starts with ``#`` lists the users it belongs to. To add a kind of
channel add a row to ``houzhen_policies``; nothing else in this package knows a namespace. Names that begin
with ``~`` are the processes' own and no client's.
"""

import enum
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from core import limits
from core.actor import STAFF, Actor, Role
from realtime.broker import Keep

Rule = Callable[[Actor, str], bool]
"""Whether the actor may, given the rest of the channel's name."""

_OWN = "~"
_REST = re.compile(r"#?[A-Za-z0-9][A-Za-z0-9_.,@-]*\Z")


class BadChannel(Exception):
    """The name is too long or holds what no channel name holds."""


class UnknownChannel(Exception):
    """No such namespace."""


def nobody(actor: Actor, rest: str) -> bool:
    """Not even staff."""
    return False


def everyone(actor: Actor, rest: str) -> bool:
    """Anonymous connections too."""
    return True


def staff(actor: Actor, rest: str) -> bool:
    """Nurses, doctors and administrators."""
    return actor.role in STAFF


def screen_itself_or_staff(actor: Actor, rest: str) -> bool:
    """The screen the name is of, and staff."""
    return actor.role in STAFF or (actor.role is Role.SCREEN and actor.screen == rest)


def talkers(actor: Actor, rest: str) -> bool:
    """Patients, nurses and doctors."""
    return actor.role is Role.PATIENT or actor.role in STAFF


def listed_user(actor: Actor, rest: str) -> bool:
    """A user on the name's own list."""
    return bool(actor.id) and rest.startswith("#") and actor.id in rest[1:].split(",")


class Recovery(enum.Enum):
    """What somebody needs who was away."""

    STREAM = "stream"
    """Every publication since then, or to be told that some are missing."""
    CACHE = "cache"
    """The newest publication, which says all that the ones before it said."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What holds for every channel of one namespace.

    ``snapshot_of`` names the field of a publication that says what it is a whole snapshot of. Of two
    publications with the same value only the newer one still matters, so it replaces the older one in a
    slow client's outbox.

    ``counts_presence`` notes who watches: how many is told to whom ``may_see_presence`` lets, who they are
    to whom ``may_list_presence`` lets. With ``tells_joins`` the latter may also hear of everyone who comes
    and goes.

    ``by_token`` channels are for whoever brings a subscription's token, and for nobody else:
    ``may_subscribe`` is not asked. A namespace that begins with ``$`` must be one.
    """

    namespace: str
    keep: Keep | None
    may_subscribe: Rule
    may_read_history: Rule = nobody
    may_see_presence: Rule = nobody
    may_list_presence: Rule = nobody
    may_publish: Rule = nobody
    counts_presence: bool = False
    tells_joins: bool = False
    snapshot_of: str | None = None
    recovery: Recovery = Recovery.STREAM
    personal: bool = False
    by_token: bool = False

    def __post_init__(self) -> None:
        if self.namespace.startswith("$") and not self.by_token:
            raise ValueError(f"{self.namespace} promises to be for tokens only")
        if self.recovery is Recovery.CACHE and self.keep is None:
            raise ValueError(f"{self.namespace} must keep its newest publication")

    @property
    def lists_presence(self) -> bool:
        """Whether anybody at all may see who watches."""
        return self.may_list_presence is not nobody

    @property
    def takes_publications(self) -> bool:
        """Whether any client at all may publish."""
        return self.may_publish is not nobody


_COMPANION = Policy(_OWN, keep=None, may_subscribe=nobody)


def companion(channel: str) -> str:
    """The channel on which those who asked hear who comes and goes on this one."""
    return _OWN + channel


def is_companion(channel: str) -> bool:
    """Whether the channel is a process's own."""
    return channel.startswith(_OWN)


class Channels:
    """The table, looked up by channel name."""

    def __init__(self, policies: Iterable[Policy]) -> None:
        rows = {policy.namespace: policy for policy in policies}
        self._policies: Mapping[str, Policy] = MappingProxyType(rows)
        self._personal = tuple(f"{policy.namespace}:#" for policy in rows.values() if policy.personal)

    def find(self, channel: str) -> tuple[Policy, str]:
        """The row and the rest of the name. Raises ``BadChannel`` or ``UnknownChannel``."""
        if len(channel.encode()) > limits.REALTIME_CHANNEL_NAME_BYTES:
            raise BadChannel
        namespace, colon, rest = channel.partition(":")
        policy = self._policies.get(namespace)
        if not colon or policy is None:
            raise UnknownChannel
        if _REST.match(rest) is None:
            raise BadChannel
        return policy, rest

    def holds_boards(self, channel: str) -> bool:
        """Whether every publication of the channel is made worthless by a newer one."""
        try:
            return self.find(channel)[0].snapshot_of is not None
        except (BadChannel, UnknownChannel):
            return False

    def policy(self, channel: str) -> Policy:
        """The row of a channel that may also be one of the processes' own. Raises as ``find``."""
        return _COMPANION if is_companion(channel) else self.find(channel)[0]

    def personal(self, actor: Actor) -> tuple[str, ...]:
        """The channels a connection of this actor is subscribed to by the server; ``find`` knows them all."""
        if not actor.id:
            return ()
        return tuple([begins + actor.id for begins in self._personal])


def houzhen_channels() -> Channels:
    """The channels of this product."""
    return Channels(houzhen_policies())


def houzhen_policies() -> tuple[Policy, ...]:
    """The rows of this product's table.

    | channel | subscribe | kept | who was away gets | holds |
    |---|---|---|---|---|
    | ``queue:<line>`` | everyone | 64, 1 h | the newest | ticket numbers, no names |
    | ``screen:<screen>`` | that screen, staff | 512, 1 h | all since | what it shows, masked names |
    | ``user:#<id>`` | that user, by the server | 300, 24 h | all since | my ticket, messages, notices |
    | ``room:<conversation>`` | whoever is signed in | 64, 1 h | all since | a department's news |

    A line's publication is its whole board. A screen's is one line's part of it, so the newest alone would
    leave the other lines as they were.
    """
    boards = Keep(limits.QUEUE_HISTORY_ITEMS, limits.QUEUE_HISTORY_TTL_SECONDS)
    return (
        Policy(
            "queue",
            keep=boards,
            may_subscribe=everyone,
            may_read_history=everyone,
            may_see_presence=staff,
            counts_presence=True,
            snapshot_of="line",
            recovery=Recovery.CACHE,
        ),
        Policy(
            "screen",
            keep=Keep(limits.SCREEN_HISTORY_ITEMS, limits.QUEUE_HISTORY_TTL_SECONDS),
            may_subscribe=screen_itself_or_staff,
            may_read_history=screen_itself_or_staff,
            may_see_presence=screen_itself_or_staff,
            may_list_presence=staff,
            counts_presence=True,
            snapshot_of="line",
        ),
        Policy(
            "user",
            keep=Keep(limits.USER_HISTORY_ITEMS, limits.USER_HISTORY_TTL_SECONDS),
            may_subscribe=listed_user,
            may_read_history=listed_user,
            may_see_presence=listed_user,
            may_list_presence=listed_user,
            counts_presence=True,
            personal=True,
        ),
        Policy("room", keep=boards, may_subscribe=talkers, may_read_history=talkers),
    )
