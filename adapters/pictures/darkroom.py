"""``im.file_store.Darkroom`` with Pillow: a picture is drawn anew from its pixels.

Nothing that came beside the pixels survives: where and when it was taken, what the telephone is called, a
smaller picture of before it was cropped, or something else's bytes behind its end.
"""

import asyncio
import io
import warnings
from concurrent.futures import ThreadPoolExecutor

from PIL import Image, ImageCms, ImageFile, ImageOps

from core import limits
from im.file_store import Picture

_FORMATS = ("JPEG", "PNG", "WEBP")
_QUALITY, _THUMBNAIL_QUALITY = 90, 80
_TROUBLE = (OSError, SyntaxError, ValueError, KeyError, IndexError, ArithmeticError, EOFError)


class PillowDarkroom:
    """One picture after the other, in a thread."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(limits.FILE_DARKROOM_THREADS, thread_name_prefix="darkroom")

    def close(self) -> None:
        """End its thread; what it does is done first."""
        self._threads.shutdown()

    async def develop(self, content: bytes) -> Picture:
        return await asyncio.get_running_loop().run_in_executor(self._threads, develop, content)


def develop(content: bytes) -> Picture:
    """As ``Darkroom.develop``."""
    try:
        return _developed(content)
    except _TROUBLE as error:
        raise ValueError("no picture") from error


def _developed(content: bytes) -> Picture:
    with warnings.catch_warnings():
        # Pillow's own bound of pixels; ours is looked at first.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        opened = Image.open(io.BytesIO(content), formats=_FORMATS)
    with opened:
        if opened.width * opened.height > limits.FILE_PICTURE_PIXELS:
            raise ValueError("too many pixels")
        if isinstance(opened, ImageFile.ImageFile):
            # A large JPEG is read at half its size or less where that is enough.
            side = limits.FILE_PICTURE_SIDE
            opened.draft(None, (side, side))
        upright = _in_srgb(ImageOps.exif_transpose(opened))
    upright.thumbnail((limits.FILE_PICTURE_SIDE,) * 2, Image.Resampling.LANCZOS)
    media_type, kept = _written(upright, opened.format == "PNG")
    small = _flat(upright)
    small.thumbnail((limits.FILE_THUMBNAIL_SIDE,) * 2, Image.Resampling.LANCZOS)
    return Picture(
        media_type=media_type,
        content=kept,
        width=upright.width,
        height=upright.height,
        thumbnail=_jpeg(small, _THUMBNAIL_QUALITY),
    )


def _written(picture: Image.Image, is_png: bool) -> tuple[str, bytes]:
    """A screenshot stays without loss unless that makes it large."""
    if is_png:
        out = io.BytesIO()
        picture.save(out, "PNG", compress_level=6)
        if out.tell() <= limits.FILE_PNG_BYTES:
            return "image/png", out.getvalue()
    return "image/jpeg", _jpeg(_flat(picture), _QUALITY)


def _in_srgb(picture: Image.Image) -> Image.Image:
    """Without its profile the picture would be shown in other colours."""
    profile = picture.info.get("icc_profile")
    mode = picture.mode if picture.mode in {"L", "LA", "RGB", "RGBA"} else None
    if mode is None:
        has_alpha = picture.mode == "PA" or "transparency" in picture.info
        picture = picture.convert("RGBA" if has_alpha else "RGB")
    if profile and picture.mode in {"RGB", "RGBA"}:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            changed = ImageCms.profileToProfile(
                picture, source, ImageCms.createProfile("sRGB"), outputMode=picture.mode
            )
        except (ImageCms.PyCMSError, *_TROUBLE):
            changed = None
        picture = changed or picture
    bare = Image.new(picture.mode, picture.size)
    bare.paste(picture)
    return bare


def _flat(picture: Image.Image) -> Image.Image:
    """On white, where something shines through."""
    if picture.mode in {"LA", "RGBA"}:
        full = picture.convert("RGBA")
        flat = Image.new("RGB", picture.size, "white")
        flat.paste(full, mask=full.getchannel("A"))
        return flat
    return picture.convert("RGB")


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality, optimize=True, progressive=True)
    return out.getvalue()
