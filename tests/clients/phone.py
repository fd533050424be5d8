"""What every SDK does, without a socket: commands out, replies and pushes in, positions kept.

It judges the server while it goes: an answer that is out of order, a publication twice, one that was skipped
without being superseded, a push for a channel that is not subscribed: each is an ``AssertionError``.
"""

import json
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from realtime.stream import Position

Taken = tuple[int, Any]


def never(channel: str) -> bool:
    """No channel is like that."""
    return False


@dataclass
class Following:
    """One channel as this client knows it."""

    wanted: bool = True
    by_server: bool = False
    live: bool = False
    asked: int = 0
    leaving: int = 0
    position: Position | None = None
    loaded: Position | None = None
    """Where the state of this client began: it was loaded from the source of truth there."""
    taken: list[Taken] = field(default_factory=list)
    skipped: set[int] = field(default_factory=set)
    reloads: int = 0
    recoveries: int = 0


class Phone:
    """One user's SDK."""

    def __init__(
        self,
        *,
        token: str = "",
        channels: Collection[str] = (),
        may_merge: Callable[[str], bool] = never,
        newest_is_all: Callable[[str], bool] = never,
    ) -> None:
        """On channels that ``may_merge`` a newer publication may replace an older one of the same line.

        Where ``newest_is_all`` the others may be left out, and a history may begin anew unsaid.
        """
        self.token = token
        self.channels = {name: Following() for name in channels}
        self.may_merge = may_merge
        self.newest_is_all = newest_is_all
        self.connected = False
        self.client = ""
        self.told: Counter[int] = Counter()
        """Codes of errors, of subscriptions ended by the server, and of closes."""
        self.answered = 0
        """Calls of methods that were answered."""
        self.to_retry: set[str] = set()
        """Channels whose subscribing failed for now."""
        self.refused = False
        """Whether connecting failed for now: close, and come back later."""
        self._id = 0
        self._asked: dict[int, tuple[str, str, Position | None]] = {}
        self._held: dict[str, Position | None] = {}

    # Commands.

    def begin(self) -> str:
        """The first frame of a connection: connect, and every subscription behind it, as the npm SDK does."""
        self._asked.clear()
        self.to_retry.clear()
        self.refused = False
        for following in self.channels.values():
            following.live, following.asked, following.leaving = False, 0, 0
        self._held = {
            name: one.position for name, one in self.channels.items() if one.by_server and one.position
        }
        ask: dict[str, Any] = {"token": self.token} if self.token else {}
        if self._held:
            ask["subs"] = {name: _resume(position) for name, position in self._held.items() if position}
        lines = [self._say("connect", "", None, ask)]
        lines += [
            self._subscribe(name) for name, one in self.channels.items() if one.wanted and not one.by_server
        ]
        return "\n".join(lines)

    def subscribe(self, channel: str) -> str | None:
        """Want a channel; answers what to send, if it can be sent now."""
        following = self.channels.setdefault(channel, Following())
        following.wanted = True
        busy = following.live or following.asked or following.leaving or not self.connected
        return None if busy else self._subscribe(channel)

    def unsubscribe(self, channel: str) -> str | None:
        """Want it no more. What was known of it is kept, as an SDK keeps its position."""
        following = self.channels[channel]
        following.wanted = False
        if not following.live or following.leaving or not self.connected:
            return None
        line = self._say("unsubscribe", channel, None, {"channel": channel})
        following.leaving = self._id
        return line

    def call(self, method: str, data: Any) -> str:
        """Call a method of the application; ``answered`` counts."""
        return self._say("rpc", "", None, {"method": method, "data": data})

    def retry(self) -> list[str]:
        """Subscribe again where it failed for now."""
        channels, self.to_retry = self.to_retry, set()
        said = [self.subscribe(name) for name in channels if self.channels[name].wanted]
        return [line for line in said if line is not None]

    def _subscribe(self, channel: str) -> str:
        following = self.channels[channel]
        ask: dict[str, Any] = {"channel": channel, "flag": 1}
        if following.position is not None:
            ask |= _resume(following.position)
        line = self._say("subscribe", channel, following.position, ask)
        following.asked = self._id
        return line

    def _say(self, method: str, channel: str, since: Position | None, ask: dict[str, Any]) -> str:
        self._id += 1
        self._asked[self._id] = (method, channel, since)
        return json.dumps({"id": self._id, method: ask})

    # What comes.

    def take(self, frame: str) -> list[str]:
        """Take one message of the server; answers the commands it leads to."""
        said: list[str] = []
        for line in frame.split("\n"):
            found = json.loads(line)
            if not found:
                said.append("{}")
            elif "push" in found:
                said += self._push(found["push"])
            else:
                said += self._reply(found)
        return said

    def ended(self, code: int) -> None:
        """The connection is over."""
        self.told[code] += 1
        self.connected = False
        for following in self.channels.values():
            following.live = False

    def _push(self, push: dict[str, Any]) -> list[str]:
        following = self.channels[push["channel"]]
        if "pub" in push:
            assert following.live, "a publication of a channel that is not subscribed"
            self._publication(push["channel"], following, push["pub"])
        elif "unsubscribe" in push:
            assert following.live
            assert push["unsubscribe"]["reason"]
            self.told[push["unsubscribe"]["code"]] += 1
            following.live = False
            if following.wanted and not following.leaving:
                return [self._subscribe(push["channel"])]
        return []

    def _publication(self, channel: str, following: Following, pub: dict[str, Any]) -> None:
        at = following.position
        if at is None:
            assert "offset" not in pub
            following.taken.append((0, pub["data"]))
            return
        offset = pub["offset"]
        if self.newest_is_all(channel):
            following.taken.append((offset, pub["data"]))
            following.position = Position(offset, at.epoch)
            return
        assert offset > at.offset, "a publication that was there before"
        if offset != at.offset + 1:
            assert self.may_merge(channel), "a publication was skipped"
            following.skipped.update(range(at.offset + 1, offset))
        following.taken.append((offset, pub["data"]))
        following.position = Position(offset, at.epoch)

    def _reply(self, reply: dict[str, Any]) -> list[str]:
        method, channel, since = self._asked.pop(reply["id"])
        assert all(number > reply["id"] for number in self._asked), "answered in order"
        if "error" in reply:
            return self._refused(method, channel, reply["error"])
        result = reply[method]
        if method == "connect":
            self._connected(result)
            late = [name for name, one in self.channels.items() if one.wanted and not (one.live or one.asked)]
            return [self._subscribe(name) for name in late]
        if method == "subscribe":
            self.channels[channel].asked = 0
            self._begun(channel, since, result)
            if not self.channels[channel].wanted:
                line = self.unsubscribe(channel)
                return [] if line is None else [line]
        elif method == "rpc":
            self.answered += 1
        elif method == "unsubscribe":
            following = self.channels[channel]
            following.live, following.leaving = False, 0
            if following.wanted:
                return [self._subscribe(channel)]
        return []

    def _refused(self, method: str, channel: str, error: dict[str, Any]) -> list[str]:
        assert error["message"]
        self.told[error["code"]] += 1
        assert error.get("temporary"), error
        self.refused = method == "connect"
        if method == "subscribe":
            self.channels[channel].asked = 0
            self.to_retry.add(channel)
        return []

    def _connected(self, result: dict[str, Any]) -> None:
        self.connected = True
        self.client = result["client"]
        subs = result.get("subs", {})
        assert set(subs) >= set(self._held), "the whole set of server-side subscriptions"
        for channel, sub in subs.items():
            self.channels.setdefault(channel, Following(by_server=True)).by_server = True
            self._begun(channel, self._held.get(channel), sub)

    def _begun(self, channel: str, since: Position | None, result: dict[str, Any]) -> None:
        following = self.channels[channel]
        following.live = True
        if not result.get("positioned"):
            return
        at = Position(result.get("offset", 0), result["epoch"])
        assert result["recoverable"]
        assert bool(result.get("was_recovering")) is (since is not None)
        if since is not None and result.get("recovered"):
            following.recoveries += 1
            following.position = at
            if self.newest_is_all(channel):
                assert len(result.get("publications", ())) <= 1
            else:
                assert at.offset == since.offset, "a recovered client counts on from where it was"
                assert since.epoch in ("", at.epoch)
            for one in result.get("publications", ()):
                assert following.position is not None
                assert one["offset"] == following.position.offset + 1, "recovered without a hole"
                self._publication(channel, following, one)
            return
        assert "publications" not in result
        following.reloads += 1
        following.position = following.loaded = at
        following.taken.clear()
        following.skipped.clear()


def _resume(position: Position) -> dict[str, Any]:
    return {"recover": True, "epoch": position.epoch, "offset": position.offset}
