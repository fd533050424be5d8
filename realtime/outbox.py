"""Frames waiting for one slow client.

Bounded in bytes. A frame with a key replaces its predecessor (a newer board makes the older one worthless).
When still full, the connection gives way, never the publisher.

What merging means for positions. A replaced frame leaves its place and the newer one goes to the *end*, so
offsets still arrive in ascending order, only with holes. Every hole was superseded by a frame further back
in the same box. The client's position is that of the last frame it took: if the connection ends there,
recovery starts behind it and brings the superseding frame again; if it lives on, that frame comes.
Replacing in place would be wrong: the client would take a high offset first and lose, for ever, what lay
between.
"""

from collections import OrderedDict
from collections.abc import Hashable


class Outbox:
    """A queue of ready frames, first in first out, that keeps only the newest frame of each key."""

    __slots__ = ("_bound", "_frames", "_next", "size")

    def __init__(self, *, bound: int) -> None:
        self._bound = bound
        self._frames: OrderedDict[Hashable, bytes] = OrderedDict()
        self._next = 0
        self.size = 0
        """Bytes waiting."""

    def __len__(self) -> int:
        return len(self._frames)

    def offer(self, frame: bytes, *, key: Hashable | None = None) -> bool:
        """Take the frame; answer False, taking nothing, when the connection must be closed.

        A single frame larger than the bound is taken by an empty box: a reply must be able to leave.
        """
        older = b"" if key is None else self._frames.get(key, b"")
        size = self.size - len(older) + len(frame)
        if size > self._bound and len(self._frames) > (1 if older else 0):
            return False
        if older:
            del self._frames[key]
        if key is None:
            self._next += 1
            key = self._next
        self._frames[key] = frame
        self.size = size
        return True

    def take(self, *, up_to: int) -> bytes:
        """Remove and answer the oldest frames as one piece of about that many bytes; empty when none wait."""
        _, first = self._frames.popitem(last=False) if self._frames else (None, b"")
        pieces, size = [first], len(first)
        while self._frames:
            key = next(iter(self._frames))
            if size + len(self._frames[key]) > up_to:
                break
            pieces.append(self._frames.pop(key))
            size += len(pieces[-1])
        self.size -= size
        return first if len(pieces) == 1 else b"".join(pieces)

    def clear(self) -> None:
        """Forget everything that waits."""
        self._frames.clear()
        self.size = 0
