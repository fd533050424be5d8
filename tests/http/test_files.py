"""Files over HTTP: large bodies for who holds a ticket, ranges, and a bound on what comes at once."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from core import limits
from core.actor import Actor, Role
from handlers.body_room import UploadRoom
from server.bootstrap import Roles
from tests.fault.im.people import employ
from tests.flow.signed_in import Device, House, a_house
from tests.unit.pictures.test_darkroom import a_photo

LI = Actor(id="nurse.li", role=Role.NURSE)
WU = Actor(id="nurse.wu", role=Role.NURSE)
EVE = Actor(id="nurse.eve", role=Role.NURSE)
PDF = b"%PDF-1.7\n" + bytes(range(256)) * 4_000


class Ward:
    """A conversation of two, and somebody who is not in it."""

    def __init__(self, house: House, li: Device, wu: Device, eve: Device, conversation: str) -> None:
        self.house, self.li, self.wu, self.eve = house, li, wu, eve
        self.conversation = conversation

    async def announces(self, device: Device, *, kind: str = "file", size: int = len(PDF)) -> dict[str, Any]:
        body = {"conversation": self.conversation, "kind": kind, "bytes": size, "name": "报告 1.pdf"}
        status, told = await device.posts("/v1/im/uploads", body)
        assert status == 201, told
        return told

    async def asks(
        self, method: str, url: str, data: Any = None, *, device: Device | None = None, **headers: str
    ) -> tuple[int, bytes, dict[str, str]]:
        if device is not None:
            headers["Authorization"] = f"Bearer {device.access_token}"
        address = f"http://127.0.0.1:{self.li.web.port}{url}"
        async with self.house.http.request(method, address, data=data, headers=headers) as answer:
            return answer.status, await answer.read(), dict(answer.headers)

    async def sent(self, cid: str) -> str:
        """The link to a document that was just sent."""
        upload = await self.announces(self.li)
        status, _, _ = await self.asks("PUT", upload["url"], PDF, device=self.li)
        assert status == 200
        body = {"type": "file", "file": upload["file"], "name": "报告 1.pdf", "bytes": len(PDF)}
        said = {"conversation": self.conversation, "cid": cid, "body": body}
        assert (await self.li.posts("/v1/im/send", said))[0] == 200
        return await self.link(self.wu, upload["file"])

    async def link(self, device: Device, file: str, which: str = "url") -> str:
        asked = {"conversation": self.conversation, "files": [file]}
        status, told = await device.posts("/v1/im/links", asked)
        assert status == 200, told
        return str(told["links"][0][which])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ward(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ward]:
    async with AsyncExitStack() as stack:
        house = await stack.enter_async_context(a_house(tmp_path_factory.mktemp("files")))
        await house.opens(Roles.WEB)
        await employ(house.settings, ["li", "wu", "eve"])
        li, wu, eve = [await house.device_of(who) for who in (LI, WU, EVE)]
        begun = {"cid": "team-0001", "kind": "team", "users": [WU.id], "title": "一病区"}
        status, told = await li.posts("/v1/im/start", begun)
        assert status == 200, told
        yield Ward(house, li, wu, eve, told["id"])


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_document_goes_up_and_comes_down_whole_and_in_parts(ward: Ward) -> None:
    url = await ward.sent("doc-0001")
    status, content, headers = await ward.asks("GET", url)
    assert (status, content) == (200, PDF)
    assert headers["Content-Type"] == "application/pdf"
    assert headers["Content-Disposition"] == "attachment; filename*=UTF-8''%E6%8A%A5%E5%91%8A%201.pdf"
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    status, content, headers = await ward.asks("GET", url, Range="bytes=65530-131080")
    assert (status, content) == (206, PDF[65530:131081])
    assert headers["Content-Range"] == f"bytes 65530-131080/{len(PDF)}"
    status, content, _ = await ward.asks("GET", url, Range="bytes=-9")
    assert (status, content) == (206, PDF[-9:])
    status, content, _ = await ward.asks("GET", url, Range=f"bytes={len(PDF)}-")
    assert (status, b"im.range_not_there" in content) == (416, True)
    status, content, _ = await ward.asks("GET", url, **{"If-None-Match": headers["Etag"]})
    assert (status, content) == (304, b"")
    status, content, headers = await ward.asks("HEAD", url)
    assert (status, content, headers["Content-Length"]) == (200, b"", str(len(PDF)))


async def test_a_form_of_a_mini_program_is_as_good_as_a_put(ward: Ward) -> None:
    photo = a_photo(1200, 900)
    upload = await ward.announces(ward.li, kind="image", size=len(photo))
    form = aiohttp.FormData()
    form.add_field("file", photo, filename="张小明.jpg", content_type="image/jpeg")
    status, content, _ = await ward.asks("POST", upload["url"], form, device=ward.li)
    assert status == 200, content
    upload = await ward.announces(ward.li, kind="image", size=len(photo))
    other = aiohttp.FormData()
    other.add_field("photo", photo, filename="x.jpg")
    status, content, _ = await ward.asks("POST", upload["url"], other, device=ward.li)
    assert (status, b"$.file" in content) == (422, True)


async def test_who_was_given_no_link_gets_none_and_an_altered_one_is_worth_nothing(ward: Ward) -> None:
    url = await ward.sent("doc-0002")
    file = url.split("/")[-1].partition("?")[0]
    asked = {"conversation": ward.conversation, "files": [file]}
    assert (await ward.eve.posts("/v1/im/links", asked))[1]["code"] == "im.no_such_conversation"
    for altered in (url[:-1] + ("A" if url[-1] != "A" else "B"), url.replace("?t=o.", "?t=t.")):
        status, content, _ = await ward.asks("GET", altered)
        assert (status, b"im.no_such_file" in content) == (404, True)
    assert (await ward.asks("GET", f"/v1/im/files/{file}"))[0] == 422


async def test_a_ticket_of_somebody_else_or_none_at_all_opens_nothing(ward: Ward) -> None:
    upload = await ward.announces(ward.li)
    status, content, _ = await ward.asks("PUT", upload["url"], PDF[:1000], device=ward.eve)
    assert (status, b"im.no_such_upload" in content) == (404, True)
    assert (await ward.asks("PUT", upload["url"], PDF[:1000]))[0] == 401
    # Without a ticket a body is no larger than anybody's, and is not even taken in.
    for url in ("/v1/im/uploads/x?t=1.2.3", "/v1/im/uploads/x", upload["url"].replace("?t=", "?t=9")):
        status, content, _ = await ward.asks("PUT", url, PDF, device=ward.li)
        assert (status, b"core.body_too_large" in content) == (413, True)


async def test_more_than_was_announced_is_refused_however_it_comes(ward: Ward) -> None:
    upload = await ward.announces(ward.li, size=100_000)
    status, content, _ = await ward.asks("PUT", upload["url"], PDF, device=ward.li)
    assert (status, b"core.body_too_large" in content) == (413, True)

    async def in_chunks() -> AsyncIterator[bytes]:
        for at in range(0, len(PDF), 50_000):
            yield PDF[at : at + 50_000]

    status, content, _ = await ward.asks("PUT", upload["url"], in_chunks(), device=ward.li)
    assert (status, b"core.body_too_large" in content) == (413, True)
    upload = await ward.announces(ward.li)
    status, content, _ = await ward.asks("PUT", upload["url"], in_chunks(), device=ward.li)
    assert status == 200, content


async def test_what_comes_at_once_is_bounded_and_given_back(ward: Ward) -> None:
    room = UploadRoom(lambda file, ticket: 1000)
    assert room.admits("/v1/im/uploads/x?t=1") == 1000 + limits.FILE_FORM_BYTES
    assert room.admits("/v1/im/uploads/x?t=[%") == 1000 + limits.FILE_FORM_BYTES
    assert not room.admits("/v1/im/send")
    assert not UploadRoom(lambda file, ticket: 0).admits("/v1/im/uploads/x?t=1")
    size = limits.FILE_DOCUMENT_BYTES
    upload = await ward.announces(ward.li, size=size)
    count = limits.FILE_BYTES_AT_ONCE // size
    head = (
        f"PUT {upload['url']} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n"
        f"Authorization: Bearer {ward.li.access_token}\r\n\r\n"
    ).encode()
    open_: list[asyncio.StreamWriter] = []
    try:
        for _ in range(count):
            _, writer = await asyncio.open_connection("127.0.0.1", ward.li.web.port)
            writer.write(head + bytes(70_000))
            open_.append(writer)
        await asyncio.sleep(0.3)
        status, content, headers = await ward.asks(
            "PUT", upload["url"], io.BytesIO(bytes(size)), device=ward.li
        )
        assert (status, b"core.too_much_at_once" in content) == (503, True), headers
    finally:
        for writer in open_:
            writer.close()
            await writer.wait_closed()
    async with asyncio.timeout(10):
        while (await ward.asks("PUT", upload["url"], PDF, device=ward.li))[0] != 200:
            await asyncio.sleep(0.1)


async def test_bytes_that_are_gone_or_altered_cut_the_answer_and_give_no_wrong_one(ward: Ward) -> None:
    url = await ward.sent("doc-0003")
    file = url.split("/")[-1].partition("?")[0]
    folder = Path(ward.house.settings.files.folder)
    (kept,) = [each for each in folder.rglob(f"{file}.*") if each.is_file()]
    sealed = bytearray(kept.read_bytes())
    sealed[700_000] ^= 1
    kept.write_bytes(sealed)
    with pytest.raises(aiohttp.ClientPayloadError):
        await ward.asks("GET", url)
    kept.unlink()
    with pytest.raises((aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError)):
        await ward.asks("GET", url)
