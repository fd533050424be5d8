"""Python's garbage collector in a process that holds thousands of connections.

What lives long is walked again and again for nothing: with 5,000 connections a full collection costs tens of
milliseconds in which nobody is answered. Connections hold no reference cycles once they have ended, so the
collector is only a net under the rest: what was there at the start is set aside, and collections are made
rare. The figures were chosen by ``python -m bench.realtime`` (docs/performance.md).
"""

import gc

from core import limits


def settle_garbage() -> None:
    """Call once, when the process has started and nobody has come yet."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(limits.GARBAGE_YOUNG_OBJECTS, limits.GARBAGE_YOUNG_ROUNDS, limits.GARBAGE_OLD_ROUNDS)
