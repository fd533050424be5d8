"""How long a recording is, as its own bytes say."""

import io
import struct
import wave

import pytest
from hypothesis import given
from hypothesis import strategies as st

from im.sounding import seconds_of, without_tags


def wav(seconds: float) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as made:
        made.setnchannels(1)
        made.setsampwidth(2)
        made.setframerate(8000)
        made.writeframes(bytes(int(16_000 * seconds)))
    return out.getvalue()


def adts(frames: int) -> bytes:
    """Frames of 32 bytes at 44.1 kHz, 1024 samples each."""
    length = 32
    head = bytes([0xFF, 0xF1, 4 << 2, length >> 11, length >> 3 & 0xFF, (length & 7) << 5, 0])
    return (head + bytes(length - 7)) * frames


def mp3(frames: int) -> bytes:
    """MPEG-1 layer III, 128 kbit/s, 44.1 kHz: frames of 417 bytes, 1152 samples each."""
    return (b"\xff\xfb\x90\x00" + bytes(413)) * frames


def ogg(samples: int) -> bytes:
    first = (
        b"OggS" + bytes(2) + struct.pack("<q", 0) + bytes(14) + b"OpusHead\x01\x01" + struct.pack("<H", 312)
    )
    return first + b"OggS" + bytes(2) + struct.pack("<q", samples + 312) + bytes(14)


def mp4(scale: int, length: int) -> bytes:
    return (
        b"\0\0\0\x18ftypM4A " + bytes(8) + b"\0\0\0\x6cmvhd" + bytes(12) + struct.pack(">II", scale, length)
    )


def element(name: int, content: bytes) -> bytes:
    width = (name.bit_length() + 7) // 8
    return name.to_bytes(width) + (1 << 56 | len(content)).to_bytes(8) + content


def webm(*times: tuple[int, int]) -> bytes:
    """A recorder's: a segment and clusters without an end, blocks at these (cluster, relative) times."""
    unknown = (1 << 56 | (1 << 56) - 1).to_bytes(8)
    made = element(0x1A45DFA3, b"") + (0x18538067).to_bytes(4) + unknown
    made += element(0x1549A966, element(0x2AD7B1, (1_000_000).to_bytes(3)))
    for cluster, relative in times:
        made += (0x1F43B675).to_bytes(4) + unknown + element(0xE7, cluster.to_bytes(2))
        made += element(0xA3, b"\x81" + struct.pack(">h", relative) + b"\x80sound")
    return made


@pytest.mark.parametrize(
    ("content", "media_type", "seconds"),
    [
        (wav(2.5), "audio/wav", 2.5),
        (adts(430), "audio/aac", 430 * 1024 / 44100),
        (mp3(100), "audio/mpeg", 100 * 1152 / 44100),
        (b"ID3\x04\0\0\0\0\0\x05hello" + mp3(100), "audio/mpeg", 100 * 1152 / 44100),
        (b"#!AMR\n" + (b"\x3c" + bytes(31)) * 50, "audio/amr", 1.0),
        (ogg(96_000), "audio/ogg", 2.0),
        (mp4(1000, 61_500), "audio/mp4", 61.5),
        (webm((0, 0), (1000, 20), (3000, 480)), "audio/webm", 3.48),
    ],
)
def test_a_recording_says_how_long_it_is(content: bytes, media_type: str, seconds: float) -> None:
    assert seconds_of(content, media_type) == pytest.approx(seconds)


@pytest.mark.parametrize("content", [mp4(1000, 0), mp4(0, 5), b"\0\0\0\x18ftypM4A "])
def test_what_does_not_say_is_not_guessed(content: bytes) -> None:
    assert seconds_of(content, "audio/mp4") is None


def test_an_mp3_loses_what_was_written_beside_its_sound() -> None:
    tagged = b"ID3\x04\0\0\0\0\0\x05hello" + mp3(3) + b"TAG" + bytes(125)
    assert without_tags(tagged, "audio/mpeg") == mp3(3)
    assert without_tags(tagged, "audio/ogg") == tagged


KINDS = ["audio/wav", "audio/aac", "audio/mpeg", "audio/amr", "audio/ogg", "audio/mp4", "audio/webm"]


@given(st.binary(max_size=300), st.sampled_from(KINDS))
def test_no_bytes_are_too_strange(content: bytes, media_type: str) -> None:
    for start in (b"", wav(0.01), adts(2), mp3(2), ogg(9), mp4(1, 1), webm((0, 1))):
        seconds_of(start + content, media_type)
        without_tags(start + content, media_type)
