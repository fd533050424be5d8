"""``im.archive.Archive`` in this process, for tests of what uses one."""

from collections import Counter
from collections.abc import Mapping, Sequence

from im.archive import HEAD_BYTES, Archived


class MemoryArchive:
    """Bodies in a dictionary."""

    def __init__(self) -> None:
        self.kept: dict[str, Archived] = {}

    async def keep(self, bodies: Sequence[Archived]) -> None:
        self.kept |= {each.name: each for each in bodies}

    async def fetch(self, names: Sequence[str]) -> Mapping[str, bytes]:
        return {name: self.kept[name].sealed for name in names if name in self.kept}

    async def forget(self, conversation: str) -> None:
        self.kept = {name: each for name, each in self.kept.items() if each.conversation != conversation}

    async def conversation_after(self, conversation: str) -> str | None:
        return min(
            (each.conversation for each in self.kept.values() if each.conversation > conversation),
            default=None,
        )

    async def sealed_otherwise(self, head: bytes, *, after: str, limit: int) -> Sequence[Archived]:
        old = [each for name, each in self.kept.items() if name > after and not each.sealed.startswith(head)]
        return sorted(old, key=lambda each: each.name)[:limit]

    async def by_head(self) -> Mapping[bytes, int]:
        return Counter(each.sealed[:HEAD_BYTES] for each in self.kept.values())

    async def prepare(self) -> None:
        return

    async def answers(self) -> None:
        return
