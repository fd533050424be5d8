"""The native batch sender, where it was built: ``scripts/native`` compiles it when there is a C compiler."""

import ctypes
from array import array
from collections.abc import Sequence
from pathlib import Path

LIBRARY = Path(".build/lib/batch_send.so")
"""Where it is built, below the project's folder."""


class NativeSender:
    """``realtime.fanout.BatchSender`` in C. Use it from the thread that made it.

    Raises ``OSError`` when the library cannot be loaded.
    """

    def __init__(self, library: Path, *, ring: bool = True) -> None:
        """``ring``: use io_uring where the kernel has it and lets us."""
        self._library = ctypes.CDLL(str(library))
        self._library.batch_open.restype = ctypes.c_void_p
        self._library.batch_open.argtypes = (ctypes.c_int,)
        self._library.batch_uses_ring.argtypes = (ctypes.c_void_p,)
        self._library.batch_close.argtypes = (ctypes.c_void_p,)
        self._library.batch_close.restype = None
        pointer, size = ctypes.c_void_p, ctypes.c_size_t
        self._library.batch_send.argtypes = (
            pointer, pointer, ctypes.c_int, ctypes.c_char_p, size, pointer, pointer
        )  # fmt: skip
        self._sender: int | None = self._library.batch_open(int(ring))
        if not self._sender:
            raise OSError("no memory for the batch sender")
        self._room(0)

    @property
    def uses_ring(self) -> bool:
        """Whether sends go through io_uring."""
        return bool(self._library.batch_uses_ring(self._sender))

    def _room(self, count: int) -> None:
        self._index = (ctypes.c_int * count)()
        self._sent = (ctypes.c_long * count)()

    def send(self, descriptors: "array[int]", frame: bytes) -> Sequence[tuple[int, int]]:
        count = len(descriptors)
        if count > len(self._index):
            self._room(count)
        address, _ = descriptors.buffer_info()
        troubles = self._library.batch_send(
            self._sender, address, count, frame, len(frame), self._index, self._sent
        )
        return list(zip(self._index[:troubles], self._sent[:troubles], strict=True)) if troubles else ()

    def close(self) -> None:
        """Give the ring back. May be called twice."""
        sender, self._sender = self._sender, None
        if sender:
            self._library.batch_close(sender)


def native_sender(folder: Path) -> NativeSender | None:
    """The sender of the project in this folder; None where it was not built or does not load."""
    try:
        return NativeSender(folder / LIBRARY)
    except OSError:
        return None
