"""A clinic in full swing while its processes die: everybody ends with the truth, nothing is lost or doubled.

The scene goes on through the whole module; the tests run in the order written here.
"""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
import websockets

from core import limits
from core.actor import Role
from server.tokens import staff_actor
from tests.fault.scene import Scene, a_scene
from tests.fault.serving import Process, exists
from tests.services.mariadb import MariadbServer
from tests.services.redis import RedisServer

pytestmark = [
    pytest.mark.process,
    pytest.mark.redis,
    pytest.mark.mariadb,
    pytest.mark.asyncio(loop_scope="module"),
]

BACK_SECONDS = 20.0
"""The promise is 2 s; a test machine is busy with other tests. The measured value is printed."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(
    tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer, mariadb_server: MariadbServer
) -> AsyncIterator[Scene]:
    """One clinic for the module."""
    redis_server.ensure_running()
    redis_server.empty()
    mariadb_server.ensure_running()
    async with a_scene(tmp_path_factory.mktemp("serve"), redis_server, mariadb_server) as scene:
        await scene.works_for(2.0)
        yield scene


def note(what: str, began: float) -> float:
    """Print how long it took since then."""
    took = time.monotonic() - began
    print(f"\n  {what}: {took:.2f} s")
    return took


async def test_each_web_process_killed_in_turn_is_back_and_nobody_misses_anything(scene: Scene) -> None:
    await scene.serve.has_spares(limits.RESTART_SPARES)
    for turn in range(4):  # the oldest each time: the third start finds no spare ready
        victim = (await scene.serve.webs())[0]
        began = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        await scene.serve.webs(besides=[victim])
        assert note(f"killed web process listens again ({turn + 1})", began) < BACK_SECONDS
        await scene.works_for(0.5)
    await scene.settles()
    assert scene.backwards() == []


async def test_both_web_processes_killed_at_once(scene: Scene) -> None:
    await scene.serve.has_spares(limits.RESTART_SPARES)
    webs = await scene.serve.webs()
    began = time.monotonic()
    for victim in webs:
        os.kill(victim, signal.SIGKILL)
    await scene.serve.webs(besides=webs)
    assert note("both web processes listen again", began) < BACK_SECONDS
    await scene.settles()
    assert scene.backwards() == []


async def test_a_killed_worker_is_back_and_holds_every_lease(scene: Scene) -> None:
    [victim] = scene.serve.pids("worker")
    await scene.serve.has_spares(limits.RESTART_SPARES)
    began = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    await scene.leases_are_with(besides=victim)
    assert note("every lease is held again", began) < BACK_SECONDS
    await scene.settles()
    assert scene.backwards() == []


async def test_a_token_taken_back_on_the_command_line_ends_on_every_process(scene: Scene) -> None:
    lost = scene.issuer.issue(staff_actor(Role.NURSE, "lost"), good_for=timedelta(hours=1)).token
    url = f"ws://127.0.0.1:{scene.serve.port}/connection/websocket"
    # So many that the kernel gives some to either process.
    sockets = [await websockets.connect(url, proxy=None) for _ in range(16)]
    for each in sockets:
        await each.send(json.dumps({"id": 1, "connect": {"token": lost}}))
        assert '"client"' in str(await each.recv())
    revoke = Process(
        *("revoke", "--user", "nurse.lost", "--config", str(scene.serve.file)),
        log=scene.serve.log.with_name("revoke.log"),
    )
    await revoke.start()
    assert await revoke.wait(60) == 0, revoke.told()
    began = time.monotonic()
    async with asyncio.timeout(BACK_SECONDS):
        await asyncio.gather(*(each.wait_closed() for each in sockets))
    note("every socket is closed after the command has ended", began)
    assert "every process that runs has been told" in revoke.told()
    assert {(each.close_code, each.close_reason) for each in sockets} == {(3500, "invalid token")}
    async with scene.http.get("/v1/lines", headers={"Authorization": f"Bearer {lost}"}) as response:
        assert (response.status, (await response.json())["code"]) == (401, "core.token_revoked")


async def test_redis_killed_and_empty_again(scene: Scene) -> None:
    await asyncio.to_thread(scene.redis.kill)
    await scene.works_for(1.0)
    await asyncio.to_thread(scene.redis.ensure_running)
    await scene.settles()
    # What was told just before the crash may be told once more on the new, empty Redis; clients show the
    # newest board, which ``settles`` has seen.
    scene.backwards()


async def test_the_database_killed_and_started_again(scene: Scene) -> None:
    await asyncio.to_thread(scene.mariadb.kill)
    await scene.works_for(1.0)
    await asyncio.to_thread(scene.mariadb.ensure_running)
    await scene.settles()
    assert scene.backwards() == []


async def test_a_worker_that_stood_still_does_no_harm_when_it_goes_on(scene: Scene) -> None:
    [first] = scene.serve.pids("worker")
    second = Process("worker", "--config", str(scene.serve.file), log=scene.serve.log.with_name("second.log"))
    await second.start()
    try:
        await asyncio.sleep(2.0)
        os.kill(first, signal.SIGSTOP)
        began = time.monotonic()
        try:
            await scene.leases_are_with(second.pid)
            note("leases of a worker that stands still are taken over", began)
            await scene.works_for(1.0)
        finally:
            os.kill(first, signal.SIGCONT)
        await scene.works_for(1.5)
        assert set(scene.holders().values()) == {
            holder for holder in scene.holders().values() if f".{second.pid}." in holder
        }
        assert exists(first)
        await scene.settles()
        assert scene.backwards() == []
    finally:
        assert await second.end() == 0
    await scene.leases_are_with(first)


async def test_nothing_was_unforeseen(scene: Scene) -> None:
    told = {event.get("event") for event in scene.serve.events()}
    assert told & {"http.failed", "work.failed", "relay.publication_failed"} == set()
    assert "Traceback" not in scene.serve.told()
    assert min(nurse.version for nurse in scene.nurses) > 50
    assert sum(nurse.repeated for nurse in scene.nurses) > 0
    streams = [
        shown for watcher in scene.watchers for each in watcher.channels for shown in each.lines.values()
    ]
    assert min(shown.told for shown in streams) > 30
    assert all(len(watcher.interruptions) > 1 for watcher in scene.watchers)
    kept, again = (sum(counts) for counts in zip(*(each.counts for each in scene.nurses), strict=True))
    assert again > 0
    print(f"\n  {kept} commands acknowledged, {again} found done when repeated, none lost, none twice")


async def test_told_to_end_it_sends_everybody_away_and_ends_in_time(scene: Scene) -> None:
    children = [*scene.serve.pids("web"), *scene.serve.pids("worker")]
    for watcher in scene.watchers:
        watcher.interruptions.clear()
    began = time.monotonic()
    # The tree gives each child 22 s before it insists; how long it took is printed.
    assert await scene.serve.end(40.0) == 0, scene.serve.told()[-3000:]
    note("the whole tree has ended", began)
    assert not {event.get("event") for event in scene.serve.events()} & {
        "tree.child_killed",
        "role.did_not_end",
    }
    assert not any(exists(pid) for pid in children)
    assert {watcher.interruptions[0] for watcher in scene.watchers} == {3001}
