"""What ``broker.url`` may say, and what is refused with a reason that holds no password."""

import pytest

from adapters.redis.dial import check_options
from adapters.redis.places import BadBrokerUrl, ClusterAt, One, Watched, places


def one(url: str) -> One:
    [place] = places([url])  # type: ignore[misc]
    assert isinstance(place, One)
    return place


def test_one_redis_with_everything() -> None:
    place = one("rediss://user:p%40ss@[::1]:7000/3?ssl_ca_certs=%2Fa%20b.pem#first")
    assert place.name == "first"
    assert place.host == ("::1", 7000)
    assert place.door.url(place.host) == "rediss://user:p%40ss@[::1]:7000/3?ssl_ca_certs=%2Fa+b.pem"


def test_a_redis_is_named_after_its_address_but_never_after_its_password() -> None:
    assert one("redis://:secret@localhost").name == "localhost:6379/0"


def test_sentinels_name_a_master_and_have_a_door_of_their_own() -> None:
    [place] = places(["redis+sentinel://u:p@a,b:1/ward/2?sentinel_password=s%2Fs&socket_keepalive=1"])  # type: ignore[misc]
    assert isinstance(place, Watched)
    assert (place.name, place.master, place.sentinels) == ("ward", "ward", (("a", 26379), ("b", 1)))
    assert place.door.url(("h", 5)) == "redis://u:p@h:5/2?socket_keepalive=1"
    assert place.sentinel_door.url(("a", 1)) == "redis://:s%2Fs@a:1/0?socket_keepalive=1"


def test_a_cluster_has_seeds() -> None:
    meant = places(["rediss+cluster://:p@a:1,b"])
    assert isinstance(meant, ClusterAt)
    assert meant.seeds == (("a", 1), ("b", 6379))
    assert meant.door.url(("c", 2)) == "rediss://:p@c:2/0"


def test_several_are_shards() -> None:
    meant = places(["redis://a#x", "redis+sentinel://b/ward#y"])
    assert [place.name for place in meant] == ["x", "y"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("urls", "says"),
    [
        ((), "1 to 64"),
        (("nats://a",), "must begin with"),
        (("unix:///run/redis.sock",), "must begin with"),
        (("redis+ring://a",), "must begin with"),
        (("redis://:secret@a,b",), "one server"),
        (("redis://:secret@",), "a host is missing"),
        (("redis://:secret@a:x",), "a port"),
        (("redis://:secret@a:99999",), "a port"),
        (("redis://:secret@[::1",), "cannot be read"),
        (("redis://:secret@a/first",), "must be a number"),
        (("redis://:secret@a/1/2",), "too much"),
        (("redis://:secret@a/0", "redis://:secret@a/0"), "the name a:6379/0"),
        (("redis://a#x", "redis://b#x"), "the name x"),
        (("redis+sentinel://:secret@a:26379",), "master's name is missing"),
        (("redis+sentinel://a/ward/0/0",), "too much"),
        (("redis+cluster://:secret@a/1",), "database 0"),
        (("redis+cluster://a#x",), "no #name"),
        (("redis://a", "redis+cluster://b"), "stands alone"),
        (tuple(f"redis://h{n}" for n in range(65)), "1 to 64"),
    ],
)
def test_what_cannot_be_meant_is_refused(urls: tuple[str, ...], says: str) -> None:
    with pytest.raises(BadBrokerUrl, match=says) as refused:
        places(urls)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("option", ["colour=blue", "socket_timeout=soon", "protocol=x"])
def test_an_option_that_nobody_understands_is_refused(option: str) -> None:
    with pytest.raises(BadBrokerUrl, match=option.partition("=")[0]) as refused:
        check_options(one(f"redis://:secret@a?{option}").door)
    assert "secret" not in str(refused.value)
