"""``core.nudge.Nudge`` inside one process."""

import asyncio


class MemoryNudge:
    """One event, shared by the writers and the relay of a process. Needs no start and no close."""

    def __init__(self) -> None:
        self._hint = asyncio.Event()

    def send(self) -> None:
        self._hint.set()

    async def wait(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._hint.wait()
        except TimeoutError:
            return False
        self._hint.clear()
        return True

    async def start(self) -> None:
        pass

    async def close(self) -> None:
        pass
