"""What travels about the service account: page signatures, and what WeChat's server asks."""

from typing import Annotated

import msgspec

_Short = Annotated[str, msgspec.Meta(max_length=256)]


class Page(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The page that calls ``wx.config``: its address as the browser has it; a fragment does not count."""

    url: Annotated[str, msgspec.Meta(min_length=8, max_length=2048)]


class PageConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What ``wx.config`` needs."""

    app_id: str
    timestamp: int
    nonce: str
    signature: str


class CallbackQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What WeChat's server writes into the address. Names are WeChat's."""

    signature: _Short = ""
    timestamp: _Short = ""
    nonce: _Short = ""
    echostr: Annotated[str, msgspec.Meta(max_length=1024)] = ""
    msg_signature: _Short = ""
    encrypt_type: _Short = ""
    openid: _Short = ""
