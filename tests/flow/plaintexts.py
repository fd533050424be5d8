"""Looks for what must not be there: a secret in any of its usual disguises, in any bytes."""

import base64
import gzip
import hashlib
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Found:
    """A secret where it must not be. Shows which and how, not the secret."""

    where: str
    what: str
    disguise: str


class Plaintexts:
    """``secrets`` by what they are: ``{"phone of the mother": "139…"}``. Tokens and codes are ``strong``."""

    def __init__(self, secrets: Mapping[str, str], strong: Mapping[str, str] | None = None) -> None:
        self._forms = [
            (what, disguise, form)
            for among, is_strong in ((secrets, False), (strong or {}, True))
            for what, secret in among.items()
            for disguise, form in disguises(secret, strong=is_strong)
            if form
        ]

    def in_bytes(self, where: str, content: bytes) -> list[Found]:
        """Every secret in these bytes."""
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
        lowered = content.lower()
        return [
            Found(where, what, disguise)
            for what, disguise, form in self._forms
            if form in (lowered if disguise.islower() else content)
        ]

    def in_folder(self, folder: Path) -> list[Found]:
        """Every secret in any file of the folder."""
        return [
            found
            for file in sorted(folder.rglob("*"))
            if file.is_file()
            for found in self.in_bytes(str(file.relative_to(folder)), file.read_bytes())
        ]

    def in_texts(self, where: str, texts: Iterable[str]) -> list[Found]:
        """Every secret in these texts together."""
        return self.in_bytes(where, "\n".join(texts).encode("utf-8", "replace"))


def disguises(secret: str, *, strong: bool = False) -> Iterator[tuple[str, bytes]]:
    """How a text may lie about. Those with a name in small letters are looked for without regard to case.

    A ``strong`` secret is random enough that its hash gives nothing away.
    """
    plain = secret.encode()
    yield "UTF-8", plain
    yield "UTF-16", secret.encode("utf-16-le")
    yield "GB18030", secret.encode("gb18030")
    yield "escaped", secret.encode("unicode_escape").lower() if not secret.isascii() else b""
    yield "hex", plain.hex().encode()
    yield "in a url", urllib.parse.quote(secret, safe="").lower().encode() if not secret.isascii() else b""
    for shift in range(3):
        # The same text begins at any of three places in a base64 text; its ends depend on its neighbours.
        whole = (shift + len(plain)) * 8 // 6
        encoded = base64.b64encode(bytes(shift) + plain)[4 if shift else 0 : whole]
        yield "Base64", encoded
        yield "Base64 for URLs", encoded.translate(bytes.maketrans(b"+/", b"-_"))
    if strong:
        return
    for name in ("md5", "sha1", "sha256", "sm3"):
        if name in hashlib.algorithms_available:
            digest = hashlib.new(name, plain, usedforsecurity=False).digest()
            yield f"{name} in hex", digest.hex().encode()
            yield name.upper(), digest
            yield f"{name.upper()} in Base64", base64.b64encode(digest)
