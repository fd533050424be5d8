"""``im.file_store.Vault``: a file as a row of sealed chunks under a key of its own.

    chunk     64 KiB of the file (the last one less), and behind each 16 bytes of tag
    nonce     the form's number in 4 bytes, the chunk's in 8: a key seals one content once
    bound to  form, the chunk's number, and whether it is the last: none can be moved, left out or cut off

The key stands in the file's row, in a sealed column. So ``run.py keys reseal`` renews what protects every
file without reading one, and a dropped row makes its bytes worthless wherever they were copied to.
"""

import base64
import os
from functools import lru_cache

from adapters.crypto.ciphers import NONCE_BYTES, TAG_BYTES, Cipher, DoesNotOpen
from adapters.crypto.suites import Suite
from core import limits
from core.ids import RandomBytes
from core.sealing import SealBroken

_CHUNK = limits.FILE_CHUNK_BYTES
_SEALED = _CHUNK + TAG_BYTES
_FORMS = {"o": 0, "t": 1}


class FileVault:
    """Seals with the suite of the hospital's fields; opens what either sealed."""

    def __init__(self, suite: Suite, *, random: RandomBytes = os.urandom) -> None:
        self._suite = suite
        self._random = random

    def new_key(self) -> str:
        """``<suite>.<key>``, the key in base64."""
        key = self._random(self._suite.algorithms.fields.key_bytes)
        return f"{self._suite.value}.{base64.b64encode(key).decode()}"

    def seal(self, key: str, content: bytes, *, form: str) -> bytes:
        cipher, last = _cipher(key), _chunks(len(content)) - 1
        return b"".join(
            cipher.seal(
                content[number * _CHUNK : (number + 1) * _CHUNK],
                nonce=_nonce(form, number),
                bound_to=_place(form, number, is_last=number == last),
            )
            for number in range(last + 1)
        )

    def place(self, start: int, stop: int, size: int) -> tuple[int, int]:
        first, behind = start // _CHUNK, _chunks(stop)
        end = min(behind * _SEALED, size + _chunks(size) * TAG_BYTES)
        return first * _SEALED, end - first * _SEALED

    def open(self, key: str, part: bytes, *, form: str, start: int, stop: int, size: int) -> bytes:
        cipher, first, last = _cipher(key), start // _CHUNK, _chunks(size) - 1
        if len(part) != self.place(start, stop, size)[1]:
            raise SealBroken
        opened = bytearray()
        try:
            for at in range(0, len(part), _SEALED):
                number = first + at // _SEALED
                opened += cipher.open(
                    part[at : at + _SEALED],
                    nonce=_nonce(form, number),
                    bound_to=_place(form, number, is_last=number == last),
                )
        except DoesNotOpen:
            raise SealBroken from None
        return bytes(opened[start - first * _CHUNK : stop - first * _CHUNK])


def _chunks(size: int) -> int:
    return max(1, -(-size // _CHUNK))


def _nonce(form: str, number: int) -> bytes:
    return _FORMS[form].to_bytes(NONCE_BYTES - 8) + number.to_bytes(8)


def _place(form: str, number: int, *, is_last: bool) -> bytes:
    return f"houzhen|file|{form}|{number}|{int(is_last)}".encode()


@lru_cache(maxsize=64)
def _cipher(key: str) -> Cipher:
    suite, _, text = key.partition(".")
    try:
        return Suite(int(suite)).algorithms.fields(base64.b64decode(text, validate=True))
    except ValueError:
        raise SealBroken from None
