"""Large bodies: only for who holds a ticket, and together no more than fits a process."""

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from core import limits

Admit = Callable[[str, str], int]
"""From a file and a ticket to how many bytes may come; 0: none."""

_PREFIX = "/v1/im/uploads/"


class UploadRoom:
    """``handlers.request_stream.BodyRoom``: room for files of conversations."""

    def __init__(self, admit: Admit, *, most: int = limits.FILE_BYTES_AT_ONCE) -> None:
        self._admit = admit
        self._left = most

    def admits(self, target: str) -> int:
        if not target.startswith(_PREFIX):
            return 0
        try:
            place = urlsplit(target)
            ticket = parse_qs(place.query).get("t", [""])[0]
        except ValueError:
            return 0
        size = self._admit(place.path.removeprefix(_PREFIX), ticket)
        # A form has a few lines around the file.
        return size + limits.FILE_FORM_BYTES if size else 0

    def take(self, size: int) -> bool:
        if size > self._left:
            return False
        self._left -= size
        return True

    def give_back(self, size: int) -> None:
        self._left += size
