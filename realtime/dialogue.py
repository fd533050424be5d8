"""The order of one client's dialogue: a task at a time, each answered once, and what that may cost.

Commands are handled strictly in order: while one waits for its answer, the later ones wait behind it. A
client earns commands as time passes; one that asks far beyond that, or is refused all the time, is sent away.
"""

import enum
from abc import ABC, abstractmethod

from core import limits
from realtime import frames
from realtime.codes import APPLICATION, Closings, Disconnect, Error, No
from realtime.effects import Close, Effects, Join, Refuse, Send
from realtime.frames import Reply
from realtime.terms import Terms
from realtime.turn import Task, Turn


class Phase(enum.Enum):
    NEW = "new"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    REFUSED = "refused"
    CLOSED = "closed"


class Dialogue(ABC):
    """The part of a session that knows whose turn it is. What a task means is the session's."""

    __slots__ = ("_allowance", "_counted_at", "_errors", "_terms", "_turn", "phase")

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self.phase = Phase.NEW
        self._turn: Turn | None = None
        self._allowance = terms.command_burst
        self._counted_at = terms.clock.monotonic()
        self._errors = 0

    @property
    def closed(self) -> bool:
        """Whether it has ended, from either side."""
        return self.phase is Phase.CLOSED

    @property
    def congested(self) -> bool:
        """Whether commands wait behind an unanswered one, so that reading more should wait too."""
        return self._turn is not None and bool(self._turn.behind)

    def close(self, why: Disconnect) -> Effects:
        """End the session. The owner leaves every channel in ``subscriptions``."""
        if self.closed:
            return []
        self.phase = Phase.CLOSED
        self._turn = None
        return [Close(why)]

    @abstractmethod
    def _handle(self, task: Task, effects: Effects) -> None:
        """Carry out a task whose turn it is, or begin to: then ``_turn`` is set."""

    # Turns.

    def _do(self, task: Task, effects: Effects) -> None:
        if self._turn is None:
            self._handle(task, effects)
        else:
            self._turn.behind.append(task)

    def _join(self, task: Task, join: Join, effects: Effects) -> None:
        self._turn = Turn(task, join)
        effects.append(join)

    def _answered(self, **result: object) -> Effects:
        """The command at hand has its result."""
        turn = self._turn
        if turn is None or turn.number is None:
            return []
        effects: Effects = []
        self._reply(Reply(turn.number, **result), effects)  # type: ignore[arg-type]
        return self._go_on(effects)

    def _go_on(self, effects: Effects) -> Effects:
        """The task at hand is done; handle those behind it until one must wait again."""
        behind = self._end_turn()
        while behind and self._turn is None and self.phase is not Phase.CLOSED:
            self._handle(behind.pop(0), effects)
        if self._turn is not None:
            self._turn.behind = behind
        return effects

    def _end_turn(self) -> list[Task]:
        behind = [] if self._turn is None else self._turn.behind
        self._turn = None
        return behind

    # Answers.

    def _reply(self, reply: Reply, effects: Effects) -> None:
        self._errors = 0
        effects.append(Send(frames.reply(reply)))

    def _deny(self, number: int, no: No, effects: Effects, *, about: str = "") -> None:
        if isinstance(no, Disconnect):
            effects += self.close(no)
        else:
            self._refuse(number, no, effects, about=about)

    def _refuse(self, number: int, error: Error, effects: Effects, *, about: str = "") -> None:
        """Say no; whoever is told nothing else for long is probing, and is sent away for good."""
        if not error.temporary and error.code < APPLICATION:
            self._errors += 1
        if self._errors > limits.REALTIME_ERRORS_IN_A_ROW:
            effects += self.close(Closings.TOO_MANY_ERRORS)
        else:
            effects.append(Refuse(number, error, about))

    def _afford(self, effects: Effects, *, commands: int = 1) -> bool:
        """Spend what a command costs; whoever overdraws by another whole burst is sent away."""
        terms, now = self._terms, self._terms.clock.monotonic()
        earned = (now - self._counted_at) * terms.commands_per_second
        self._allowance = min(terms.command_burst, self._allowance + earned) - commands
        self._counted_at = now
        if self._allowance < -terms.command_burst:
            effects += self.close(Closings.TOO_MANY_REQUESTS)
        return self._allowance >= 0
