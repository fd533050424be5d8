"""Health cards of a health authority: card management as provinces run it.

One address takes every request as JSON: who asks, which operation, when, a nonce, the content. Values that
name a person are encrypted one by one (SM4-CBC, a fresh IV before the ciphertext, Base64). The signature
is HMAC-SM3 in hex over ``k=v`` of every other member, sorted and joined by ``&``, the content as it is sent;
answers are signed the same way, and one that is not is not believed. Provinces differ in names and codes: the
tables below are the place.
"""

import base64
import binascii
import hmac
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

import msgspec
from cryptography.hazmat.primitives import hashes, padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hmac import HMAC

from accounts.providers import ProviderAway
from adapters.health_card.papers import ID_TYPES
from adapters.outgoing.exchange import Exchange
from clinic.health_cards import (
    CardCode,
    CardRefused,
    CardsAway,
    CodeExpired,
    CodeKind,
    CodeRefused,
    CodeUsed,
    IssuedCard,
    OtherIssuer,
    Scene,
    StaticNotAllowed,
)
from clinic.identity_numbers import Sex
from clinic.real_name import Person
from core.clock import CHINA, Clock
from core.ids import RandomBytes
from core.refusals import Refusal

STEPS = {
    Scene.REGISTRATION: "010101",
    Scene.CHECK_IN: "010102",
    Scene.CONSULTATION: "010103",
    Scene.EXAMINATION: "010104",
    Scene.PAYMENT: "010105",
    Scene.PHARMACY: "010106",
    Scene.WARD: "020101",
}
NO_SUCH_CARD = "2001"
_REFUSALS: Mapping[str, Callable[[], Refusal]] = {
    "3001": CodeRefused,
    "3002": CodeExpired,
    "3003": CodeUsed,
    "3004": OtherIssuer,
    "3005": StaticNotAllowed,
}
_AWAY = frozenset({"9001", "9002"})
_KINDS = {CodeKind.DYNAMIC: "0", CodeKind.STATIC: "1"}
_STALE_SECONDS = 300
Shape = TypeVar("Shape", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class ProvincialKeys:
    """Who asks, to the authority. ``fields`` are the 16 bytes of SM4."""

    app: str
    issuer: str
    secret: bytes = field(repr=False)
    fields: bytes = field(repr=False)


class _Answer(msgspec.Struct, frozen=True):
    code: str
    timestamp: str
    sign: str
    content: str = ""


class _Card(msgspec.Struct, frozen=True):
    erhcCardNo: str  # noqa: N815  (as the authority writes it)
    empi: str


class _Code(msgspec.Struct, frozen=True):
    qrContent: str  # noqa: N815
    qrCodeType: str  # noqa: N815
    qrCodeVaildDate: str = ""  # noqa: N815  (sic)


class ProvincialCards:
    """See the module. The exchange is closed by who made it."""

    def __init__(
        self,
        keys: ProvincialKeys,
        *,
        exchange: Exchange,
        path: str,
        clock: Clock,
        random: RandomBytes = os.urandom,
    ) -> None:
        self._keys = keys
        self._exchange = exchange
        self._path = path
        self._clock = clock
        self._random = random

    @property
    def issuer(self) -> str:
        return self._keys.issuer

    async def apply(self, person: Person) -> IssuedCard:
        return self._issued(await self._ask("apply", self._person(person)))

    async def query(self, person: Person) -> IssuedCard | None:
        paper = {name: self._person(person)[name] for name in ("idCardType", "idCardValue", "name")}
        try:
            return self._issued(await self._ask("query", paper))
        except CardRefused as refused:
            if refused.facts.get("issuer_code") == NO_SUCH_CARD:
                return None
            raise

    async def show(self, card: IssuedCard, person: Person, kind: CodeKind) -> CardCode:
        asked = {"erhcCardNo": self._sealed(card.card), "qrCodeType": _KINDS[kind]}
        code = self._read(await self._ask("qrcode", asked), _Code)
        until = None
        if code.qrCodeVaildDate:
            try:
                until = datetime.strptime(code.qrCodeVaildDate, "%Y%m%d%H%M%S").replace(tzinfo=CHINA)
            except ValueError:
                raise CardsAway(why="not_the_contract") from None
        if kind is CodeKind.DYNAMIC and until is None:
            raise CardsAway(why="not_the_contract")
        return CardCode(code.qrContent, kind, until)

    async def verify(self, code: str, *, scene: Scene) -> IssuedCard:
        asked = {"qrContent": code, "medStepCode": STEPS[scene], "orgCode": self._keys.issuer}
        return self._issued(await self._ask("verify", asked))

    def _person(self, person: Person) -> dict[str, str]:
        return {
            "name": self._sealed(person.name),
            "sex": "1" if person.sex is Sex.MALE else "2",
            "birthday": person.born.isoformat(),
            "idCardType": ID_TYPES[person.id_kind],
            "idCardValue": self._sealed(person.id_number),
            "tel": self._sealed(person.phone),
            "issuerOrgCode": self._keys.issuer,
        }

    def _issued(self, content: bytes) -> IssuedCard:
        card = self._read(content, _Card)
        return IssuedCard(self._opened(card.erhcCardNo), card.empi.lower())

    async def _ask(self, method: str, content: Mapping[str, str]) -> bytes:
        members = {
            "appId": self._keys.app,
            "method": method,
            "timestamp": self._clock.now().astimezone(CHINA).strftime("%Y%m%d%H%M%S"),
            "nonce": self._random(16).hex(),
            "content": msgspec.json.encode(content).decode(),
        }
        body = msgspec.json.encode(members | {"sign": signature(members, self._keys.secret)})
        try:
            answer = await self._exchange.post_json(self._path, {}, body)
        except ProviderAway as away:
            raise CardsAway(why=str(away.facts["why"])) from None
        return self._believed(answer)

    def _believed(self, body: bytes) -> bytes:
        answer = self._read(body, _Answer)
        members = {"code": answer.code, "timestamp": answer.timestamp, "content": answer.content}
        if not hmac.compare_digest(answer.sign, signature(members, self._keys.secret)):
            raise CardsAway(why="bad_signature")
        try:
            said_at = datetime.strptime(answer.timestamp, "%Y%m%d%H%M%S").replace(tzinfo=CHINA)
        except ValueError:
            raise CardsAway(why="not_the_contract") from None
        if abs((self._clock.now() - said_at).total_seconds()) > _STALE_SECONDS:
            raise CardsAway(why="stale_answer")
        if answer.code in _AWAY:
            raise CardsAway(why="busy")
        if answer.code in _REFUSALS:
            raise _REFUSALS[answer.code]()
        if answer.code != "0":
            raise CardRefused(issuer_code=answer.code[:16])
        return answer.content.encode()

    def _sealed(self, text: str) -> str:
        return sealed(text, self._keys.fields, initial=self._random(16))

    def _opened(self, text: str) -> str:
        try:
            return opened(text, self._keys.fields)
        except (ValueError, binascii.Error):
            raise CardsAway(why="not_the_contract") from None

    @staticmethod
    def _read(body: bytes, shape: type[Shape]) -> Shape:
        try:
            return msgspec.json.decode(body, type=shape)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise CardsAway(why="not_the_contract") from None


def signature(members: Mapping[str, str], secret: bytes) -> str:
    """HMAC-SM3 over the sorted members, empty ones left out."""
    text = "&".join(f"{name}={value}" for name, value in sorted(members.items()) if value)
    mark = HMAC(secret, hashes.SM3())
    mark.update(text.encode())
    return mark.finalize().hex()


def sealed(text: str, key: bytes, *, initial: bytes) -> str:
    """SM4-CBC with PKCS#7, the IV in front, Base64."""
    padder = padding.PKCS7(128).padder()
    padded = padder.update(text.encode()) + padder.finalize()
    cipher = Cipher(algorithms.SM4(key), modes.CBC(initial)).encryptor()
    return base64.b64encode(initial + cipher.update(padded) + cipher.finalize()).decode()


def opened(text: str, key: bytes) -> str:
    """The other way. Raises ``ValueError``."""
    raw = base64.b64decode(text, validate=True)
    cipher = Cipher(algorithms.SM4(key), modes.CBC(raw[:16])).decryptor()
    unpadder = padding.PKCS7(128).unpadder()
    padded = cipher.update(raw[16:]) + cipher.finalize()
    return (unpadder.update(padded) + unpadder.finalize()).decode()
