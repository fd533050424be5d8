"""The protocol's JSON text: commands in, replies and pushes out.

One frame holds one or more objects separated by newlines. Absent and empty fields are left out, ``null`` is
never sent: SDKs test for presence. Payloads (``data``) pass through as raw JSON, neither decoded nor
re-encoded.
"""

from typing import Annotated, Final

import msgspec

from realtime.codes import Disconnect, Error
from realtime.stream import Publication

PING: Final = b"{}"

Id = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]
Offset = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]


class Malformed(Exception):
    """Not what a client of this protocol sends."""


class ServerSideAsk(msgspec.Struct):
    """A position a client still holds of a server-side subscription."""

    recover: bool = False
    epoch: str = ""
    offset: Offset = 0


class ConnectAsk(msgspec.Struct):
    token: str = ""
    subs: dict[str, ServerSideAsk] = {}


class SubscribeAsk(msgspec.Struct):
    channel: str = ""
    token: str = ""
    join_leave: bool = False
    recover: bool = False
    epoch: str = ""
    offset: Offset = 0
    flag: int = 0
    type: int = 0
    delta: str = ""
    tf: object = None


class ChannelAsk(msgspec.Struct):
    """Whatever asks only for a channel."""

    channel: str = ""


class PublishAsk(msgspec.Struct):
    channel: str = ""
    data: msgspec.Raw = msgspec.Raw()


class Since(msgspec.Struct):
    offset: Offset = 0
    epoch: str = ""


class HistoryAsk(msgspec.Struct):
    channel: str = ""
    limit: int = 0
    since: Since | None = None
    reverse: bool = False


class RefreshAsk(msgspec.Struct):
    token: str = ""


class SubRefreshAsk(msgspec.Struct):
    channel: str = ""
    token: str = ""


class RpcAsk(msgspec.Struct):
    method: str = ""
    data: msgspec.Raw = msgspec.Raw()


class Nothing(msgspec.Struct):
    """A body whose fields do not matter, or a result that is empty."""


class Command(msgspec.Struct):
    """One object from a client. Fields are in the order in which the first one present wins."""

    id: Id = 0
    connect: ConnectAsk | None = None
    subscribe: SubscribeAsk | None = None
    unsubscribe: ChannelAsk | None = None
    publish: PublishAsk | None = None
    presence: ChannelAsk | None = None
    presence_stats: ChannelAsk | None = None
    history: HistoryAsk | None = None
    ping: Nothing | None = None
    send: Nothing | None = None
    rpc: RpcAsk | None = None
    refresh: RefreshAsk | None = None
    sub_refresh: SubRefreshAsk | None = None

    @property
    def is_pong(self) -> bool:
        """No id and nothing to send: the answer to a ping."""
        return not self.id and self.send is None

    @property
    def is_empty(self) -> bool:
        """An id without a method we know."""
        return all(getattr(self, name) is None for name in self.__struct_fields__[1:])


class ErrorBody(msgspec.Struct, omit_defaults=True):
    code: int
    message: str
    temporary: bool = False


class PublicationBody(msgspec.Struct, omit_defaults=True):
    data: msgspec.Raw
    offset: int = 0
    info: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class ClientInfo(msgspec.Struct, omit_defaults=True):
    """Who somebody is, as others see it."""

    user: str
    client: str
    conn_info: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    chan_info: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class SubscribeResult(msgspec.Struct, omit_defaults=True):
    recoverable: bool = False
    positioned: bool = False
    epoch: str = ""
    offset: int = 0
    was_recovering: bool = False
    recovered: bool = False
    expires: bool = False
    ttl: int = 0
    publications: list[PublicationBody] = []


class ConnectResult(msgspec.Struct, omit_defaults=True):
    client: str
    version: str = ""
    ping: int = 0
    pong: bool = False
    expires: bool = False
    ttl: int = 0
    subs: dict[str, SubscribeResult] = {}


class RefreshResult(msgspec.Struct, omit_defaults=True):
    client: str
    version: str = ""
    expires: bool = False
    ttl: int = 0


class SubRefreshResult(msgspec.Struct, omit_defaults=True):
    expires: bool = False
    ttl: int = 0


class PresenceResult(msgspec.Struct):
    presence: dict[str, msgspec.Raw]


class PresenceStatsResult(msgspec.Struct):
    num_clients: int
    num_users: int


class HistoryResult(msgspec.Struct, omit_defaults=True):
    epoch: str = ""
    offset: int = 0
    publications: list[PublicationBody] = []


class RpcResult(msgspec.Struct, omit_defaults=True):
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class Reply(msgspec.Struct, omit_defaults=True):
    """The answer to one command: an error or exactly one result."""

    id: int
    error: ErrorBody | None = None
    connect: ConnectResult | None = None
    subscribe: SubscribeResult | None = None
    unsubscribe: Nothing | None = None
    publish: Nothing | None = None
    presence: PresenceResult | None = None
    presence_stats: PresenceStatsResult | None = None
    history: HistoryResult | None = None
    rpc: RpcResult | None = None
    refresh: RefreshResult | None = None
    sub_refresh: SubRefreshResult | None = None


_decode = msgspec.json.Decoder(Command).decode
_encode = msgspec.json.Encoder().encode
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_text = msgspec.json.Decoder(str).decode


def decode(frame: str) -> list[Command]:
    """The commands of one frame, in order. Raises ``Malformed`` when any of it is not a command.

    A single trailing newline is let pass; a blank line is not.
    """
    try:
        if "\n" not in frame:
            return [_decode(frame)]
        return [_decode(line) for line in frame.removesuffix("\n").split("\n")]
    except (msgspec.MsgspecError, RecursionError):
        # RecursionError: brackets nested deeper than the decoder goes.
        raise Malformed from None


def reply(answer: Reply) -> bytes:
    """One reply as JSON."""
    return _encode(answer)


def refusal(command_id: int, error: Error) -> bytes:
    """An error reply as JSON."""
    return _encode(Reply(command_id, error=ErrorBody(error.code, error.message, error.temporary)))


def publication_body(publication: Publication) -> PublicationBody:
    """A publication as replies list it."""
    data = msgspec.Raw(one_line(publication.data))
    return PublicationBody(data, publication.offset, _raw(publication.info))


def client_info(user: str, client: str, conn_info: bytes, chan_info: bytes) -> bytes:
    """A client as others see it, as JSON."""
    return _encode(ClientInfo(user, client, _raw(conn_info), _raw(chan_info)))


def _raw(data: bytes) -> msgspec.Raw | msgspec.UnsetType:
    return msgspec.Raw(data) if data else msgspec.UNSET


def one_line(data: bytes) -> bytes:
    """JSON without raw newlines, which separate objects. In JSON they can only be blanks between tokens."""
    return data.replace(b"\n", b" ") if b"\n" in data else data


def push_head(channel: str) -> bytes:
    """What every publication of a channel begins with; made once per channel."""
    return b'{"push":{"channel":' + _encode(channel) + b',"pub":{"data":'


def push(head: bytes, publication: Publication) -> bytes:
    """A publication as a push, behind the head of its channel."""
    data = one_line(publication.data)
    if publication.info:
        data = b'%b,"info":%b' % (data, publication.info)
    if publication.offset:
        return b'%b%b,"offset":%d}}}' % (head, data, publication.offset)
    return head + data + b"}}}"


def join_push(channel: str, info: bytes) -> bytes:
    """Tell those who asked that somebody came; ``info`` is that one's ``client_info``."""
    return b'{"push":{"channel":%b,"join":{"info":%b}}}' % (_encode(channel), info)


def leave_push(channel: str, info: bytes) -> bytes:
    """Tell those who asked that somebody went."""
    return b'{"push":{"channel":%b,"leave":{"info":%b}}}' % (_encode(channel), info)


def subscribe_push(channel: str, result: SubscribeResult) -> bytes:
    """Tell a client that the server has subscribed it."""
    return b'{"push":{"channel":%b,"subscribe":%b}}' % (_encode(channel), _encode(result))


def unsubscribe_push(channel: str, why: Disconnect) -> bytes:
    """Tell a client that the server ended its subscription."""
    return b'{"push":{"channel":%b,"unsubscribe":{"code":%d,"reason":%b}}}' % (
        _encode(channel),
        why.code,
        _encode(why.reason),
    )


def field_of(data: bytes, name: str) -> str | None:
    """The text of one top-level field of a payload, None when there is none."""
    try:
        found = _fields(data).get(name)
        return None if found is None else _text(found)
    except msgspec.MsgspecError:
        return None
