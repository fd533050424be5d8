"""Work that another thread does for the loop, so that whatever can wait may let it have the processor.

A thread that has to win the interpreter back for every statement stands no chance beside a loop that is never
idle: a transaction of two milliseconds took twenty.
"""


class Elsewhere:
    """Counts what is under way. Entered and left by who waits for it, on the loop."""

    __slots__ = ("under_way",)

    def __init__(self) -> None:
        self.under_way = 0

    def __enter__(self) -> None:
        self.under_way += 1

    def __exit__(self, *_: object) -> None:
        self.under_way -= 1

    def busy(self) -> bool:
        """Whether the loop waits for another thread."""
        return self.under_way > 0
