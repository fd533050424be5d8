"""WebSocket frames from the client's side, as plain bytes: what a test sends may be wrong on purpose."""

from dataclasses import dataclass

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
NO_MASK = b"\0\0\0\0"


def frame(
    payload: bytes | str, *, opcode: int = TEXT, final: bool = True, reserved: int = 0, mask: bytes = NO_MASK
) -> bytes:
    """One frame to a server, masked as clients must."""
    body = payload.encode() if isinstance(payload, str) else payload
    size = len(body)
    head = bytes([(0x80 if final else 0) | reserved | opcode])
    if size < 126:
        head += bytes([0x80 | size])
    elif size < 65_536:
        head += b"\xfe" + size.to_bytes(2, "big")
    else:
        head += b"\xff" + size.to_bytes(8, "big")
    if mask != NO_MASK:
        body = bytes(byte ^ mask[index % 4] for index, byte in enumerate(body))
    return head + mask + body


def close(code: int, reason: str = "") -> bytes:
    """A close frame."""
    return frame(code.to_bytes(2, "big") + reason.encode(), opcode=CLOSE)


@dataclass(frozen=True, slots=True)
class Got:
    """One frame of the server."""

    opcode: int
    payload: bytes

    @property
    def text(self) -> str:
        return self.payload.decode()

    @property
    def closing(self) -> tuple[int, str]:
        """Code and reason of a close frame; 1005 where it has no body."""
        if not self.payload:
            return 1005, ""
        return int.from_bytes(self.payload[:2], "big"), self.payload[2:].decode()


class Reader:
    """Bytes of a server in, frames out. Servers do not mask, and ours neither fragments nor compresses."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> list[Got]:
        self._buffer += data
        found, at = [], 0
        while (end := self._end_of(at)) is not None:
            start, stop = end
            first = self._buffer[at]
            assert first & 0xF0 == 0x80, "a whole frame, without extensions"
            found.append(Got(first & 0x0F, self._buffer[start:stop]))
            at = stop
        self._buffer = self._buffer[at:]
        return found

    def _end_of(self, at: int) -> tuple[int, int] | None:
        buffer = self._buffer
        if len(buffer) < at + 2:
            return None
        size, start = buffer[at + 1], at + 2
        assert size < 0x80, "servers do not mask"
        if size >= 126:
            width = 2 if size == 126 else 8
            if len(buffer) < start + width:
                return None
            size, start = int.from_bytes(buffer[start : start + width], "big"), start + width
        return (start, start + size) if len(buffer) >= start + size else None
