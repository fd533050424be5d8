"""Invented people who use WeChat and Alipay: each has another id in every application, as real ones do."""

import base64
import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Visitor:
    """Somebody with a phone."""

    key: str
    name: str
    english: str
    phone: str
    """Without the country's code."""

    def _made(self, what: str, length: int) -> str:
        digest = hashlib.sha256(f"{what}|{self.key}".encode()).digest()
        return base64.urlsafe_b64encode(digest).decode()[:length]

    def openid(self, app: str) -> str:
        """WeChat's id of this person in one application: 28 characters."""
        return f"o{self._made(f'openid|{app}', 27)}"

    @property
    def unionid(self) -> str:
        """WeChat's id of this person in every application of one open-platform account."""
        return f"u{self._made('unionid', 27)}"

    def alipay_open_id(self, app: str) -> str:
        """Alipay's id of this person in one application."""
        return self._made(f"alipay|{app}", 40)

    @property
    def alipay_user_id(self) -> str:
        """Alipay's older id: 16 digits that begin with 2088."""
        number = int.from_bytes(hashlib.sha256(f"user|{self.key}".encode()).digest()[:6], "big")
        return f"2088{number % 10**12:012d}"


VISITORS = (
    Visitor("lin", "林晓梅", "Lin Xiaomei", "13800000101"),
    Visitor("zhao", "赵建国", "Zhao Jianguo", "13800000102"),
    Visitor("wang", "王小雨", "Wang Xiaoyu", "13800000103"),
    Visitor("chen", "陈志强", "Chen Zhiqiang", "13800000104"),
)


def visitor(key: str) -> Visitor:
    """The one of that key. Refuses a stranger with ``KeyError``."""
    return {each.key: each for each in VISITORS}[key]
