"""What ``run.py dev`` agrees on with the simulated WeChat, Alipay and phones: made once, then kept.

Both sides get their half as files, as in life: the simulator one file of its own, the platform the secrets
that the settings name. None of it is good anywhere else.
"""

import json
import secrets
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from conf.settings import (
    Alipay,
    NoticeKind,
    Notices,
    NoticeTemplate,
    Settings,
    Sms,
    WeChat,
    WeChatMini,
)

SERVICE, MINI, ALIPAY = "wx00000000demo0001", "wx00000000demo0002", "2021000000000000"
HOSTS = ("127.0.0.1", "localhost")


def agree(folder: Path) -> Path:
    """Make what is agreed on unless it is there; answers the simulator's file."""
    agreed = folder / "agreed.json"
    if agreed.exists():
        return agreed
    folder.mkdir(parents=True, exist_ok=True)
    ours, theirs = (generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
    kept = {
        "wechat-secret": secrets.token_hex(16),
        "wechat-mini-secret": secrets.token_hex(16),
        "wechat-token": secrets.token_hex(16),
        "wechat-aes-key": secrets.token_hex(22)[:43],
        "alipay-private.pem": _private(ours),
        "alipay-public.pem": _public(theirs),
        "sms-secret": secrets.token_hex(16),
    }
    for name, text in kept.items():
        (folder / name).write_text(text, "utf-8")
    told = {
        "wechat": {
            "service": SERVICE,
            "mini": MINI,
            "secrets": {SERVICE: kept["wechat-secret"], MINI: kept["wechat-mini-secret"]},
            "token": kept["wechat-token"],
            "aes_key": kept["wechat-aes-key"],
            "hosts": HOSTS,
        },
        "alipay": {"app": ALIPAY, "app_public": _public(ours), "own_private": _private(theirs)},
        "sms_secret": kept["sms-secret"],
    }
    # Last: whoever finds it finds the others.
    agreed.write_text(json.dumps(told, indent=1), "utf-8")
    return agreed


def connected(settings: Settings, folder: Path, port: int) -> Settings:
    """The settings, with every way connected to the simulator at that port."""
    base = f"http://127.0.0.1:{port}"
    return msgspec.structs.replace(
        settings,
        wechat=WeChat(
            app=SERVICE,
            secret_file=str(folder / "wechat-secret"),
            token_file=str(folder / "wechat-token"),
            aes_key_file=str(folder / "wechat-aes-key"),
            page_hosts=HOSTS,
            scope="snsapi_userinfo",
            api=base,
            pages=base,
        ),
        wechat_mini=WeChatMini(app=MINI, secret_file=str(folder / "wechat-mini-secret")),
        alipay=Alipay(
            app=ALIPAY,
            private_key_file=str(folder / "alipay-private.pem"),
            public_key_file=str(folder / "alipay-public.pem"),
            gateway=f"{base}/gateway.do",
        ),
        notices=Notices(
            wechat_mini=_templates("thing1", "thing2"),
            wechat_page=_templates("first", "remark"),
            alipay_mini=_templates("keyword1", "keyword2"),
        ),
        sms=Sms(sender="http", gateway=f"{base}/sms/send", secret_file=str(folder / "sms-secret")),
    )


def _templates(title: str, text: str) -> dict[NoticeKind, NoticeTemplate]:
    """A template of each kind, as the consoles would have made them."""
    kinds: tuple[NoticeKind, ...] = ("new_message", "consultation", "near_turn", "called")
    return {
        kind: NoticeTemplate(template=f"tmpl-{kind}", fields={title: "{title}", text: "{text}"})
        for kind in kinds
    }


def _private(key: RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _public(key: RSAPrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
