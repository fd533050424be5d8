"""How long a recording is, read from its own structure. Pure.

What a phone or a browser records, no more. ``None`` where the bytes do not say: a recorder that writes while
it records leaves the length out.
"""

import struct
from collections.abc import Iterator

_ADTS_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_MP3_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_MP3_KBITS = {
    3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_AMR_BYTES = (12, 13, 15, 17, 19, 20, 26, 31, 5)
_CLUSTER, _SEGMENT, _INFO, _SCALE, _TIME = 0x1F43B675, 0x18538067, 0x1549A966, 0x2AD7B1, 0xE7
_BLOCKS = frozenset({0xA3, 0xA0, 0xA1})
_INSIDE = frozenset({_SEGMENT, _CLUSTER, _INFO, 0xA0})


def seconds_of(content: bytes, media_type: str) -> float | None:
    """The length in seconds."""
    measure = _MEASURES.get(media_type)
    try:
        found = None if measure is None else measure(content)
    except (struct.error, IndexError, ValueError, ZeroDivisionError):
        return None
    return found if found is not None and found > 0 else None


def without_tags(content: bytes, media_type: str) -> bytes:
    """An MP3 without ID3 tags, which may name a person or a place; anything else as it is."""
    if media_type != "audio/mpeg":
        return content
    if content[:3] == b"ID3" and len(content) >= 10:
        size = content[6] << 21 | content[7] << 14 | content[8] << 7 | content[9]
        content = content[10 + size + (10 if content[5] & 0x10 else 0) :]
    return content[:-128] if content[-128:-125] == b"TAG" else content


def _wav(content: bytes) -> float | None:
    rate = data = 0
    at = 12
    while at + 8 <= len(content):
        name, size = content[at : at + 4], struct.unpack_from("<I", content, at + 4)[0]
        if name == b"fmt ":
            rate = struct.unpack_from("<I", content, at + 16)[0]
        elif name == b"data":
            data = min(size, len(content) - at - 8)
        at += 8 + size + size % 2
    return data / rate if rate else None


def _adts(content: bytes) -> float | None:
    at, total = 0, 0.0
    while at + 7 <= len(content) and content[at] == 0xFF and content[at + 1] & 0xF6 == 0xF0:
        rate = _ADTS_RATES[content[at + 2] >> 2 & 0xF]
        length = (content[at + 3] & 3) << 11 | content[at + 4] << 3 | content[at + 5] >> 5
        total += ((content[at + 6] & 3) + 1) * 1024 / rate
        at += max(length, 7)
    return total


def _mp3(content: bytes) -> float | None:
    at, total = 0, 0.0
    while at + 4 <= len(content):
        if content[at] != 0xFF or content[at + 1] & 0xE6 != 0xE2:
            at += 1
            continue
        version, kbit, rate = content[at + 1] >> 3 & 3, content[at + 2] >> 4, content[at + 2] >> 2 & 3
        if version == 1 or kbit in {0, 15} or rate == 3:
            at += 1
            continue
        hertz = _MP3_RATES[version][rate]
        samples = 1152 if version == 3 else 576
        bits = _MP3_KBITS[3 if version == 3 else 2][kbit] * 1000
        total += samples / hertz
        at += samples // 8 * bits // hertz + (content[at + 2] >> 1 & 1)
    return total


def _amr(content: bytes) -> float | None:
    at, frames = 6, 0
    while at < len(content):
        sort = content[at] >> 3 & 0xF
        at += 1 + (_AMR_BYTES[sort] if sort < len(_AMR_BYTES) else 0)
        frames += 1
    return frames * 0.02


def _ogg(content: bytes) -> float | None:
    rate, skip = 48_000, 0
    if (head := content.find(b"OpusHead", 0, 512)) >= 0:
        skip = struct.unpack_from("<H", content, head + 10)[0]
    elif (head := content.find(b"\x01vorbis", 0, 512)) >= 0:
        rate = struct.unpack_from("<I", content, head + 12)[0]
    page = content.rfind(b"OggS")
    samples = struct.unpack_from("<q", content, page + 6)[0]
    return float((samples - skip) / rate)


def _mp4(content: bytes) -> float | None:
    at = content.find(b"mvhd")
    if at < 0:
        return None
    if content[at + 4] == 1:
        scale, length = struct.unpack_from(">IQ", content, at + 24)
    else:
        scale, length = struct.unpack_from(">II", content, at + 16)
    return float(length / scale) if length not in {0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF} else None


def _webm(content: bytes) -> float | None:
    """The newest block's time: a recorder's file has no length of its own."""
    scale, cluster, newest = 1_000_000, 0, 0
    for name, start, end in _elements(content):
        if name == _SCALE:
            scale = int.from_bytes(content[start:end])
        elif name == _TIME:
            cluster = int.from_bytes(content[start:end])
        elif name in _BLOCKS and name != 0xA0:
            width = _width(content[start])
            newest = max(newest, cluster + struct.unpack_from(">h", content, start + width)[0])
    return newest * scale / 1e9


def _elements(content: bytes) -> Iterator[tuple[int, int, int]]:
    """Each element that holds no others: its name, where its data begin, where they end."""
    at = 0
    while at < len(content):
        width = _width(content[at])
        name = int.from_bytes(content[at : at + width])
        at += width
        size_width = _width(content[at])
        size = int.from_bytes(content[at : at + size_width]) & (1 << 7 * size_width) - 1
        at += size_width
        if name in _INSIDE:
            continue
        yield name, at, min(at + size, len(content))
        at += size


def _width(first: int) -> int:
    """How many bytes a number has, by its first (RFC 8794 §4.1)."""
    if not first:
        raise ValueError
    return 9 - first.bit_length()


_MEASURES = {
    "audio/wav": _wav,
    "audio/aac": _adts,
    "audio/mpeg": _mp3,
    "audio/amr": _amr,
    "audio/ogg": _ogg,
    "audio/mp4": _mp4,
    "audio/webm": _webm,
}
