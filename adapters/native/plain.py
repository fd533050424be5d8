"""The batch sender in Python alone, for machines without a C compiler."""

import os
from array import array
from collections.abc import Sequence

from realtime.fanout import BROKEN, NOT_ASKED


class PlainSender:
    """``realtime.fanout.BatchSender`` with one ``write(2)`` after the other; sockets must be non-blocking."""

    uses_ring = False

    def send(self, descriptors: "array[int]", frame: bytes) -> Sequence[tuple[int, int]]:
        troubles = []
        size, write = len(frame), os.write
        for index, descriptor in enumerate(descriptors):
            try:
                sent = write(descriptor, frame)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError:
                sent = BROKEN if descriptor >= 0 else NOT_ASKED
            if sent != size:
                troubles.append((index, sent))
        return troubles

    def close(self) -> None:
        """Nothing is held."""
