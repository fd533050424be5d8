"""What travels of notices: what a person agreed to be told, and which ticket they follow."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

ChannelWord = Literal["wechat_page", "wechat_mini", "alipay_mini"]
KindWord = Literal["new_message", "near_turn", "called", "consultation"]
Id = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.\-]+$")]


class Template(Struct, frozen=True, kw_only=True):
    """One that the page may ask the person for, in the platform's own dialogue."""

    kind: KindWord
    template: str
    left: int
    """How many may still be sent on what the person agreed to; -1: as many as needed."""


class Templates(Struct, frozen=True, kw_only=True):
    """Those of one channel."""

    channel: ChannelWord
    templates: list[Template]
    quiet: bool
    """Whether the person wants none at night."""


class TemplatesQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of which channel."""

    channel: ChannelWord


class Agree(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the person said in the platform's own dialogue."""

    channel: ChannelWord
    accepted: Annotated[list[str], Meta(max_length=10)] = []
    refused: Annotated[list[str], Meta(max_length=10)] = []


class Quiet(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No notices at night, or at any hour. "You are called" comes at any hour."""

    on: bool


class FollowTicket(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Tell me when three are before this ticket, and when it is called; once each."""

    on: bool = True


class FollowedTicket(Struct, frozen=True, kw_only=True):
    """A ticket that one is told about. ``day``: on which its number was given."""

    line: str
    line_name: str
    number: str
    day: str


class FollowedTickets(Struct, frozen=True, kw_only=True):
    """By line and number; what is over is left out."""

    items: list[FollowedTicket]


class Following(Struct, frozen=True, kw_only=True):
    """Whether the ticket is followed."""

    line: str
    number: str
    on: bool
