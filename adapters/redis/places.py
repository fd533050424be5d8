"""What ``broker.url`` may say: one Redis, several, one or several that Sentinels watch, or a Redis Cluster.

    redis://[user:password@]host[:port][/database][?options][#name]
    redis+sentinel://[user:password@]host[:port],host[:port],…/master[/database][?options][#name]
    redis+cluster://[user:password@]host[:port],host[:port],…[?options]

``rediss`` instead of ``redis`` means TLS; options are redis-py's (``ssl_ca_certs=…``), and for Sentinels also
``sentinel_username`` and ``sentinel_password``. Several URLs of the first two forms are shards. Pure: nothing
is opened here, and no text of an error holds a password.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

from core import limits

_PORT = 6379
_SENTINEL_PORT = 26379
Host = tuple[str, int]


class BadBrokerUrl(ValueError):
    """No Redis can be meant by this; the text says why."""


@dataclass(frozen=True, slots=True)
class Door:
    """How to enter a server whose address is told later: TLS, user, password, database, options."""

    scheme: str = "redis"
    user: str = ""
    """``user:password@`` as it stands in the URL, or nothing."""
    database: int = 0
    options: tuple[tuple[str, str], ...] = ()

    def url(self, host: Host) -> str:
        """For redis-py."""
        query = f"?{urlencode(self.options)}" if self.options else ""
        return f"{self.scheme}://{self.user}{named(host)}/{self.database}{query}"


@dataclass(frozen=True, slots=True)
class One:
    """A Redis at a fixed address."""

    name: str
    host: Host
    door: Door


@dataclass(frozen=True, slots=True)
class Watched:
    """Whichever Redis the Sentinels call the master."""

    name: str
    sentinels: tuple[Host, ...]
    master: str
    door: Door
    sentinel_door: Door


@dataclass(frozen=True, slots=True)
class ClusterAt:
    """A Redis Cluster; ``seeds`` are some of its nodes."""

    seeds: tuple[Host, ...]
    door: Door


Place = One | Watched


def named(host: Host) -> str:
    """``host:port``, with brackets around an IPv6 address."""
    return f"[{host[0]}]:{host[1]}" if ":" in host[0] else f"{host[0]}:{host[1]}"


def places(urls: Sequence[str]) -> tuple[Place, ...] | ClusterAt:
    """What the URLs mean together. Raises ``BadBrokerUrl``."""
    found = [_place(url) for url in urls]
    if not 1 <= len(found) <= limits.BROKER_SHARDS:
        raise BadBrokerUrl(f"1 to {limits.BROKER_SHARDS} addresses are needed, not {len(found)}")
    shards = tuple(place for place in found if not isinstance(place, ClusterAt))
    if len(shards) == len(found):
        names = [place.name for place in shards]
        for name in names:
            if names.count(name) > 1:
                raise BadBrokerUrl(f"two shards have the name {name}: give each its own #name")
        return shards
    if len(found) > 1:
        raise BadBrokerUrl("a cluster stands alone: list its nodes in one redis+cluster:// address")
    assert isinstance(found[0], ClusterAt)
    return found[0]


def _place(url: str) -> Place | ClusterAt:
    try:
        parts = urlsplit(url)
    except ValueError:
        raise BadBrokerUrl("the address cannot be read (are brackets missing?)") from None
    scheme, _, kind = parts.scheme.partition("+")
    if scheme not in ("redis", "rediss") or kind not in ("", "sentinel", "cluster"):
        raise BadBrokerUrl("must begin with redis://, redis+sentinel:// or redis+cluster:// (rediss for TLS)")
    user, at, listed = parts.netloc.rpartition("@")
    options = tuple(parse_qsl(parts.query, keep_blank_values=True))
    path = [unquote(part) for part in parts.path.split("/") if part]
    if kind == "cluster":
        return _cluster(scheme, user + at, listed, path, options, parts)
    if kind == "sentinel":
        return _watched(scheme, user + at, listed, path, options, parts)
    hosts = _hosts(listed, _PORT)
    if len(hosts) > 1:
        raise BadBrokerUrl("redis:// names one server; several shards are a list of addresses")
    door = Door(scheme, user + at, _database(path), options)
    return One(unquote(parts.fragment) or f"{named(hosts[0])}/{door.database}", hosts[0], door)


def _cluster(
    scheme: str,
    user: str,
    listed: str,
    path: list[str],
    options: tuple[tuple[str, str], ...],
    parts: SplitResult,
) -> ClusterAt:
    if _database(path):
        raise BadBrokerUrl("a cluster has database 0 only")
    if parts.fragment:
        raise BadBrokerUrl("a cluster is no shard and has no #name")
    return ClusterAt(_hosts(listed, _PORT), Door(scheme, user, 0, options))


def _watched(
    scheme: str,
    user: str,
    listed: str,
    path: list[str],
    options: tuple[tuple[str, str], ...],
    parts: SplitResult,
) -> Watched:
    if not path:
        raise BadBrokerUrl("the master's name is missing: redis+sentinel://host:26379,host:26379/mymaster")
    given = dict(options)
    name, password = given.pop("sentinel_username", ""), given.pop("sentinel_password", "")
    kept = tuple(given.items())
    sentinel_user = f"{_quoted(name)}:{_quoted(password)}@" if password else ""
    return Watched(
        name=unquote(parts.fragment) or path[0],
        sentinels=_hosts(listed, _SENTINEL_PORT),
        master=path[0],
        door=Door(scheme, user, _database(path[1:]), kept),
        sentinel_door=Door(scheme, sentinel_user, 0, kept),
    )


def _quoted(text: str) -> str:
    return urlencode({"": text})[1:].replace("+", "%20")


def _hosts(listed: str, port: int) -> tuple[Host, ...]:
    hosts = []
    for each in listed.split(","):
        try:
            parts = urlsplit(f"//{each}")
            host = parts.hostname, parts.port or port
        except ValueError:
            raise BadBrokerUrl("a port is not a number from 1 to 65535") from None
        if not host[0]:
            raise BadBrokerUrl("a host is missing")
        hosts.append((host[0], host[1]))
    return tuple(hosts)


def _database(path: list[str]) -> int:
    if len(path) > 1:
        raise BadBrokerUrl("there is too much behind the host")
    try:
        return int(path[0]) if path else 0
    except ValueError:
        raise BadBrokerUrl("the database must be a number") from None
