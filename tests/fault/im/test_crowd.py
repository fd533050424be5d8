"""T17 of the fault tests: a thousand chat connections come, talk and go; nothing grows from round to round.

One web process holds them all. In each round a third of them goes, half of those without a word, and
comes back; everybody gets what was said meanwhile. In the end some stop reading, and cost what a bound says.

The short form has a tenth of the connections and six rounds: it would show what grows by a twentieth within
those, not what leaks slowly. That only the half hour shows. Of slow readers it shows that they are cut off; a
dozen of them weigh too little beside the rest of the process to show what each of them costs.
"""

import asyncio
import itertools
import re
import secrets
import statistics
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from core import limits
from realtime.codes import Closings
from tests.clients.online import Online, until
from tests.clients.phone import Phone
from tests.fault.im.scene import Ward, a_ward
from tests.services.mariadb import MariadbServer
from tests.services.redis import RedisServer

pytestmark = [
    pytest.mark.acceptance("T17"),
    pytest.mark.process,
    pytest.mark.redis,
    pytest.mark.mariadb,
    pytest.mark.sized,
    pytest.mark.asyncio(loop_scope="module"),
]

DEVICES = 10
"""Connections of one user."""
DEAF_DEVICES = 4
"""Of each member of one conversation: those that stop reading."""
TALKERS_AT_ONCE = 5
"""They fill the outboxes before a socket has been full for ``REALTIME_WRITE_STALL_SECONDS``."""
SLOW_READER_BYTES = limits.REALTIME_OUTBOX_BYTES + limits.REALTIME_WRITE_BYTES
"""What the process may keep for one that does not read."""
UNRELATED_BYTES = 8 * 2**20
"""What the process may take meanwhile for anything else: messages under way, the allocator's hoard."""
SLOW_READERS_SECONDS = 180.0
"""Within this all of them are cut off, on a loaded machine too."""
OWN = 3
"""Connections of the process itself, to MariaDB and Redis, that may have come or gone meanwhile."""
FLAT = 1.05
"""What may grow by a twentieth has not grown."""
LONG = "长" * 2_300
"""About 7 KiB: it travels whole."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What the web process takes, with everybody connected and nothing under way."""

    resident: int
    descriptors: int
    tasks: int
    connections: int
    slow: int
    """Connections ended because too much waited for somebody who did not read."""


class Crowd:
    """Everybody's devices, and the one web process."""

    def __init__(self, ward: Ward, pid: int) -> None:
        self._ward = ward
        self._pid = pid
        self._said = itertools.count(1)
        self._run = secrets.token_hex(4)
        self.phones: dict[str, list[Online]] = {
            user: [
                Online(Phone(token=ward.token(user)), lambda: ward.serve.port, first_pause=0.2)
                for _ in range(DEVICES)
            ]
            for user in ward.members
        }
        self.sent = 0

    @property
    def conversations(self) -> list[str]:
        return self._ward.conversations

    @property
    def all(self) -> list[Online]:
        return [one for phones in self.phones.values() for one in phones]

    async def come(self) -> None:
        """Connect, as fast as one address may."""
        for one in self.all:
            one.go()
            await asyncio.sleep(1.2 / limits.REALTIME_CONNECTS_PER_ADDRESS_PER_SECOND)
        await self.is_here()

    async def is_here(self) -> None:
        """Wait until everybody is connected and at the same place as the user's other devices."""
        await until(self._equal, self.all, seconds=120)

    def _equal(self) -> bool:
        for user, phones in self.phones.items():
            at = {
                one.phone.channels[f"user:#{user}"].position
                for one in phones
                if one.phone.connected and f"user:#{user}" in one.phone.channels
            }
            if len(at) != 1 or not all(one.phone.connected for one in phones):
                return False
        return True

    async def says(self, text: str = "您好") -> None:
        """One message in every conversation, over the socket of a member, and its answer."""
        talking = {conversation: user for user, held in self._ward.members.items() for conversation in held}
        speakers: dict[str, list[str]] = defaultdict(list)
        for conversation, user in talking.items():
            speakers[user].append(conversation)
        await asyncio.gather(*(self._speaks(user, held, text) for user, held in speakers.items()))
        self.sent += len(talking)

    async def _speaks(self, user: str, conversations: list[str], text: str) -> None:
        """One of them after the other, each when the one before is answered."""
        one = self.phones[user][0]
        for conversation in conversations:
            cid = f"{self._run}-{next(self._said):06}"
            body = {"conversation": conversation, "cid": cid, "body": {"type": "text", "text": text}}
            await self._answered(one, body)

    async def _answered(self, one: Online, body: dict[str, object]) -> None:
        wanted = one.phone.answered + 1
        one.say(one.phone.call("im.send", body))
        await until(lambda: one.phone.answered >= wanted, [one], seconds=30, step=0.002)

    async def all_say(self, conversation: str, text: str) -> None:
        """Some members of one conversation say the same at once."""
        talking = self.members(conversation)[:TALKERS_AT_ONCE]
        await asyncio.gather(*(self._speaks(user, [conversation], text) for user in talking))
        self.sent += len(talking)

    def members(self, conversation: str) -> list[str]:
        return [user for user, held in self._ward.members.items() if conversation in held]

    async def some_go_and_come_back(self) -> None:
        """A third of the devices that do not speak: half leave, half vanish. Something is said meanwhile."""
        gone = [one for phones in self.phones.values() for one in phones[1::3]]
        before = {id(one): len(one.connected_at) for one in gone}
        for at, one in enumerate(gone):
            one.cut() if at % 2 else one.close()
            await asyncio.sleep(1.2 / limits.REALTIME_CONNECTS_PER_ADDRESS_PER_SECOND)
        await self.says()
        await until(lambda: all(len(one.connected_at) > before[id(one)] for one in gone), gone, seconds=60)

    async def figures(self) -> Figures:
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"http://127.0.0.1:{self._ward.serve.port}/metrics") as response,
        ):
            told = await response.text()

        def of(name: str) -> int:
            found = re.search(rf"^{re.escape(name)} (\S+)$", told, re.MULTILINE)
            return int(float(found[1])) if found else 0

        return Figures(
            resident=int(Path(f"/proc/{self._pid}/statm").read_text().split()[1]) * 4_096,
            descriptors=len(list(Path(f"/proc/{self._pid}/fd").iterdir())),
            tasks=of("houzhen_loop_tasks"),
            connections=of("realtime_connections"),
            slow=of(f'realtime_closed_total{{reason="{Closings.SLOW.name}"}}'),
        )

    def forget(self) -> None:
        """What the phones were told takes the memory of the test only."""
        for one in self.all:
            for following in one.phone.channels.values():
                following.taken.clear()

    async def go(self) -> None:
        await asyncio.gather(*(one.leave() for one in self.all))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def crowd(
    tmp_path_factory: pytest.TempPathFactory,
    redis_server: RedisServer,
    mariadb_server: MariadbServer,
    request: pytest.FixtureRequest,
) -> AsyncIterator[Crowd]:
    redis_server.ensure_running()
    redis_server.empty()
    mariadb_server.ensure_running()
    people = 100 if request.config.getoption("--long") else 12
    async with a_ward(
        tmp_path_factory.mktemp("crowd"),
        redis_server,
        mariadb_server,
        people=people,
        conversations=people // 4,
        webs=1,
        phones=False,
    ) as ward:
        [pid] = ward.serve.pids("web")
        made = Crowd(ward, pid)
        await made.come()
        yield made
        await made.go()


async def test_t17_rounds_of_coming_talking_and_going_leave_nothing_behind(
    crowd: Crowd, long_run: bool, printed: Callable[[str], None]
) -> None:
    seconds, warming = (1_800.0, 20) if long_run else (4.0, 1)
    everybody = len(crowd.all)
    kept: list[Figures] = []
    ends = time.monotonic() + seconds
    for turn in itertools.count(1):
        await crowd.some_go_and_come_back()
        await crowd.says()
        await crowd.is_here()
        crowd.forget()
        if turn > warming:
            kept.append(await crowd.figures())
            if time.monotonic() > ends and len(kept) >= 6:
                break
    part = max(len(kept) // 3, 2)
    first, last = kept[:part], kept[-part:]
    lines = [f"T17 {everybody} connections, {len(kept)} rounds in {seconds:.0f} s, {crowd.sent} messages:"]
    grown = {}
    for name, scale in (("resident", 2**20), ("descriptors", 1), ("tasks", 1)):
        before, after = (statistics.mean(getattr(one, name) for one in some) for some in (first, last))
        grown[name] = after / before
        unit = "MiB " if scale > 1 else ""
        lines.append(
            f"  {unit}{name}: {before / scale:.1f} at first, {after / scale:.1f} at last,"
            f" {(after - before) / scale / (len(kept) - part):+.3f} a round"
        )
    printed("\n".join(lines))
    assert {one.connections for one in kept} == {everybody}
    assert all(each < FLAT for each in grown.values()), grown


async def test_t17_who_stops_reading_is_cut_off_and_costs_no_more_than_the_bound(
    crowd: Crowd, long_run: bool, printed: Callable[[str], None]
) -> None:
    """Readers of one conversation, so that each message waits for all of them."""
    conversation = crowd.conversations[0]
    deaf = [one for user in crowd.members(conversation) for one in crowd.phones[user][-DEAF_DEVICES:]]
    for turn in range(4 if long_run else 1):
        began = time.monotonic()
        before = await crowd.figures()
        most = before.resident
        for one in deaf:
            one.go_deaf()
        found = before
        async with asyncio.timeout(SLOW_READERS_SECONDS):
            while found.slow - before.slow < len(deaf):
                await crowd.all_say(conversation, LONG)
                found = await crowd.figures()
                most = max(most, found.resident)
                crowd.forget()
        each = (most - before.resident) / len(deaf)
        printed(
            f"T17 slow readers, {turn + 1}: {found.slow - before.slow} of {len(deaf)} were cut off as SLOW"
            f" after {time.monotonic() - began:.1f} s; at most {each / 1024:.0f} KiB more memory for each"
        )
        assert found.slow - before.slow == len(deaf), "nobody else was"
        assert most - before.resident < len(deaf) * SLOW_READER_BYTES + UNRELATED_BYTES
        for one in deaf:
            one.hear()
        await crowd.is_here()


async def test_t17_when_everybody_has_gone_nothing_is_left_of_them(
    crowd: Crowd, printed: Callable[[str], None]
) -> None:
    with_all = await crowd.figures()
    await crowd.go()
    async with asyncio.timeout(30):
        while (left := await crowd.figures()).connections:
            await asyncio.sleep(0.2)
    gone = with_all.descriptors - left.descriptors
    printed(f"T17 everybody gone: {gone} descriptors given back, {left.descriptors} left, {left.tasks} tasks")
    assert gone >= len(crowd.all) - OWN
