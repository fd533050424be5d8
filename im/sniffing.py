"""What bytes are, whatever they are called: only what a consultation needs, by their own marks. Pure.

Sources: ITU-T T.81 (JPEG), RFC 2083 (PNG), RFC 9649 (WebP), ISO 32000 (PDF), ECMA-376 (Office), ISO/IEC
14496-12 (MP4), RFC 3533 (Ogg), RFC 8794 (EBML), RFC 4867 (AMR), ISO/IEC 11172-3 (MP3) and 13818-7 (ADTS).
"""

import io
import zipfile
from enum import StrEnum


class Sort(StrEnum):
    """What somebody means to send."""

    IMAGE = "image"
    VOICE = "voice"
    FILE = "file"


DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

TAKEN = {
    Sort.IMAGE: frozenset({"image/jpeg", "image/png", "image/webp"}),
    Sort.VOICE: frozenset(
        {"audio/mpeg", "audio/aac", "audio/mp4", "audio/webm", "audio/ogg", "audio/wav", "audio/amr"}
    ),
    Sort.FILE: frozenset({"application/pdf", DOCX, XLSX}),
}
"""What is taken for each sort."""

_STARTS = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"%PDF-", "application/pdf"),
    (b"\x1aE\xdf\xa3", "audio/webm"),
    (b"OggS", "audio/ogg"),
    (b"#!AMR\n", "audio/amr"),
    (b"ID3", "audio/mpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
)
_SOUND_BRANDS = (b"M4A ", b"M4B ", b"mp41", b"mp42", b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"dash")
_PICTURE_BRANDS = (b"heic", b"heix", b"mif1", b"msf1", b"avif")
_ENTRIES = 2_000


def media_type_of(content: bytes) -> str:
    """The media type that these bytes show, or ``""`` for what is none of those known here."""
    for start, media_type in _STARTS:
        if content.startswith(start):
            return media_type
    if content[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(content[8:12], "")
    if content[4:8] == b"ftyp":
        return _of_brand(content[8:12])
    if content[:4] == b"PK\x03\x04":
        return _of_office(content)
    if len(content) > 1 and content[0] == 0xFF:
        if content[1] & 0xF6 == 0xF0:
            return "audio/aac"
        if content[1] & 0xE6 == 0xE2:
            return "audio/mpeg"
    return ""


def _of_brand(brand: bytes) -> str:
    if brand in _PICTURE_BRANDS:
        return "image/heic"
    return "audio/mp4" if brand in _SOUND_BRANDS else ""


def _of_office(content: bytes) -> str:
    """Word or Excel without macros. Only the list of contents is looked at; nothing is unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()[:_ENTRIES]
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
        return ""
    if "[Content_Types].xml" not in names or any(name.lower().endswith("vbaproject.bin") for name in names):
        return ""
    if "word/document.xml" in names:
        return DOCX
    return XLSX if "xl/workbook.xml" in names else ""
