"""Positions in a channel's stream, and what a client that was away has missed.

A stream has an *epoch*, which names this incarnation, and an *offset* that grows by one with each
publication. A client is right as long as it has taken every offset in order; everything here decides
whether that still holds. Pure values; the broker keeps the stream, the feed the live end of it.

They are msgspec's structs, as everything in this package that is made for each client who comes: a frozen
dataclass takes six to ten times as long to make, and the collector would look at each of them.
"""

from collections.abc import Iterable

import msgspec


class Position(msgspec.Struct, frozen=True, gc=False):
    """A place in a stream: everything up to ``offset`` of ``epoch`` is known. An empty epoch means any."""

    offset: int
    epoch: str


class Publication(msgspec.Struct, frozen=True, gc=False):
    """One message of a channel as compact JSON bytes.

    Offset 0 and no epoch where the channel keeps no history. ``info`` says which client published it, as
    JSON; empty where the server did.
    """

    data: bytes
    offset: int = 0
    epoch: str = ""
    info: bytes = b""


class History(msgspec.Struct, frozen=True, gc=False):
    """A piece of a stream and where its top was at that moment."""

    position: Position
    publications: tuple[Publication, ...] = ()


def missed(since: Position, history: History) -> tuple[Publication, ...] | None:
    """Everything published after ``since``, or None when that cannot be told without a hole.

    ``history`` must be read forward from ``since`` or earlier, up to its top.
    """
    top = history.position
    if since.epoch and since.epoch != top.epoch:
        return None
    after = tuple(one for one in history.publications if one.offset > since.offset)
    if not after:
        return () if top.offset == since.offset else None
    if after[0].offset != since.offset + 1 or after[-1].offset != top.offset:
        return None
    return after


def newest(since: Position, history: History) -> tuple[Publication, ...] | None:
    """The newest publication, unless it is known; None when there is something newer that is not kept.

    For streams of which only the newest matters. ``history`` must hold the newest publication that is kept.
    """
    top = history.position
    if since.offset == top.offset and since.epoch in ("", top.epoch):
        return ()
    last = history.publications[-1:]
    return last if last and last[0].offset == top.offset else None


def brought_up_to_date(history: History, live: Iterable[Publication]) -> History | None:
    """The history, or what was heard live if that is newer; None when they are of different epochs.

    For streams of which only the newest matters.
    """
    for one in live:
        if one.epoch != history.position.epoch:
            return None
        if one.offset > history.position.offset:
            history = History(Position(one.offset, one.epoch), (one,))
    return history


def extended(history: History, live: Iterable[Publication]) -> History | None:
    """The history with what was heard live since it was asked for; None when the two do not join.

    Publications that the history already holds are dropped, so each one counts exactly once.
    """
    top = history.position
    added: list[Publication] = []
    for one in live:
        if one.epoch != top.epoch:
            return None
        if one.offset <= top.offset:
            continue
        if one.offset != top.offset + 1:
            return None
        added.append(one)
        top = Position(one.offset, one.epoch)
    if not added:
        return history
    return History(top, (*history.publications, *added))


def reachable(since: Position, history: History, *, limit: int, reverse: bool) -> bool:
    """Whether a history read from ``since`` is whole at its beginning: same epoch, start not yet evicted."""
    top = history.position
    if since.epoch and since.epoch != top.epoch:
        return False
    if reverse or not limit:
        return True
    if history.publications:
        return history.publications[0].offset == since.offset + 1
    return top.offset == since.offset
