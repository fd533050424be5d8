"""Whose turn it is: the task whose answer a session awaits, and those that stand behind it.

It exists only while there is something to wait for, so an idle session pays nothing for it.
"""

import msgspec

from realtime.codes import Disconnect
from realtime.effects import Join
from realtime.frames import Command
from realtime.subscription import Subscription


class Gift(msgspec.Struct, frozen=True, gc=False):
    """A subscription that the server gives; it stands in line like a command."""

    channel: str
    terms: Subscription


Task = Command | Gift


class Turn:
    """One task at hand. What it ``joins`` may be taken away again before it is there."""

    __slots__ = ("behind", "joins", "taken_away", "task")

    def __init__(self, task: Task, joins: Join | None = None) -> None:
        self.task = task
        self.joins = joins
        self.behind: list[Task] = []
        """Bounded by what one read brings: while it holds something the socket is not read."""
        self.taken_away: dict[str, Disconnect] = {}

    @property
    def number(self) -> int | None:
        """The id to answer under; None when nobody asked."""
        return None if isinstance(self.task, Gift) else self.task.id

    def is_about(self, channel: str) -> bool:
        """Whether this task is about to subscribe to the channel."""
        return self.joins is not None and channel in self.joins.channels

    @property
    def gifts(self) -> int:
        """How many subscriptions are still to be given."""
        return sum(isinstance(task, Gift) for task in (self.task, *self.behind))

    def forget_gifts(self, channel: str) -> None:
        """Do not give what is still to be given."""
        self.behind = [
            task for task in self.behind if not (isinstance(task, Gift) and task.channel == channel)
        ]
