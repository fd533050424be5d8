"""Bytes are what they show, whatever they are called."""

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from im.sniffing import DOCX, XLSX, media_type_of


def archive(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name in names:
            made.writestr(name, "x")
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"\xff\xd8\xff\xe0....", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n....", "image/png"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\0\0\0\0WAVEfmt ", "audio/wav"),
        (b"RIFF\0\0\0\0AVI LIST", ""),
        (b"\0\0\0\x18ftypheic....", "image/heic"),
        (b"\0\0\0\x18ftypM4A ....", "audio/mp4"),
        (b"\0\0\0\x18ftypqt  ....", ""),
        (b"ID3\x04....", "audio/mpeg"),
        (b"\xff\xfb\x90\x64", "audio/mpeg"),
        (b"\xff\xf1\x50\x80", "audio/aac"),
        (b"OggS....", "audio/ogg"),
        (b"\x1aE\xdf\xa3....", "audio/webm"),
        (b"#!AMR\n....", "audio/amr"),
        (b"%PDF-1.7....", "application/pdf"),
        (b"GIF89a", "image/gif"),
        (b"MZ\x90\0", ""),
        (b"<html><script>", ""),
        (b"<svg xmlns=", ""),
        (b"", ""),
        (archive("[Content_Types].xml", "word/document.xml"), DOCX),
        (archive("[Content_Types].xml", "xl/workbook.xml"), XLSX),
        (archive("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"), ""),
        (archive("word/document.xml"), ""),
        (archive("classes.dex"), ""),
        (b"PK\x03\x04 cut off", ""),
    ],
)
def test_a_file_is_what_its_bytes_show(content: bytes, media_type: str) -> None:
    assert media_type_of(content) == media_type


@given(st.binary(max_size=200))
def test_no_bytes_are_too_strange(content: bytes) -> None:
    media_type_of(content)
    media_type_of(b"PK\x03\x04" + content)
