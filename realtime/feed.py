"""One channel as this process hears it: who listens, up to where they know all, and who is just joining.

The position is kept once per channel, not per subscriber: a publication goes to all of them in the same
step, so everyone who is *live* stands where the feed stands. Only somebody whose history was read a moment
ahead of the live line stands elsewhere; such a subscriber is *ahead* until the line has caught up.

Joining without loss or doubling: ``hold`` keeps what is heard; meanwhile the history is read; ``join`` puts
the two together and makes the subscriber live in one step. Pure: no I/O, no clock.

Where the policy says that the newest publication is all that matters (``Recovery.CACHE``) a gap is no loss:
whoever is live gets what comes next, and whoever joins the newest.
"""

from collections.abc import Sequence
from typing import Generic, TypeVar

import msgspec

from core import limits
from realtime.channels import Policy, Recovery
from realtime.stream import (
    History,
    Position,
    Publication,
    brought_up_to_date,
    extended,
    missed,
    newest,
)

S = TypeVar("S")


class Joined(msgspec.Struct, frozen=True, gc=False):
    """How a subscription begins: where it stands and, if it was resumed, what was missed since."""

    position: Position | None
    recovered: bool = False
    publications: tuple[Publication, ...] = ()


class Heard(msgspec.Struct, Generic[S], frozen=True, gc=False):
    """What one publication leads to: who gets it, and whose state is no longer sufficient."""

    receivers: Sequence[S] = ()
    lost: Sequence[S] = ()


class Feed(Generic[S]):
    """The live end of one channel in one process."""

    __slots__ = (
        "_ahead",
        "_held",
        "_holds",
        "_live",
        "_newest",
        "_positioned",
        "_roster",
        "busy",
        "name",
        "newest_is_all",
        "policy",
        "position",
    )

    def __init__(self, name: str, policy: Policy) -> None:
        self.name = name
        self.policy = policy
        self._positioned = policy.keep is not None
        self.newest_is_all = policy.recovery is Recovery.CACHE
        """Whether somebody who has the newest publication lacks nothing."""
        self.position: Position | None = None
        """Where everyone live stands; None before anything is known, and always without history."""
        self.busy = False
        """Whether something was heard since the last idle check cleared this."""
        self._live: set[S] = set()
        self._roster: tuple[S, ...] | None = None
        self._ahead: dict[S, Position] | None = None
        self._held: Sequence[Publication] | None = ()
        self._holds = 0
        self._newest: Publication | None = None
        """Where the newest is all that matters: the one at ``position``, so that nobody need read it."""

    def __len__(self) -> int:
        return len(self._live) + len(self._ahead or ())

    def __contains__(self, subscriber: S) -> bool:
        return subscriber in self._live or (self._ahead is not None and subscriber in self._ahead)

    @property
    def vacant(self) -> bool:
        """Whether nobody listens and nobody is about to."""
        return not (self._live or self._ahead or self._holds)

    @property
    def subscribers(self) -> tuple[S, ...]:
        """Everyone who listens."""
        return (*self._everyone, *(self._ahead or ()))

    @property
    def _everyone(self) -> tuple[S, ...]:
        """Everyone live; the same value as long as nobody comes or goes."""
        if self._roster is None:
            self._roster = tuple(self._live)
        return self._roster

    def _enlist(self, subscriber: S) -> None:
        self._live.add(subscriber)
        self._roster = None

    def _dismiss(self) -> tuple[S, ...]:
        """Forget everyone live; answers who that was."""
        lost, self._roster = self._everyone, None
        self._live.clear()
        return lost

    def hold(self) -> None:
        """Keep what is heard from now on, for somebody who is reading the history. Pair with ``release``."""
        self._holds += 1

    def release(self) -> None:
        """One reader less."""
        self._holds -= 1
        if not self._holds:
            self._held = ()

    def hear(self, publication: Publication) -> Heard[S]:
        """Take a publication from the live line.

        What has no place in the stream (a whisper: offset 0) goes to everybody live and changes nothing. A
        duplicate goes to nobody. After a gap or in a new epoch everybody live is lost, unless the newest
        is all that matters, and the feed itself goes on from the new position.
        """
        self.busy = True
        if not self._positioned or not publication.offset:
            return Heard(self._everyone)
        at = Position(publication.offset, publication.epoch)
        before, unbroken = self.position, True
        if before is not None and before.epoch == at.epoch:
            if at.offset <= before.offset:
                return Heard()
            unbroken = at.offset == before.offset + 1
        elif before is not None:
            unbroken = False
        unbroken = unbroken or self.newest_is_all
        self.position = at
        self._newest = publication if self.newest_is_all else None
        self._keep(publication, unbroken=unbroken)
        receivers, lost = (self._everyone, ()) if unbroken else ((), self._dismiss())
        if self._ahead:
            return self._hear_ahead(self._ahead, at, receivers, lost)
        return Heard(receivers, lost)

    def _keep(self, publication: Publication, *, unbroken: bool) -> None:
        if not self._holds:
            return
        if not unbroken:
            self._held = ()
        if self._held is None:
            return
        if self.newest_is_all:
            self._held = (publication,)
        elif len(self._held) < limits.REALTIME_JOIN_BUFFER_ITEMS:
            self._held = (*self._held, publication)
        else:
            # Whoever joins now finds no seam and reads again.
            self._held = None

    def _hear_ahead(
        self, ahead: dict[S, Position], at: Position, receivers: Sequence[S], lost: Sequence[S]
    ) -> Heard[S]:
        also: list[S] = []
        left: list[S] = []
        for subscriber, own in tuple(ahead.items()):
            if own.epoch == at.epoch and own.offset > at.offset:
                continue
            del ahead[subscriber]
            behind = own.epoch != at.epoch or own.offset < at.offset
            if behind and own != Position(at.offset - 1, at.epoch) and not self.newest_is_all:
                left.append(subscriber)
                continue
            self._enlist(subscriber)
            if behind:
                also.append(subscriber)
        if not ahead:
            self._ahead = None
        return Heard((*receivers, *also) if also else receivers, (*lost, *left))

    def joinable_at_once(self, since: Position | None) -> bool:
        """Whether joining needs no history: nothing is to be recovered, or what was missed is here."""
        if not self._positioned:
            return True
        at = self.position
        if at is None:
            return False
        if since is None:
            return True
        if since.epoch not in ("", at.epoch):
            return False
        return since.offset == at.offset or (since.offset < at.offset and self._newest is not None)

    def join(self, subscriber: S, *, since: Position | None, history: History | None) -> Joined | None:
        """Make the subscriber live from here on; None (and no change) when history and live line have a gap.

        ``history`` is what was read while holding; without it ``joinable_at_once`` must hold.
        """
        if not self._positioned:
            self._enlist(subscriber)
            return Joined(None)
        known = self._known(history)
        if known is None:
            return None
        at = known.position
        if self.position is None or self.position == at:
            self.position = at
            self._live.add(subscriber)
            self._roster = None
            if self.newest_is_all and known.publications:
                self._newest = known.publications[-1]
        elif self.position.epoch == at.epoch and self.position.offset < at.offset:
            self._ahead = self._ahead or {}
            self._ahead[subscriber] = at
        else:
            return None
        if since is None:
            return Joined(at)
        publications = newest(since, known) if self.newest_is_all else missed(since, known)
        return Joined(at, publications is not None, publications or ())

    def _known(self, history: History | None) -> History | None:
        if history is None:
            if self.position is None:
                return None
            return History(self.position, () if self._newest is None else (self._newest,))
        if self._held is None:
            return None
        if not self._held:
            return history
        seam = brought_up_to_date if self.newest_is_all else extended
        return seam(history, self._held)

    def leave(self, subscriber: S) -> None:
        """Stop telling this subscriber; unknown ones are fine."""
        self._live.discard(subscriber)
        self._roster = None
        if self._ahead is not None:
            self._ahead.pop(subscriber, None)

    def contradicted_by(self, top: Position) -> bool:
        """Whether the stream has begun anew while this feed heard nothing of it.

        ``top`` was read while holding: had the feed moved since, the proof would be among what is held.
        """
        at = self.position
        if at is None or at.epoch == top.epoch or self._held is None:
            return False
        return not any(one.epoch == at.epoch for one in self._held)

    def behind(self, top: Position) -> bool:
        """Whether the stream's top says that something was missed."""
        at = self.position
        return at is not None and (at.epoch != top.epoch or at.offset < top.offset)

    def restart(self, at: Position) -> Sequence[S]:
        """Stand at a new place; answers everyone who was live, now lost and no longer subscribed."""
        lost = (*self._dismiss(), *(self._ahead or ()))
        self._ahead = None
        if self._holds:
            # What was held belongs to the place left behind; a reader in between finds the gap by itself.
            self._held = ()
        self.position = at
        self._newest = None
        return lost
