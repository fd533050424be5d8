"""Addresses that carry their own permission: where a file is sent to, and where it is fetched from. Pure.

    upload   <until>.<bytes>.<signature>      one file, at most so many bytes
    link     <form>.<until>.<signature>       one file; ``o`` as it was sent, ``t`` its thumbnail

Times are Unix seconds. The signature is HMAC-SHA-256 cut to 16 bytes, over what it is for and the file's id,
so that no ticket is good for another file or another purpose.
"""

import base64
import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

_SIGNATURE_BYTES = 16
Form = Literal["o", "t"]


@dataclass(frozen=True, slots=True)
class Tickets:
    """Makes and judges them under one key, the same on every process."""

    key: bytes

    def upload(self, file: str, *, size: int, until: datetime) -> str:
        """For sending up."""
        ends = int(until.timestamp())
        return f"{ends}.{size}.{self._signature('upload', file, str(ends), str(size))}"

    def room(self, file: str, ticket: str, *, at: datetime) -> int:
        """How many bytes may be sent up; 0 for a ticket that is over, altered, or of something else."""
        ends, _, rest = ticket.partition(".")
        size, _, signature = rest.partition(".")
        good = self._is_good(signature, "upload", file, ends, size) and at.timestamp() < int(ends)
        return int(size) if good else 0

    def link(self, file: str, form: Form, *, until: datetime) -> str:
        """For fetching."""
        ends = str(int(until.timestamp()))
        return f"{form}.{ends}.{self._signature('link', file, form, ends)}"

    def form(self, file: str, ticket: str, *, at: datetime) -> Form | None:
        """What may be fetched; ``None`` for a ticket that is over, altered, or of something else."""
        form, _, rest = ticket.partition(".")
        ends, _, signature = rest.partition(".")
        if not self._is_good(signature, "link", file, form, ends) or at.timestamp() >= int(ends):
            return None
        return "t" if form == "t" else "o"

    def _signature(self, *said: str) -> str:
        digest = hmac.digest(self.key, "|".join(said).encode("utf-8", "replace"), "sha256")
        return base64.urlsafe_b64encode(digest[:_SIGNATURE_BYTES]).decode().rstrip("=")

    def _is_good(self, signature: str, *said: str) -> bool:
        return hmac.compare_digest(self._signature(*said).encode(), signature.encode("utf-8", "replace"))
