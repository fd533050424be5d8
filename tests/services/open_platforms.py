"""The simulated open platforms in a test, and what the hospital has agreed on with them."""

import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from demo.open_config import Agreed, read

SERVICE, MINI, ALIPAY = "wx5e7a1c0ffee00001", "wx5e7a1c0ffee00002", "2021000000000001"


def _private(key: RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _public(key: RSAPrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@dataclass(frozen=True)
class Agreement:
    """Both sides of it: the simulator's file, and the hospital's secrets."""

    agreed: Agreed
    alipay_private: str
    alipay_public: str

    def settings(self, folder: Path, port: int) -> dict[str, object]:
        """Write the hospital's secret files; answers the settings that name them."""
        folder.mkdir(parents=True, exist_ok=True)
        wechat = self.agreed.wechat
        files = {
            "wechat.secret_file": wechat.secrets[SERVICE],
            "wechat.token_file": wechat.token,
            "wechat.aes_key_file": wechat.aes_key,
            "wechat_mini.secret_file": wechat.secrets[MINI],
            "alipay.private_key_file": self.alipay_private,
            "alipay.public_key_file": self.alipay_public,
            "sms.secret_file": self.agreed.sms_secret,
        }
        named: dict[str, object] = {}
        for key, text in files.items():
            file = folder / key
            file.write_text(text + "\n")
            named[key] = str(file)
        base = f"http://127.0.0.1:{port}"
        return named | {
            "wechat.app": SERVICE,
            "wechat.page_hosts": ["127.0.0.1"],
            "wechat.api": base,
            "wechat.pages": base,
            "wechat_mini.app": MINI,
            "alipay.app": ALIPAY,
            "alipay.gateway": f"{base}/gateway.do",
            "sms.sender": "http",
            "sms.gateway": f"{base}/sms/send",
        }


def an_agreement(file: Path) -> Agreement:
    """New secrets and keys; the simulator's half is written to the file."""
    ours, theirs = (generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
    told = {
        "wechat": {
            "service": SERVICE,
            "mini": MINI,
            "secrets": {SERVICE: secrets.token_hex(16), MINI: secrets.token_hex(16)},
            "token": secrets.token_hex(8),
            "aes_key": secrets.token_hex(22)[:43],
            "hosts": ["127.0.0.1"],
        },
        "alipay": {"app": ALIPAY, "app_public": _public(ours), "own_private": _private(theirs)},
        "sms_secret": secrets.token_hex(16),
    }
    file.write_text(json.dumps(told))
    return Agreement(read(file), _private(ours), _public(theirs))
