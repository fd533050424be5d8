"""RFC 6455 between bytes and messages, the server's side, without extensions. No I/O.

``Decoder`` takes whatever the socket gave and answers whole messages and control frames; it holds bytes
only while something is incomplete. Frames to the client are made once by ``text_frame`` and written as they
are.
"""

import binascii
import hashlib
from enum import IntEnum
from typing import Final

import msgspec

from realtime.codes import WebSocketCodes

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_CONTROL_BYTES: Final = 125
_WHOLE_TEXT: Final = 0x81
_MASKED: Final = 0x80


class Opcode(IntEnum):
    """Kinds of frames."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


class Violation(Exception):
    """The peer broke the protocol.

    ``code`` and ``reason`` belong into the close frame. Always the last event.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Text(msgspec.Struct, frozen=True, gc=False):
    """A whole text message, valid UTF-8."""

    text: str


class Binary(msgspec.Struct, frozen=True, gc=False):
    """A whole binary message."""

    data: bytes


class Ping(msgspec.Struct, frozen=True, gc=False):
    """To be answered with ``pong_frame(data)``."""

    data: bytes


class Pong(msgspec.Struct, frozen=True, gc=False):
    """Answer to a native ping."""

    data: bytes


class Close(msgspec.Struct, frozen=True, gc=False):
    """The peer wants to end; echo ``code`` (1005 = it gave none) and nothing may follow."""

    code: int
    reason: str


Event = Text | Binary | Ping | Pong | Close | Violation
NO_CODE: Final = 1005


class Decoder:
    """Bytes in, events out. After a ``Violation`` or a ``Close`` it must not be fed again."""

    __slots__ = ("_bound", "_buffer", "_message", "_needed", "_opcode")

    def __init__(self, *, bound: int) -> None:
        self._bound = bound
        self._buffer: bytearray | None = None
        self._needed = 0
        self._message: bytearray | None = None
        self._opcode = Opcode.TEXT

    def feed(self, data: bytes) -> list[Event]:
        """Take bytes and answer what they complete."""
        if self._buffer is not None:
            self._buffer += data
            if len(self._buffer) < self._needed:
                # Bytes that come singly cost one append each, not one copy of everything before.
                return []
            data, self._buffer = bytes(self._buffer), None
        events: list[Event] = []
        start, end = 0, len(data)
        try:
            while start < end:
                taken = self._plain(data, start, end, events) or self._frame(data, start, events)
                if not taken:
                    break
                start += taken
        except Violation as violation:
            events.append(violation)
            return events
        if start < end:
            self._buffer = bytearray(data[start:])
            self._needed -= start
        return events

    def _plain(self, data: bytes, start: int, end: int, events: list[Event]) -> int:
        """Take what almost every frame is, a whole and short text; answers its length, 0 for any other.

        ``_frame`` would say the same, in eleven calls instead of two.
        """
        if end - start < 6 or data[start] != _WHOLE_TEXT or self._message is not None:
            return 0
        size, at = data[start + 1] - _MASKED, start + 2
        if size == 126:
            size, at = data[at] << 8 | data[at + 1], start + 4
            if size < 126:
                return 0
        elif not 0 <= size < 126:
            return 0
        begin = at + 4
        stop = begin + size
        if stop > end or size > self._bound:
            return 0
        events.append(Text(_utf8(_unmasked(data[at:begin], data[begin:stop]))))
        return stop - start

    def _incomplete(self, needed: int) -> int:
        self._needed = needed
        return 0

    def _frame(self, data: bytes, start: int, events: list[Event]) -> int:
        """Take one frame at ``start``; answers its length, 0 when it is incomplete."""
        if len(data) < start + 2:
            return self._incomplete(start + 2)
        first, second = data[start], data[start + 1]
        opcode, final = _header(first, second, within_message=self._message is not None)
        length, at = second & 0x7F, start + 2
        if length >= 126:
            width = 2 if length == 126 else 8
            if len(data) < at + width:
                return self._incomplete(at + width)
            length = int.from_bytes(data[at : at + width], "big")
            at += width
            if length >> 63 or length < (126 if width == 2 else 65_536):
                raise Violation(WebSocketCodes.PROTOCOL_ERROR, "bad length")
        held = 0 if self._message is None or opcode >= Opcode.CLOSE else len(self._message)
        if length + held > self._bound:
            raise Violation(WebSocketCodes.TOO_BIG, "message too big")
        if len(data) < at + 4 + length:
            return self._incomplete(at + 4 + length)
        payload = _unmasked(data[at : at + 4], data[at + 4 : at + 4 + length])
        self._take(opcode, payload, events, final=final)
        return at + 4 + length - start

    def _take(self, opcode: Opcode, payload: bytes, events: list[Event], *, final: bool) -> None:
        if opcode >= Opcode.CLOSE:
            events.append(_control(opcode, payload))
        elif final and self._message is None:
            events.append(_message(opcode, payload))
        else:
            if self._message is None:
                self._message, self._opcode = bytearray(), opcode
            self._message += payload
            if final:
                whole, self._message = bytes(self._message), None
                events.append(_message(self._opcode, whole))


def _header(first: int, second: int, *, within_message: bool) -> tuple[Opcode, bool]:
    if first & 0x70:
        raise Violation(WebSocketCodes.PROTOCOL_ERROR, "reserved bits set")
    if not second & 0x80:
        raise Violation(WebSocketCodes.PROTOCOL_ERROR, "frame not masked")
    try:
        opcode = Opcode(first & 0x0F)
    except ValueError:
        raise Violation(WebSocketCodes.PROTOCOL_ERROR, "unknown opcode") from None
    final = bool(first & 0x80)
    if opcode >= Opcode.CLOSE:
        if not final or second & 0x7F > _CONTROL_BYTES:
            raise Violation(WebSocketCodes.PROTOCOL_ERROR, "bad control frame")
    elif (opcode == Opcode.CONTINUATION) is not within_message:
        raise Violation(WebSocketCodes.PROTOCOL_ERROR, "unexpected continuation")
    return opcode, final


def _message(opcode: Opcode, payload: bytes) -> Event:
    return Text(_utf8(payload)) if opcode == Opcode.TEXT else Binary(payload)


def _control(opcode: Opcode, payload: bytes) -> Event:
    if opcode == Opcode.PING:
        return Ping(payload)
    if opcode == Opcode.PONG:
        return Pong(payload)
    if not payload:
        return Close(NO_CODE, "")
    code = int.from_bytes(payload[:2], "big")
    if len(payload) < 2 or not _may_be_sent(code):
        raise Violation(WebSocketCodes.PROTOCOL_ERROR, "bad close code")
    return Close(code, _utf8(payload[2:]))


def _may_be_sent(code: int) -> bool:
    return 3000 <= code <= 4999 or code in (1000, 1001, 1002, 1003, *range(1007, 1015))


def _utf8(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        raise Violation(WebSocketCodes.INVALID_DATA, "text is not UTF-8") from None


def _unmasked(mask: bytes, payload: bytes) -> bytes:
    # One exclusive-or of two large integers: the fastest way there is without C.
    size = len(payload)
    stream = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(stream, "little")).to_bytes(size, "little")


def text_frame(payload: bytes) -> bytes:
    """A whole text message as one unmasked frame."""
    size = len(payload)
    if 126 <= size < 65_536:
        return b"\x81\x7e%b%b" % (size.to_bytes(2, "big"), payload)
    return _frame_of(Opcode.TEXT, payload)


def binary_frame(payload: bytes) -> bytes:
    """A whole binary message as one unmasked frame."""
    return _frame_of(Opcode.BINARY, payload)


def pong_frame(payload: bytes) -> bytes:
    """The answer to a native ping."""
    return _frame_of(Opcode.PONG, payload)


def close_frame(code: int, reason: str = "") -> bytes:
    """A close frame; ``NO_CODE`` gives one without a body."""
    if code == NO_CODE:
        return _frame_of(Opcode.CLOSE, b"")
    return _frame_of(Opcode.CLOSE, code.to_bytes(2, "big") + reason.encode()[: _CONTROL_BYTES - 2])


def _frame_of(opcode: Opcode, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((0x80 | opcode, size)) + payload
    if size < 65_536:
        return bytes((0x80 | opcode, 126)) + size.to_bytes(2, "big") + payload
    return bytes((0x80 | opcode, 127)) + size.to_bytes(8, "big") + payload


def accept_key(key: str) -> str:
    """What the server answers to ``Sec-WebSocket-Key``."""
    digest = hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()
    return binascii.b2a_base64(digest, newline=False).decode()
