"""Bytes in a folder and in a bucket: the same promises."""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from adapters.files.blobs import FolderBlobs
from adapters.s3.blobs import S3Blobs
from core.clock import SystemClock
from im.file_store import Blobs
from im.refusals import FilesAway
from tests.services.process import free_port

CONTENT = random.Random(1).randbytes(300_000)


@pytest.fixture(scope="session")
def store() -> Iterator[str]:
    """An S3 of this test run alone."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=free_port(), verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def bucket_at(url: str, name: str) -> S3Blobs:
    return S3Blobs(url, bucket=name, region="us-east-1", access_key="houzhen", secret_key="not a secret")


@pytest.fixture(params=["folder", "s3"])
async def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Blobs]:
    made: FolderBlobs | S3Blobs
    if request.param == "folder":
        made = FolderBlobs(tmp_path / "files")
    else:
        made = bucket_at(request.getfixturevalue("store"), f"houzhen-{os.urandom(4).hex()}")
        await asyncio.to_thread(made._client.make_bucket, made._bucket)
    yield made
    made.close()


async def test_what_was_put_is_there_in_any_part(blobs: Blobs) -> None:
    await blobs.answers()
    await blobs.put("01JDAB.ff", CONTENT)
    assert await blobs.read("01JDAB.ff", 0, len(CONTENT)) == CONTENT
    assert await blobs.read("01JDAB.ff", 70_000, 9) == CONTENT[70_000:70_009]
    assert await blobs.read("01JDAB.ff", len(CONTENT) - 3, 9) == CONTENT[-3:]
    await blobs.put("01JDAB.ff", b"again")
    assert await blobs.read("01JDAB.ff", 0, 9) == b"again"


async def test_what_was_dropped_or_never_put_is_missing(blobs: Blobs) -> None:
    await blobs.put("01JDAB.ff", CONTENT)
    await blobs.drop("01JDAB.ff")
    await blobs.drop("01JDAB.ff")
    with pytest.raises(KeyError):
        await blobs.read("01JDAB.ff", 0, 9)


async def test_everything_is_listed_once_page_after_page_with_its_age(blobs: Blobs) -> None:
    assert not await blobs.names(after="", limit=10)
    names = [f"01JD{number:02}.{kind}" for number in range(4) for kind in ("aa", "aa.t")]
    for name in reversed(names):
        await blobs.put(name, b"x")
    found: list[str] = []
    while page := await blobs.names(after=found[-1] if found else "", limit=3):
        found += [each.name for each in page]
        assert all(abs(datetime.now(UTC) - each.at) < timedelta(minutes=5) for each in page)
    assert sorted(found) == sorted(names)


async def test_many_at_once_do_not_mix(blobs: Blobs) -> None:
    async def round_trip(number: int) -> bool:
        content = bytes([number]) * 5_000
        await blobs.put(f"01JD{number:02}.ff", content)
        return await blobs.read(f"01JD{number:02}.ff", 0, 5_000) == content

    assert all(await asyncio.gather(*(round_trip(number) for number in range(20))))


@pytest.mark.parametrize("name", ["../up", "a/b.c", "", ".hidden", "a" * 80, "01JD..x", "01JD.ff\n"])
async def test_a_name_that_is_none_leads_nowhere(tmp_path: Path, name: str) -> None:
    blobs = FolderBlobs(tmp_path / "files")
    with pytest.raises(KeyError):
        await blobs.read(name, 0, 1)
    with pytest.raises(KeyError):
        await blobs.put(name, b"x")
    blobs.close()
    assert not list(tmp_path.rglob("*"))


async def test_a_store_that_is_away_says_so_in_bounded_time(store: str, tmp_path: Path) -> None:
    (tmp_path / "files").write_text("a file is in the way")
    folder = FolderBlobs(tmp_path / "files")
    nowhere = bucket_at(f"http://127.0.0.1:{free_port()}", "houzhen")
    no_bucket = bucket_at(store, "houzhen-not-there")
    began = SystemClock().monotonic()
    for blobs in (folder, nowhere, no_bucket):
        with pytest.raises(FilesAway):
            await blobs.answers()
        with pytest.raises(FilesAway):
            await blobs.put("01JDAB.ff", b"x")
        blobs.close()
    assert SystemClock().monotonic() - began < 20
