"""Several private redis-servers that belong together: shards, a cluster, a master that Sentinels watch."""

import contextlib
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from redis import RedisError

from tests.services.process import Child, free_port, program
from tests.services.redis import RedisServer, listens, said
from tests.services.server import PrivateServer

SLOTS = 16_384
UNTIL_SECONDS = 30.0


def until(true: Callable[[], bool], what: str) -> None:
    """Wait until it is so; while a server does not answer, it is not."""
    ends = time.monotonic() + UNTIL_SECONDS
    while time.monotonic() < ends:
        with contextlib.suppress(RedisError, OSError):
            if true():
                return
        time.sleep(0.02)
    raise TimeoutError(what)


class Group:
    """Servers that are started, mended and stopped together."""

    @property
    def servers(self) -> Sequence[PrivateServer]:
        """All of them."""
        raise NotImplementedError

    def ensure_running(self) -> None:
        """Bring back whoever was killed or paused, and wait until all is well."""
        for server in self.servers:
            server.ensure_running()
        until(self.well, "all is well again")

    def well(self) -> bool:
        """Whether they work together as they should."""
        return True

    def stop(self) -> None:
        """End all of them."""
        for server in self.servers:
            server.stop()


class RedisShards(Group):
    """Servers that know nothing of each other."""

    def __init__(self, count: int = 3) -> None:
        self.shards = [RedisServer.start_private() for _ in range(count)]

    @property
    def servers(self) -> Sequence[PrivateServer]:
        return self.shards

    @property
    def urls(self) -> tuple[str, ...]:
        """For ``broker.url``."""
        return tuple(server.url for server in self.shards)


class RedisCluster(Group):
    """Three masters with a third of the slots each, and a replica of the first."""

    def __init__(self) -> None:
        self.nodes = [RedisServer.start_private(self._options()) for _ in range(4)]
        self.masters, self.replica = self.nodes[:3], self.nodes[3]
        try:
            self._join()
        except BaseException:
            self.stop()
            raise

    @property
    def servers(self) -> Sequence[PrivateServer]:
        return self.nodes

    @staticmethod
    def _options() -> dict[str, str]:
        return {
            "--databases": "1",
            "--cluster-enabled": "yes",
            "--cluster-port": str(free_port()),
            "--cluster-node-timeout": "1500",
            "--cluster-require-full-coverage": "no",
            "--cluster-replica-validity-factor": "0",
        }

    def _join(self) -> None:
        first = self.nodes[0]
        for at, node in enumerate(self.nodes):
            node.say("CLUSTER SET-CONFIG-EPOCH", at + 1)
        for at, master in enumerate(self.masters):
            master.say("CLUSTER ADDSLOTSRANGE", SLOTS * at // 3, SLOTS * (at + 1) // 3 - 1)
        bus = first.say("CONFIG GET", "cluster-port")["cluster-port"]
        for node in self.nodes[1:]:
            node.say("CLUSTER MEET", "127.0.0.1", first.port, bus)
        until(lambda: all(self._knows_all(node) for node in self.nodes), "the nodes know each other")
        self.replica.say("CLUSTER REPLICATE", first.say("CLUSTER MYID"))
        until(self.well, "the cluster is well")

    @staticmethod
    def _knows_all(node: RedisServer) -> bool:
        return int(node.say("CLUSTER INFO")["cluster_known_nodes"]) == 4

    def well(self) -> bool:
        """Every slot is served, everywhere, and the replica is in step with its master."""
        infos = [node.say("CLUSTER INFO") for node in self.nodes]
        states = all(
            info["cluster_state"] == "ok" and info["cluster_slots_ok"] == str(SLOTS) for info in infos
        )
        links = [node.say("INFO", "replication") for node in self.nodes]
        return states and [link.get("master_link_status") for link in links if link["role"] == "slave"] == [
            "up"
        ]

    def node_of(self, port: int) -> RedisServer:
        """The node at a port."""
        return next(node for node in self.nodes if node.port == port)

    @property
    def urls(self) -> tuple[str, ...]:
        """For ``broker.url``: two of the nodes are told."""
        return (f"redis+cluster://{self.nodes[1].address},{self.nodes[2].address}",)


class RedisSentinel(PrivateServer):
    """One Sentinel that watches a master named ``ward``; ``more`` is added to its settings."""

    def __init__(self, master: RedisServer, more: str = "") -> None:
        folder, self.port = Path(tempfile.mkdtemp(prefix="houzhen-sentinel-")), free_port()
        file = folder / "sentinel.conf"
        file.write_text(
            f"bind 127.0.0.1\nport {self.port}\ndir {folder}\nloglevel warning\n"
            f"sentinel monitor ward 127.0.0.1 {master.port} 2\n"
            "sentinel down-after-milliseconds ward 1000\n"
            f"sentinel failover-timeout ward 3000\n{more}"
        )
        command = [program("redis-server", package="redis-server"), str(file), "--sentinel"]
        child = Child(command, log=folder / "redis.log", answers=lambda: listens(self.port))
        super().__init__(child, folder=folder)
        try:
            child.start()
        except BaseException:
            self.stop()
            raise


class WatchedRedis(Group):
    """A master, its replica, and three Sentinels that agree about them."""

    def __init__(self) -> None:
        self.redis = [RedisServer.start_private()]
        self.sentinels: list[RedisSentinel] = []
        try:
            first = self.redis[0]
            self.redis.append(RedisServer.start_private({"--replicaof": f"127.0.0.1 {first.port}"}))
            self.sentinels += [RedisSentinel(first) for _ in range(3)]
            until(self.well, "the Sentinels agree")
        except BaseException:
            self.stop()
            raise

    @property
    def servers(self) -> Sequence[PrivateServer]:
        return (*self.redis, *self.sentinels)

    @property
    def master(self) -> RedisServer:
        """Whom the first Sentinel calls the master."""
        _, port = said(self.sentinels[0].port, "SENTINEL GET-MASTER-ADDR-BY-NAME", "ward")
        return next(server for server in self.redis if server.port == int(port))

    def ensure_running(self) -> None:
        for server in self.servers:
            server.ensure_running()
        master = self.master
        for server in self.redis:
            # The Sentinels do so too, but think about it for ten seconds.
            if server is not master and server.say("ROLE")[0] == "master":
                server.say("REPLICAOF", "127.0.0.1", master.port)
        until(self.well, "all is well again")

    def well(self) -> bool:
        """Every Sentinel knows the others and a replica that is in step with the master."""
        for sentinel in self.sentinels:
            told = said(sentinel.port, "SENTINEL MASTERS")["ward"]
            if int(told["num-other-sentinels"]) != 2 or told["flags"] != "master":
                return False
            replicas = said(sentinel.port, "SENTINEL REPLICAS", "ward")
            if [each["flags"] for each in replicas] != ["slave"]:
                return False
        return [server.say("ROLE")[0] for server in self.redis].count("master") == 1 and any(
            server.say("INFO", "replication").get("master_link_status") == "up" for server in self.redis
        )

    @property
    def urls(self) -> tuple[str, ...]:
        """For ``broker.url``."""
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return (f"redis+sentinel://{hosts}/ward/0",)
