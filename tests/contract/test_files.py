"""Files in conversations on both databases: who may bring, send and see one, and what becomes of the rest."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapters.sql.transaction import Database
from core import limits
from im import refusals, wire
from im.record import Finding, What
from im.recording import Recording
from im.sniffing import DOCX
from im.thread import Part, Seat, State
from tests.contract.file_examples import Post
from tests.contract.im_examples import LI, SON, STRANGER, ZHANG
from tests.unit.im.test_sniffing import archive
from tests.unit.im.test_sounding import wav
from tests.unit.pictures.test_darkroom import a_photo

PDF = b"%PDF-1.7\n" + os.urandom(200_000)


@pytest.fixture
async def post(database: Database, tmp_path: Path) -> AsyncIterator[Post]:
    made = Post(database, tmp_path / "files")
    await made.begins()
    yield made
    made.close()


async def test_a_picture_is_brought_sent_and_seen_by_who_is_there_and_by_nobody_else(post: Post) -> None:
    file = await post.brings()
    assert (file.media_type, file.width, file.height) == ("image/jpeg", 80, 40)
    # Not sent yet: its owner's alone.
    assert not (await post.links(LI, file.id)).links
    assert len((await post.links(ZHANG, file.id)).links) == 1
    await post.sends(ZHANG, wire.ImageBody(files=[file.id], text="舌苔"))
    link = (await post.links(LI, file.id, "nothing")).links[0]
    assert len(await post.fetched(link.url)) == link.bytes == file.bytes
    assert link.thumbnail is not None
    assert (await post.fetched(link.thumbnail))[:3] == b"\xff\xd8\xff"
    with pytest.raises(refusals.NoSuchConversation):
        await post.links(STRANGER, file.id)
    for one in post.kept():
        assert b"JFIF" not in one.read_bytes()


async def test_a_document_comes_back_byte_for_byte_and_a_voice_with_its_length(post: Post) -> None:
    document = await post.brings(content=PDF, kind="file", bytes=len(PDF), name="化验单.pdf")
    voice = await post.brings(content=wav(2.5), kind="voice")
    assert (document.media_type, voice.seconds) == ("application/pdf", 3)
    await post.sends(ZHANG, wire.FileBody(file=document.id, name="化验单.pdf", bytes=len(PDF)), "doc-0001")
    await post.sends(ZHANG, wire.VoiceBody(file=voice.id, seconds=2), "voice-001")
    links = {one.file: one for one in (await post.links(LI, document.id, voice.id)).links}
    assert await post.fetched(links[document.id].url) == PDF
    assert await post.fetched(links[voice.id].url) == wav(2.5)


async def test_a_message_commits_to_the_bytes_of_its_files(post: Post) -> None:
    document = await post.brings(content=PDF, kind="file", bytes=len(PDF), name="化验单.pdf")
    body = wire.FileBody(file=document.id, name="化验单.pdf", bytes=len(PDF))
    with pytest.raises(refusals.FileNotReady):
        await post.sends(ZHANG, msgspec.structs.replace(body, sha256=["0" * 64]), "doc-0001")
    await post.sends(ZHANG, body, "doc-0001")
    digest = hashlib.sha256(PDF).hexdigest()
    said = [one.body for one in await post.log(LI)]
    assert said == [msgspec.structs.replace(body, sha256=[digest])]
    # Again, as its sender said it and as the server told it.
    for again in (body, said[0]):
        assert (await post.sends(ZHANG, again, "doc-0001")).seq == 1
    recording = Recording(units=post.units, clock=post.clock)
    assert [found async for found in recording.check("c1")] == [("c1", [])]
    async with post.units.begin() as unit:
        [row] = await unit.files.hold([document.id])
        assert row.content is not None
        unit.files.keep(replace(row, content=replace(row.content, digest=b"x" * 32)))
        await unit.commit()
    assert [found async for found in recording.check("c1")] == [("c1", [Finding(1, What.FILE)])]
    async with post.units.begin() as unit:
        unit.files.drop(document.id)
        await unit.commit()
    assert [found async for found in recording.check("c1")] == [("c1", [Finding(1, What.FILE)])]


@pytest.mark.parametrize(
    ("kind", "content", "refusal"),
    [
        ("image", b"MZ\x90\0" * 50, refusals.FileNotTaken),
        ("image", PDF[:500], refusals.FileNotTaken),
        ("image", a_photo()[:200], refusals.FileDamaged),
        ("voice", a_photo(), refusals.FileNotTaken),
        ("voice", wav(61.5), refusals.VoiceTooLong),
        ("file", a_photo(), refusals.FileNotTaken),
        ("file", b"<html><script>alert(1)</script>", refusals.FileNotTaken),
        (
            "file",
            archive("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"),
            refusals.FileNotTaken,
        ),
        ("file", b"", refusals.FileTooLarge),
        ("image", a_photo() + bytes(100_000), refusals.FileTooLarge),
    ],
)
async def test_what_is_not_what_it_should_be_is_refused_and_nothing_of_it_is_kept(
    post: Post, kind: str, content: bytes, refusal: type[Exception]
) -> None:
    file, ticket = await post.begins_upload(kind=kind, bytes=max(1, min(len(content), 1_000_000)))
    if refusal is refusals.FileTooLarge:
        file, ticket = await post.begins_upload(kind=kind, bytes=1000)
    with pytest.raises(refusal):
        await post.files.bring(ZHANG, file, ticket, content)
    assert not post.kept()


async def test_a_word_document_is_taken(post: Post) -> None:
    content = archive("[Content_Types].xml", "word/document.xml")
    assert (await post.brings(content=content, kind="file", name="病历.docx")).media_type == DOCX


async def test_only_who_may_speak_announces_a_file(post: Post) -> None:
    with pytest.raises(refusals.NoSuchConversation):
        await post.begins_upload(STRANGER)
    with pytest.raises(refusals.FileTooLarge):
        await post.begins_upload(bytes=limits.FILE_IMAGE_BYTES + 1)
    await post.begins("c2", state=State.CLOSED)
    with pytest.raises(refusals.ConversationIsClosed):
        await post.begins_upload(conversation="c2")
    await post.begins("c3", turns_left=0)
    with pytest.raises(refusals.NoTurnsLeft):
        await post.begins_upload(conversation="c3")


async def test_somebody_elses_upload_and_a_forged_or_late_ticket_meet_the_same_answer(post: Post) -> None:
    file, ticket = await post.begins_upload()
    for who, name, said in ((LI, file, ticket), (ZHANG, file, ticket[:-2] + "xx"), (ZHANG, "none", ticket)):
        with pytest.raises(refusals.NoSuchUpload):
            await post.files.bring(who, name, said, a_photo())
    post.later(limits.FILE_UPLOAD_SECONDS)
    with pytest.raises(refusals.NoSuchUpload):
        await post.files.bring(ZHANG, file, ticket, a_photo())


async def test_brought_twice_at_once_it_is_one_file_and_the_other_bytes_go(post: Post) -> None:
    file, ticket = await post.begins_upload()
    both = await asyncio.gather(*(post.files.bring(ZHANG, file, ticket, a_photo()) for _ in range(3)))
    assert len({one.id for one in both}) == 1
    assert len(post.kept()) == 2
    assert (await post.files.bring(ZHANG, file, ticket, b"other")).bytes == both[0].bytes


async def test_a_file_is_in_one_message_whoever_tries_otherwise(post: Post) -> None:
    file, document = await post.brings(), await post.brings(content=PDF, kind="file", bytes=len(PDF))
    theirs, awaited = await post.brings(LI), (await post.begins_upload())[0]
    await post.begins("c2")
    elsewhere = await post.brings(conversation="c2")
    wrong: list[wire.Sendable] = [
        wire.ImageBody(files=[theirs.id]),
        wire.ImageBody(files=[awaited]),
        wire.ImageBody(files=[elsewhere.id]),
        wire.ImageBody(files=["none"]),
        wire.ImageBody(files=[document.id]),
        wire.ImageBody(files=[file.id, file.id]),
        wire.ImageBody(files=[file.id, "none"]),
        wire.VoiceBody(file=file.id, seconds=3),
        wire.FileBody(file=document.id, name="x.pdf", bytes=1),
    ]
    for number, body in enumerate(wrong):
        with pytest.raises(refusals.FileNotReady):
            await post.sends(ZHANG, body, f"wrong-{number:03}")
    with pytest.raises(refusals.MayNotSpeak):
        await post.sends(ZHANG, wire.CardBody(card="prescription", id="p1"), "card-0001")
    sent = await post.sends(ZHANG, wire.ImageBody(files=[file.id]), "pic-0001")
    assert (await post.sends(ZHANG, wire.ImageBody(files=[file.id]), "pic-0001")).seq == sent.seq
    with pytest.raises(refusals.FileNotReady):
        await post.sends(ZHANG, wire.ImageBody(files=[file.id]), "pic-0002")
    assert [message.seq for message in await post.log(LI)] == [1]


async def test_a_voice_that_lies_about_its_length_is_not_sent(post: Post) -> None:
    voice = await post.brings(content=wav(10), kind="voice", bytes=200_000)
    with pytest.raises(refusals.FileNotReady):
        await post.sends(ZHANG, wire.VoiceBody(file=voice.id, seconds=3))


async def test_a_picture_that_was_taken_back_is_seen_no_more_also_by_an_old_link(post: Post) -> None:
    file = await post.brings()
    sent = await post.sends(ZHANG, wire.ImageBody(files=[file.id]))
    old = (await post.links(LI, file.id)).links[0].url
    await post.fetched(old)
    await post.messaging.recall(ZHANG, wire.Recall(conversation="c1", seq=sent.seq, cid="back-0001"))
    assert not (await post.links(LI, file.id)).links
    with pytest.raises(refusals.NoSuchFile):
        await post.fetched(old)


async def test_who_came_later_sees_later_files_and_who_left_earlier_ones(post: Post) -> None:
    first, second = await post.brings(), await post.brings()
    await post.sends(ZHANG, wire.ImageBody(files=[first.id]), "pic-0001")
    async with post.units.begin() as unit:
        room = await unit.conversations.hold("c1", sender=LI.id)
        assert room is not None
        unit.conversations.seat("c1", Seat(user=SON.id, part=Part.FAMILY, shown="子", join_seq=1))
        li = room.seat(LI.id)
        assert li is not None
        unit.conversations.seat("c1", replace(li, left_seq=1))
        await unit.commit()
    await post.sends(ZHANG, wire.ImageBody(files=[second.id]), "pic-0002")

    async def sees(who: Any) -> list[str]:
        return [link.file for link in (await post.links(who, first.id, second.id)).links]

    assert await sees(SON) == [second.id]
    assert await sees(LI) == [first.id]


async def test_links_are_over_after_ten_minutes(post: Post) -> None:
    file = await post.brings()
    url = (await post.links(ZHANG, file.id)).links[0].url
    post.later(limits.FILE_LINK_SECONDS)
    with pytest.raises(refusals.NoSuchFile):
        await post.fetched(url)


async def test_what_nobody_took_is_swept_and_what_was_sent_stays(post: Post) -> None:
    sent, unsent = await post.brings(), await post.brings()
    await post.begins_upload()
    await post.sends(ZHANG, wire.ImageBody(files=[sent.id]))
    assert await post.files.sweep() == 0
    post.later(limits.FILE_UNSENT_SECONDS)
    with pytest.raises(refusals.FileNotReady):
        await post.sends(ZHANG, wire.ImageBody(files=[unsent.id]), "late-0001")
    assert await post.files.sweep() == 2
    assert await post.files.sweep() == 0
    assert len(post.kept()) == 2
    assert [one.file for one in (await post.links(LI, sent.id, unsent.id)).links] == [sent.id]


async def test_uploads_that_are_open_at_once_are_bounded(post: Post) -> None:
    for _ in range(limits.FILE_UPLOADS_OPEN):
        await post.begins_upload()
    with pytest.raises(refusals.TooManyUploads):
        await post.begins_upload()
    await post.begins_upload(LI)
    post.later(limits.FILE_UPLOAD_SECONDS)
    await post.begins_upload()


async def test_bytes_that_no_row_knows_go_after_a_day_and_no_others(post: Post) -> None:
    await post.brings()
    for name in ("01JDSTRAY.aa", "01JDSTRAY.aa.t", "01JDNEW.bb", "01JDHALF.cc.part1234"):
        await post.blobs.put(name, b"x")
    for each in post.kept():
        age = 0 if "NEW" in each.name else 2 * limits.FILE_STRAY_SECONDS
        at = (post.clock.now() - timedelta(seconds=age)).timestamp()
        os.utime(each, (at, at))
    assert not await post.files.sweep_strays()
    assert sorted(each.name.partition(".")[0] == "01JDNEW" for each in post.kept()) == [False, False, True]


async def test_one_file_of_nine_that_is_not_ready_takes_none_of_them(post: Post) -> None:
    files = [(await post.brings()).id for _ in range(8)]
    with pytest.raises(refusals.FileNotReady):
        await post.sends(ZHANG, wire.ImageBody(files=[*files, "none"]))
    await post.sends(ZHANG, wire.ImageBody(files=files))
    assert len((await post.links(LI, *files)).links) == 8
