"""Entering a Redis that is careful: passwords and TLS, and what is said when they are wrong."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from adapters.redis.broker import RedisBroker
from realtime.broker import BrokerUnavailable
from server.pki import make_pki
from tests.contract.hearing import KEEP, listening
from tests.services.process import free_port
from tests.services.redis import RedisServer
from tests.services.redis_groups import RedisSentinel

pytestmark = pytest.mark.redis
PASSWORD = "p@ss/w:rd"


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki")
    make_pki(folder)
    return folder


@pytest.fixture(scope="module")
def careful(pki: Path) -> Iterator[tuple[RedisServer, int]]:
    """A Redis with a password, on a TLS port besides the plain one."""
    port = free_port()
    server = RedisServer.start_private(
        {
            "--requirepass": PASSWORD,
            "--tls-port": str(port),
            "--tls-cert-file": str(pki / "front-machine.crt"),
            "--tls-key-file": str(pki / "front-machine.key"),
            "--tls-ca-cert-file": str(pki / "ca.crt"),
            "--tls-auth-clients": "no",
        }
    )
    yield server, port
    server.stop()


async def works(url: str) -> None:
    broker = RedisBroker(url, prefix=f"t{secrets.token_hex(4)}", reply_seconds=2.0)
    try:
        ear = await listening(broker, "queue:a")
        data = b'{"a":"%s"}' % (b"x" * 300_000)
        for _ in range(20):
            await broker.publish("queue:a", data, keep=KEEP)
        await ear.until(lambda: len(ear.heard) == 20)
        assert ear.offsets == list(range(1, 21))
        assert (await broker.history("queue:a", keep=KEEP, limit=1)).publications[0].data == data
    finally:
        await broker.close()


async def refused(url: str) -> None:
    broker = RedisBroker(url, reply_seconds=2.0)
    try:
        with pytest.raises(BrokerUnavailable):
            await broker.ping()
    finally:
        await broker.close()


async def test_a_password_opens_and_its_absence_does_not(careful: tuple[RedisServer, int]) -> None:
    server, _ = careful
    await works(f"redis://:{quote(PASSWORD, safe='')}@{server.address}/1")
    await works(f"redis://default:{quote(PASSWORD, safe='')}@{server.address}/1")
    await refused(server.url)
    await refused(f"redis://:wrong@{server.address}/0")


async def test_tls_is_spoken_and_the_authority_is_looked_at(
    careful: tuple[RedisServer, int], pki: Path
) -> None:
    _, port = careful
    door = f"rediss://:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/0"
    await works(f"{door}?ssl_ca_certs={quote(str(pki / 'ca.crt'), safe='')}")
    await refused(door)
    await refused(f"{door}?ssl_ca_certs={quote(str(pki / 'no-such-file.crt'), safe='')}")


async def test_sentinels_and_their_master_may_have_passwords_of_their_own(
    careful: tuple[RedisServer, int],
) -> None:
    master, _ = careful
    sentinel = RedisSentinel(master, f'requirepass "s p"\nsentinel auth-pass ward "{PASSWORD}"\n')
    door = f"redis+sentinel://:{quote(PASSWORD, safe='')}@127.0.0.1:{sentinel.port}/ward"
    try:
        await works(f"{door}?sentinel_password=s%20p")
        await refused(f"{door}?sentinel_password=other")
        await refused(door)
    finally:
        sentinel.stop()
