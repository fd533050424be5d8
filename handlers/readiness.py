"""Which of many sockets may be read or written, for far less memory than one loop reader each.

One epoll set is itself a single reader of the asyncio loop; a connection costs it one small dict entry. Where
there is no epoll (macOS, for development) each socket is registered with the loop.
"""

import asyncio
import select
from typing import Protocol

from core import limits


class Watched(Protocol):
    """Whoever owns a socket."""

    def ready(self, *, readable: bool, writable: bool) -> None:
        """The socket may be read or written. An error or the end of the stream counts as readable."""


class Readiness(Protocol):
    """Tells owners of sockets when they may go on."""

    tells_news: bool
    """Whether ``watch(news=True)`` is possible."""

    def watch(self, fd: int, owner: Watched, *, news: bool = False) -> None:
        """Begin, with reading wanted. ``news``: tell only when more has come, however much lies unread."""

    def want(self, fd: int, *, read: bool, write: bool) -> None:
        """Change what is waited for."""

    def forget(self, fd: int) -> None:
        """End; call before the socket is closed."""

    def close(self) -> None:
        """Give everything back."""


def readiness(loop: asyncio.AbstractEventLoop) -> Readiness:
    """The best that this system offers."""
    return EpollReadiness(loop) if hasattr(select, "epoll") else LoopReadiness(loop)


class EpollReadiness:
    """One shared epoll set."""

    tells_news = True

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._epoll = select.epoll()
        self._owners: dict[int, Watched] = {}
        loop.add_reader(self._epoll.fileno(), self._ready)

    def watch(self, fd: int, owner: Watched, *, news: bool = False) -> None:
        self._epoll.register(fd, select.EPOLLIN | (select.EPOLLET if news else 0))
        self._owners[fd] = owner

    def want(self, fd: int, *, read: bool, write: bool) -> None:
        self._epoll.modify(fd, (select.EPOLLIN if read else 0) | (select.EPOLLOUT if write else 0))

    def forget(self, fd: int) -> None:
        if self._owners.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def close(self) -> None:
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()

    def _ready(self) -> None:
        # What does not fit stays ready: the set is readable again in the next round of the loop.
        for fd, events in self._epoll.poll(0, limits.REALTIME_EVENTS_AT_ONCE):
            owner = self._owners.get(fd)
            if owner is not None:
                owner.ready(readable=bool(events & ~select.EPOLLOUT), writable=bool(events & select.EPOLLOUT))


class LoopReadiness:
    """Every socket with the loop itself."""

    tells_news = False

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._owners: dict[int, Watched] = {}

    def watch(self, fd: int, owner: Watched, *, news: bool = False) -> None:
        self._owners[fd] = owner
        self.want(fd, read=True, write=False)

    def want(self, fd: int, *, read: bool, write: bool) -> None:
        if read:
            self._loop.add_reader(fd, self._ready, fd, True, False)
        else:
            self._loop.remove_reader(fd)
        if write:
            self._loop.add_writer(fd, self._ready, fd, False, True)
        else:
            self._loop.remove_writer(fd)

    def forget(self, fd: int) -> None:
        self.want(fd, read=False, write=False)
        del self._owners[fd]

    def close(self) -> None:
        for fd in tuple(self._owners):
            self.forget(fd)

    def _ready(self, fd: int, readable: bool, writable: bool) -> None:
        owner = self._owners.get(fd)
        if owner is not None:
            owner.ready(readable=readable, writable=writable)
