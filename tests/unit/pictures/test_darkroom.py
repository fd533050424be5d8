"""A picture is drawn anew: upright, small enough, and with nothing but its pixels."""

import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from adapters.pictures.darkroom import develop
from core import limits

WHERE, ORIENTATION = 0x8825, 0x0112
SECRET = b"Zhang Xiaoming's phone"


def a_photo(
    width: int = 80, height: int = 40, *, form: str = "JPEG", mode: str = "RGB", **more: Any
) -> bytes:
    picture = Image.new(mode, (width, height), "white")
    ImageDraw.Draw(picture).rectangle((0, 0, width // 4, height // 4), fill="black")
    out = io.BytesIO()
    picture.save(out, form, **more)
    return out.getvalue()


def test_what_a_camera_writes_beside_the_pixels_is_gone_and_the_picture_is_upright() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    exif[0x010F] = SECRET.decode()
    exif.get_ifd(WHERE)[1] = "N"
    came = a_photo(exif=exif, comment=SECRET) + b"PK\x03\x04" + SECRET
    assert SECRET in came
    made = develop(came)
    assert (made.media_type, made.width, made.height) == ("image/jpeg", 40, 80)
    for kept in (made.content, made.thumbnail):
        assert SECRET not in kept
        assert b"PK\x03\x04" not in kept
        with Image.open(io.BytesIO(kept)) as opened:
            assert not opened.getexif()
            assert not {"exif", "comment", "icc_profile"} & set(opened.info)
    with Image.open(io.BytesIO(made.content)) as opened:
        # The corner that was at the top left is at the top right after a quarter turn.
        assert opened.convert("L").getpixel((36, 4)) < 60
        assert opened.convert("L").getpixel((4, 4)) > 200


def test_a_large_picture_becomes_smaller_and_its_thumbnail_small() -> None:
    made = develop(a_photo(6000, 3000))
    assert max(made.width, made.height) <= limits.FILE_PICTURE_SIDE
    with Image.open(io.BytesIO(made.thumbnail)) as small:
        assert small.size == (limits.FILE_THUMBNAIL_SIDE, limits.FILE_THUMBNAIL_SIDE // 2)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "I;16"])
def test_a_screenshot_stays_a_png_whatever_its_pixels_are(mode: str) -> None:
    out = io.BytesIO()
    Image.new(mode, (64, 32)).save(out, "PNG")
    made = develop(out.getvalue())
    assert (made.media_type, made.width, made.height) == ("image/png", 64, 32)


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "L"])
def test_a_photo_of_a_printer_or_a_scanner_is_a_photo(mode: str) -> None:
    out = io.BytesIO()
    Image.new(mode, (64, 32)).save(out, "JPEG")
    assert develop(out.getvalue()).media_type == "image/jpeg"


def test_a_webp_becomes_a_jpeg() -> None:
    assert develop(a_photo(form="WEBP")).media_type == "image/jpeg"


def test_a_picture_of_too_many_pixels_is_refused_before_they_are_there() -> None:
    out = io.BytesIO()
    Image.new("1", (10_000, 6_000)).save(out, "PNG")
    assert len(out.getvalue()) < 50_000
    with pytest.raises(ValueError, match="no picture"):
        develop(out.getvalue())


@pytest.mark.parametrize("form", ["GIF", "BMP", "TIFF"])
def test_other_forms_are_none(form: str) -> None:
    with pytest.raises(ValueError, match="no picture"):
        develop(a_photo(form=form))


@given(
    st.sampled_from(["JPEG", "PNG", "WEBP"]),
    st.integers(0, 2**20),
    st.integers(0, 255),
    st.integers(0, 2**20),
)
@settings(max_examples=60)
def test_a_damaged_picture_is_a_picture_or_none_and_nothing_else(
    form: str, at: int, byte: int, cut: int
) -> None:
    came = bytearray(a_photo(form=form))
    came[at % len(came)] = byte
    try:
        made = develop(bytes(came[: len(came) - cut % 40]))
    except ValueError:
        return
    assert made.content
