"""T4: whatever happens in whatever order, a client that follows the rules ends with everything.

Steps are drawn by hypothesis. Between two of them the loop makes a few rounds only, so that the next one
falls into the middle of what the last one began. At the end the trouble stops and time passes: everybody must
stand at the top of each channel with the full ordered log since the state was loaded last, and when all have
left nothing may be left of them.
"""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from adapters.memory.broker import MemoryStreams
from core import limits
from realtime.stream import Position
from tests.clients.phone import Phone
from tests.fault.realtime.handset import Handset
from tests.fault.realtime.house import CHANNELS, Web, may_merge, newest_is_all, small_bounds
from tests.fault.realtime.timeless import LoopClock, TimelessLoop
from tests.fault.realtime.truth import Truth, publication

pytestmark = pytest.mark.acceptance("T4")

OPEN = ("board:b", "log:a", "log:c", "sheet:d")
USERS = ("u1", "u2")
PERSONAL = tuple(f"user:#{user}" for user in USERS)
PHONES = 4
WEBS = 2
CALM_SECONDS = 30
FLOOD = 15

which_phone = st.integers(0, PHONES - 1)
which_web = st.integers(0, WEBS - 1)
any_channel = st.sampled_from(OPEN + PERSONAL)
rounds = st.integers(0, 6)
seldom = st.integers(0, 3).map(lambda drawn: drawn == 3)
seen: Counter[int] = Counter()


class Ward(RuleBasedStateMachine):
    """Everything that can happen to two processes and four phones."""

    def __init__(self) -> None:
        super().__init__()
        self.bounds = pytest.MonkeyPatch()
        for name, value in small_bounds().items():
            self.bounds.setattr(limits, name, value)
        self.loop = TimelessLoop()
        self.epochs = 0
        self.streams = MemoryStreams(clock=LoopClock(self.loop), new_epoch=self._new_epoch)
        self.truth = Truth()
        self.published = self.turns = 0
        self.chance = random.Random(0).random
        self.webs: list[Web] = []
        self.sets = [
            Handset(
                Phone(token=token, channels=channels, may_merge=may_merge, newest_is_all=newest_is_all),
                self.loop,
                self._another_web,
            )
            for token, channels in (("", OPEN), ("u1", OPEN[:1]), ("u1", ()), ("u2", OPEN))
        ]

    def _new_epoch(self) -> str:
        self.epochs += 1
        return f"e{self.epochs}"

    def _another_web(self) -> Web:
        self.turns += 1
        return self.webs[self.turns % WEBS]

    def do(self, action: Callable[[], object], rounds: int = 0) -> None:
        """Act within the loop, and let it go round so many times."""

        async def act() -> None:
            action()
            for _ in range(rounds):
                await asyncio.sleep(0)

        self.loop.run_until_complete(act())

    def pass_time(self, seconds: float) -> None:
        self.loop.run_until_complete(asyncio.sleep(seconds))

    @initialize()
    def the_day_begins(self) -> None:
        for _ in range(WEBS):
            self._add_web()
        for number in range(PHONES):
            self.comes(phone=number, web=number % WEBS, rounds=number)

    def _add_web(self) -> Web:
        batches, immediate = bool(self.turns % 2), self.turns % 3 == 1
        web = Web(self.streams, self.loop, self.chance, batches=batches, immediate=immediate)
        self.turns += 1
        self.webs.append(web)
        self.loop.run_until_complete(web.start())
        return web

    # Phones.

    @rule(phone=which_phone, web=which_web, rounds=rounds)
    def comes(self, phone: int, web: int, rounds: int) -> None:
        handset = self.sets[phone]
        if not handset.online:
            self.do(lambda: handset.connect(self.webs[web]), rounds)

    @rule(phone=which_phone, channel=st.sampled_from(OPEN), rounds=rounds)
    def subscribes(self, phone: int, channel: str, rounds: int) -> None:
        handset = self.sets[phone]
        self.do(lambda: handset.say(handset.phone.subscribe(channel)), rounds)

    @rule(phone=which_phone, channel=st.sampled_from(OPEN), rounds=rounds)
    def unsubscribes(self, phone: int, channel: str, rounds: int) -> None:
        handset = self.sets[phone]
        if channel in handset.phone.channels:
            self.do(lambda: handset.say(handset.phone.unsubscribe(channel)), rounds)

    @rule(phone=which_phone, politely=st.booleans(), rounds=rounds)
    def goes(self, phone: int, politely: bool, rounds: int) -> None:
        handset = self.sets[phone]
        self.do(handset.leave if politely else handset.vanish, rounds)

    @rule(phone=which_phone)
    def stops_reading(self, phone: int) -> None:
        self.do(self.sets[phone].go_deaf)

    @rule(phone=which_phone, rounds=rounds)
    def reads_again(self, phone: int, rounds: int) -> None:
        self.do(self.sets[phone].hear, rounds)

    # Publications, and what becomes of them.

    @rule(
        channel=any_channel,
        line=st.sampled_from(("L1", "L2", None)),
        size=st.sampled_from((0, 0, 900)),
        times=st.integers(1, 8),
        arriving=st.booleans(),
        rounds=rounds,
    )
    def is_published(
        self, channel: str, line: str | None, size: int, times: int, arriving: bool, rounds: int
    ) -> None:
        def publish() -> None:
            for _ in range(times):
                self._publish(channel, line if may_merge(channel) else None, size)
            if arriving:
                self._everything_arrives()

        self.do(publish, rounds)

    @rule(
        channel=any_channel, web=which_web, before=st.integers(0, 2), behind=st.integers(0, 2), rounds=rounds
    )
    def one_is_lost(self, channel: str, web: int, before: int, behind: int, rounds: int) -> None:
        def lose() -> None:
            self._everything_arrives()
            for _ in range(before + 1 + behind):
                self._publish(channel, None, 0)
            self.webs[web].broker.lose(before)
            self._everything_arrives()

        self.do(lose, rounds)

    def _publish(self, channel: str, line: str | None, size: int) -> None:
        policy, _ = CHANNELS.find(channel)
        self.published += 1
        data = publication(self.published, line, size)
        at = self.streams.publish(channel, json.dumps(data).encode(), keep=policy.keep, key=None)
        self.truth.note(channel, at, data)

    @rule(web=which_web, count=st.integers(1, 12), rounds=rounds)
    def arrive(self, web: int, count: int, rounds: int) -> None:
        self.do(lambda: self.webs[web].broker.arrive(count), rounds)

    @rule(web=which_web, channel=any_channel, rounds=rounds)
    def too_much_comes_at_once(self, web: int, channel: str, rounds: int) -> None:
        def flood() -> None:
            for _ in range(FLOOD):
                self._publish(channel, None, 900)
            self.webs[web].broker.arrive(len(self.webs[web].broker.under_way))

        self.do(flood, rounds)

    @rule(web=which_web)
    def one_comes_twice(self, web: int) -> None:
        self.webs[web].broker.double()

    # The broker.

    @rule(web=which_web, really=seldom, rounds=rounds)
    def the_broker_is_away(self, web: int, really: bool, rounds: int) -> None:
        self.webs[web].broker.away |= really
        self.do(lambda: None, rounds)

    @rule(web=which_web, rounds=rounds)
    def the_broker_is_back(self, web: int, rounds: int) -> None:
        self.do(self.webs[web].broker.back, rounds)

    @rule(web=which_web)
    def the_broker_takes_its_time(self, web: int) -> None:
        self.webs[web].broker.take_time()

    @rule(web=which_web, rounds=rounds)
    def the_broker_answers(self, web: int, rounds: int) -> None:
        self.do(self.webs[web].broker.answer, rounds)

    @rule(really=seldom)
    def the_broker_forgets_everything(self, really: bool) -> None:
        if really:
            self.streams.forget_everything()
            for web in self.webs:
                web.broker.under_way.clear()

    # Processes and time.

    @rule(web=which_web, really=seldom)
    def a_process_is_killed(self, web: int, really: bool) -> None:
        if really:
            self._end(self.webs.pop(web))
            self._add_web()

    def _end(self, web: Web) -> None:
        web.broker.answer()
        self.loop.run_until_complete(web.kill())

    @rule()
    def a_moment_passes(self) -> None:
        self.pass_time(0.35)

    @rule(seconds=st.sampled_from((1.2, 7.0, 45.0)))
    def time_passes(self, seconds: float) -> None:
        self.pass_time(seconds)

    # What must hold.

    @invariant()
    def nothing_went_wrong(self) -> None:
        for fault in self.loop.faults:
            raise AssertionError(fault["message"]) from fault.get("exception")

    @invariant()
    def what_waits_is_bounded(self) -> None:
        for web in self.webs:
            for connection in web.sockets._connections:
                waiting = connection._outbox.size if connection._outbox is not None else 0
                assert waiting <= limits.REALTIME_OUTBOX_BYTES

    def teardown(self) -> None:
        try:
            if self.webs:
                self._calm_down()
                self._everybody_leaves()
            self.nothing_went_wrong()
            assert asyncio.all_tasks(self.loop) == set()
        finally:
            self.bounds.undo()
            self.loop.close()

    def _calm_down(self) -> None:
        for web in self.webs:
            web.broker.answer()
            self.do(web.broker.back)
        for handset in self.sets:
            self.do(handset.hear)
        for number in range(PHONES):
            self.comes(phone=number, web=number % WEBS, rounds=0)
        for _ in range(CALM_SECONDS):
            self.do(self._everything_arrives)
            self.pass_time(1.0)
        self.nothing_went_wrong()
        tops = {channel: self._top(channel) for channel in OPEN + PERSONAL}
        for handset in self.sets:
            assert handset.phone.connected
            self.truth.judge(handset.phone, tops)
            seen.update(handset.phone.told)

    def _everything_arrives(self) -> None:
        for web in self.webs:
            web.broker.arrive(len(web.broker.under_way))

    def _top(self, channel: str) -> Position:
        keep = CHANNELS.find(channel)[0].keep
        assert keep is not None
        return self.streams.history(channel, keep=keep, since=None, limit=0, reverse=False).position

    def _everybody_leaves(self) -> None:
        for number, handset in enumerate(self.sets):
            self.do(handset.leave if number % 2 else handset.vanish)
        self.pass_time(30.0)
        for web in self.webs:
            assert len(web.sockets) == 0
            assert len(web.sockets._wheel) == 0
            for gauge in (web.metrics.connections, web.metrics.channels):
                assert [one.value for told in gauge.collect() for one in told.samples] == [0]
            assert web.hub._taps == {}
            assert web.broker._heard == set()
            for channel in OPEN + PERSONAL:
                stats = self.loop.run_until_complete(web.broker.presence_stats(channel))
                assert stats.clients == 0
        while self.webs:
            self._end(self.webs.pop())


@pytest.mark.sized
def test_whatever_happens_nobody_lacks_anything(long_run: bool, printed: Callable[[str], None]) -> None:
    runs, steps = (2_000, 60) if long_run else (40, 50)
    seen.clear()
    how = settings(
        max_examples=runs,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        derandomize=not long_run,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
        phases=(Phase.generate, Phase.shrink) if long_run else (Phase.generate,),
    )
    run_state_machine_as_test(Ward, settings=how)
    codes = ", ".join(f"{code}: {count}" for code, count in sorted(seen.items()))
    printed(f"model of the hub: {runs} runs of up to {steps} steps without a counter-example; codes {codes}")
    if long_run:
        assert min(seen[2500], seen[3008], seen[3010]) > runs / 100, "the trouble was there"
