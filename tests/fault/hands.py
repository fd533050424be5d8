"""The steady stream of changes: nurses who repeat what got no answer, a hospital that moves its rows."""

import asyncio
import itertools
import random
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.services.stranger import Stranger

ANSWER_SECONDS = 3.0
LOST_SECONDS = 0.012
LOST_SHARE = 0.15
"""So many answers are lost on purpose: who asks has gone again after about the time a command takes."""
HIS_CODES = {"waiting": "1 ", "called": "2 ", "in_service": "3 ", "passed": "6 ", "done": "9 "}


@dataclass
class Nurse:
    """One line's staff. Every command carries a name of its own as its reason, by which it is found again."""

    line: str
    room: str
    http: aiohttp.ClientSession
    headers: dict[str, str]
    acknowledged: dict[str, int] = field(default_factory=dict)
    """Command to the version that its answer named."""
    settled: set[str] = field(default_factory=set)
    """Commands whose answer was lost and whose repetition met their own effect."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Whoever holds it keeps the nurse from beginning another command."""
    sent: int = 0
    repeated: int = 0
    version: int = 0
    _chance: random.Random = field(default_factory=lambda: random.Random(11))

    @property
    def counts(self) -> tuple[int, int]:
        """Commands whose answer came, and commands that had been carried out when they were repeated."""
        return len(self.acknowledged), len(self.settled)

    async def works(self, *, pause: float) -> None:
        """Check people in, call, start and finish them, for ever."""
        await self._does("open", f"/rooms/{self.room}/open")
        for person in itertools.count(1):
            await self._does(
                f"in-{person}", "/check-in", key=f"{self.line}-check-in-{person}", visit=f"V{person}"
            )
            await asyncio.sleep(pause)
            if person % 3 == 0:
                await self._serves(person)
                await asyncio.sleep(pause)

    async def _serves(self, turn: int) -> None:
        called = await self._does(f"call-{turn}", "/call-next", room=self.room)
        now = (called or await self._board())["now"]
        if not now:
            return
        number = now[0]["number"]
        await self._does(f"start-{turn}", f"/tickets/{number}/start")
        await self._does(f"finish-{turn}", f"/tickets/{number}/finish")

    async def _does(
        self, name: str, path: str, *, key: str | None = None, **body: object
    ) -> dict[str, Any] | None:
        """Carry one command out, however often it takes; answers the board if its answer was seen."""
        async with self.turn:
            return await self._repeats(name, path, key, body)

    async def _repeats(
        self, name: str, path: str, key: str | None, body: dict[str, object]
    ) -> dict[str, Any] | None:
        reason = f"{self.line}-{name}"
        headers = self.headers if key is None else self.headers | {"Idempotency-Key": key}
        unanswered = False
        while True:
            self.sent += 1
            given = {"expected_version": self.version, "reason": reason, **body}
            patience = LOST_SECONDS if self._chance.random() < LOST_SHARE else ANSWER_SECONDS
            try:
                async with self.http.post(
                    f"/v1/lines/{self.line}{path}",
                    json=given,
                    headers=headers,
                    timeout=aiohttp.ClientTimeout(total=patience),
                ) as response:
                    status, answer = response.status, await response.json()
            except (aiohttp.ClientError, TimeoutError):
                status, answer = 0, {}
            if status == 200:
                self.version = answer["version"]
                self.acknowledged[reason] = answer["version"]
                board: dict[str, Any] = answer["board"]
                return board
            if status in (0, 500, 502, 503):
                unanswered, self.repeated = True, self.repeated + 1
                await asyncio.sleep(0.1)
                continue
            code = answer["code"]
            if code == "core.idempotency_key_in_flight":
                await asyncio.sleep(0.2)
            elif code == "queue.line_has_moved" and not (unanswered and key is None):
                self.version = answer["params"]["version"]
            elif unanswered and (code == "queue.line_has_moved" or code in SETTLED):
                self.settled.add(reason)
                await self._board()
                return None
            else:
                raise AssertionError(f"{reason}: {status} {code}")

    async def _board(self) -> dict[str, Any]:
        while True:
            try:
                async with self.http.get(f"/v1/lines/{self.line}") as response:
                    if response.status == 200:
                        board: dict[str, Any] = (await response.json())["board"]
                        self.version = board["version"]
                        return board
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(0.1)


SETTLED = {"queue.already_in_line", "queue.wrong_state", "queue.room_is_busy"}
"""What a repeated command meets when its lost answer was a yes."""


class HospitalHand:
    """Moves tickets in the hospital's own file and knows how each stands."""

    def __init__(self, stranger: Stranger, lines: list[str], numbers: list[str]) -> None:
        self._stranger = stranger
        self._chance = random.Random(7)
        self.states = {(line, number): "waiting" for line in lines for number in numbers}
        self.turn = asyncio.Lock()

    async def works(self, *, pause: float) -> None:
        """One change after another, for ever."""
        while True:
            line, number = self._chance.choice(list(self.states))
            state = self._chance.choice([each for each in HIS_CODES if each != self.states[line, number]])
            async with self.turn:
                await asyncio.to_thread(self._stranger.move, line, number, HIS_CODES[state])
                self.states[line, number] = state
            await asyncio.sleep(pause * (0.5 + self._chance.random()))

    def disagrees(self, board: dict[str, Any]) -> str:
        """Where the board does not show what the hospital's table says; empty when it does."""
        line = board["line"]
        mine = {number: state for (each, number), state in self.states.items() if each == line}
        waiting = {number for number, state in mine.items() if state == "waiting"}
        now = {number: state for number, state in mine.items() if state in ("called", "in_service")}
        shown = {each["number"]: each["state"] for each in board["now"]}
        if set(board["waiting"]) != waiting or shown != now:
            return f"{line}: hospital {sorted(waiting)} {now}, board {board['waiting']} {shown}"
        return ""
