"""What hospital and open platforms have agreed on, as the simulator reads it from one file."""

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class WeChatAgreed:
    """Of WeChat's side. ``secrets`` maps an AppID to its AppSecret; ``service`` is the service account's."""

    service: str
    mini: str
    secrets: dict[str, str]
    token: str
    aes_key: str
    hosts: tuple[str, ...]


@dataclass(frozen=True)
class AlipayAgreed:
    """Of Alipay's side: keys as PEM. With serials it speaks certificate mode."""

    app: str
    app_public: str
    own_private: str
    own_serial: str = ""
    app_serial: str = ""


@dataclass(frozen=True)
class Agreed:
    """All of it."""

    wechat: WeChatAgreed
    alipay: AlipayAgreed
    sms_secret: str


def read(file: Path) -> Agreed:
    """From the JSON file that whoever starts the simulator has written."""
    told = json.loads(file.read_text("utf-8"))
    wechat = told["wechat"]
    return Agreed(
        wechat=WeChatAgreed(**{**wechat, "hosts": tuple(wechat["hosts"])}),
        alipay=AlipayAgreed(**told["alipay"]),
        sms_secret=told["sms_secret"],
    )
