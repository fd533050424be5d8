"""Everything that was ever published, and whether a phone that has come to rest holds what it must."""

from collections.abc import Mapping
from typing import Any

from realtime.stream import Position
from tests.clients.phone import Following, Phone


def publication(number: int, line: str | None, size: int) -> dict[str, Any]:
    """What is published: numbered, of a line or of none, padded."""
    data: dict[str, Any] = {"n": number, "x": "x" * size}
    return data if line is None else data | {"line": line}


class Truth:
    """Everything that was ever published: channel → epoch → what, by offset from 1 on."""

    def __init__(self) -> None:
        self._streams: dict[str, dict[str, list[Mapping[str, Any]]]] = {}

    def note(self, channel: str, at: Position, data: Mapping[str, Any]) -> None:
        stream = self._streams.setdefault(channel, {}).setdefault(at.epoch, [])
        stream.append(data)
        assert at.offset == len(stream)

    def judge(self, phone: Phone, tops: Mapping[str, Position]) -> None:
        """Whether this phone, now that all is calm, holds everything that it must."""
        for channel, following in phone.channels.items():
            if not following.wanted:
                continue
            top = tops[channel]
            assert following.live, channel
            if phone.newest_is_all(channel):
                self._judge_newest(following, channel, top)
                continue
            assert following.position == top, channel
            assert following.loaded is not None
            stream = self._streams.get(channel, {}).get(top.epoch, [])
            for offset, data in following.taken:
                assert data == stream[offset - 1]
            taken = [offset for offset, _ in following.taken]
            assert taken == sorted(set(taken))
            whole = set(range(following.loaded.offset + 1, top.offset + 1))
            assert whole == set(taken) | following.skipped
            for offset in following.skipped:
                line = stream[offset - 1].get("line")
                assert line is not None
                assert any(later > offset and data.get("line") == line for later, data in following.taken)

    def _judge_newest(self, following: Following, channel: str, top: Position) -> None:
        assert following.position is not None
        assert following.position.offset == top.offset, channel
        if following.taken:
            offset, data = following.taken[-1]
            assert data == self._streams[channel][top.epoch][offset - 1]
        else:
            assert following.loaded == top
