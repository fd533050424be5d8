"""Health cards of Tencent's health card open platform.

Every call posts ``{"commonIn": …, "req": …}`` and gets ``{"commonOut": …, "rsp": …}``. The signature is
Base64(SHA-256(``k=v`` of all plain members of both, sorted, joined by ``&``, empty ones left out, then the
application's secret)). The application's token is one for all processes (``accounts.lent_credentials``).
Field names are those of the platform's public documents (github.com/goairix/wx, health_card).
"""

import base64
import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

import msgspec

from accounts.lent_credentials import Credential, CredentialStore, SharedCredential
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
)
from clinic.identity_numbers import Sex
from clinic.real_name import Person
from core.clock import Clock
from core.ids import RandomBytes
from core.refusals import Refusal

PROVIDER = "Tencent"
ROOT = "/rest/auth/HealthCard/HealthOpenPlatform/ISVOpenObj"
SERVICE_ACCOUNT = 0
TOKEN_DIED = frozenset({10006, 10007})
NO_SUCH_CARD = 20003
_REFUSALS: Mapping[int, Callable[[], Refusal]] = {
    30001: CodeRefused,
    30002: CodeExpired,
    30003: CodeUsed,
    30004: OtherIssuer,
}
_BUSY = frozenset({-1, 10001})
Shape = TypeVar("Shape", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class TencentKeys:
    """Who asks, to Tencent."""

    app: str
    hospital: str
    issuer: str
    code_seconds: int
    """For how long the hospital's dynamic codes live, as agreed with the platform: answers do not say it."""
    secret: str = field(repr=False)


class _Out(msgspec.Struct, frozen=True):
    resultCode: int  # noqa: N815  (as the platform writes it)
    requestId: str = ""  # noqa: N815


class _Answer(msgspec.Struct, frozen=True):
    commonOut: _Out  # noqa: N815
    rsp: msgspec.Raw = msgspec.Raw(b"{}")


class _Token(msgspec.Struct, frozen=True):
    appToken: str  # noqa: N815
    expiresIn: int  # noqa: N815


class _Registered(msgspec.Struct, frozen=True):
    healthCardId: str  # noqa: N815
    qrCodeText: str  # noqa: N815


class _Found(msgspec.Struct, frozen=True):
    card: _Registered


class _Code(msgspec.Struct, frozen=True):
    qrCodeText: str  # noqa: N815


class _TokenDied(Exception):
    """The platform does not take the token any more."""


class TencentCards:
    """See the module. The exchange is closed by who made it; ``close`` ends what is under way."""

    def __init__(
        self,
        keys: TencentKeys,
        *,
        exchange: Exchange,
        store: CredentialStore,
        clock: Clock,
        random: RandomBytes = os.urandom,
    ) -> None:
        self._keys = keys
        self._exchange = exchange
        self._clock = clock
        self._random = random
        self._token = SharedCredential(
            f"health-card:token:{keys.app}", fetch=self._fetch_token, store=store, clock=clock
        )

    @property
    def issuer(self) -> str:
        return self._keys.issuer

    async def close(self) -> None:
        """End what is under way."""
        await self._token.close()

    async def apply(self, person: Person) -> IssuedCard:
        sex = "男" if person.sex is Sex.MALE else "女"
        req = self._paper(person) | {
            "name": person.name,
            "gender": sex,
            "birthday": person.born.isoformat(),
            "phone1": person.phone.removeprefix("+86"),
        }
        return _issued(await self._call("registerHealthCard", req, _Registered))

    async def query(self, person: Person) -> IssuedCard | None:
        try:
            found = await self._call("getHealthCardByHealthCardId", self._paper(person), _Found)
        except CardRefused as refused:
            if refused.facts.get("issuer_code") == str(NO_SUCH_CARD):
                return None
            raise
        return _issued(found.card)

    async def show(self, card: IssuedCard, person: Person, kind: CodeKind) -> CardCode:
        req = self._paper(person) | {
            "healthCardId": card.card,
            "codeType": "0" if kind is CodeKind.DYNAMIC else "1",
        }
        code = await self._call("getDynamicQRCode", req, _Code)
        until = self._clock.now() + timedelta(seconds=self._keys.code_seconds)
        return CardCode(code.qrCodeText, kind, until if kind is CodeKind.DYNAMIC else None)

    async def verify(self, code: str, *, scene: Scene) -> IssuedCard:
        found = await self._call("verifyQRCode", {"qrCodeText": code, "scene": scene.value}, _Found)
        return _issued(found.card)

    def _paper(self, person: Person) -> dict[str, str]:
        return {"idType": ID_TYPES[person.id_kind], "idNumber": person.id_number}

    async def _call(self, name: str, req: Mapping[str, str], shape: type[Shape]) -> Shape:
        """Ask with the token; once more with another one when it has died."""
        try:
            token = await self._token.get()
            try:
                return await self._ask(name, req, shape, token=token)
            except _TokenDied:
                token = await self._token.replace(token)
            return await self._ask(name, req, shape, token=token)
        except _TokenDied:
            raise CardsAway(why="token_refused") from None
        except ProviderAway as away:
            raise CardsAway(why=str(away.facts["why"])) from None

    async def _fetch_token(self, *, forced: bool) -> Credential:
        token = await self._ask("getAppToken", {"appId": self._keys.app}, _Token, token="")
        now = self._clock.now()
        return Credential(token.appToken, now, now + timedelta(seconds=token.expiresIn))

    async def _ask(self, name: str, req: Mapping[str, str], shape: type[Shape], *, token: str) -> Shape:
        common: dict[str, str | int] = {
            "appToken": token,
            "requestId": self._random(16).hex().upper(),
            "hospitalId": self._keys.hospital,
            "timestamp": int(self._clock.now().timestamp()),
            "channelNum": SERVICE_ACCOUNT,
        }
        common["sign"] = signature(common | dict(req), self._keys.secret)
        body = msgspec.json.encode({"commonIn": common, "req": req})
        answer = self._read(await self._exchange.post_json(f"{ROOT}/{name}", {}, body), _Answer)
        result = answer.commonOut.resultCode
        if result in TOKEN_DIED:
            raise _TokenDied
        if result in _BUSY:
            raise CardsAway(why="busy")
        if result in _REFUSALS:
            raise _REFUSALS[result]()
        if result != 0:
            raise CardRefused(issuer_code=str(result))
        if answer.commonOut.requestId not in {"", common["requestId"]}:
            raise CardsAway(why="not_the_contract")
        return self._read(bytes(answer.rsp), shape)

    @staticmethod
    def _read(body: bytes, shape: type[Shape]) -> Shape:
        try:
            return msgspec.json.decode(body, type=shape)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise CardsAway(why="not_the_contract") from None


def signature(members: Mapping[str, str | int], secret: str) -> str:
    """Over the plain members, sorted by name; an empty value does not count, zero does."""
    text = "&".join(f"{name}={value}" for name, value in sorted(members.items()) if value != "")
    return base64.b64encode(hashlib.sha256((text + secret).encode()).digest()).decode()


def _issued(card: _Registered) -> IssuedCard:
    """The main index is what the card's code begins with."""
    index, separator, _ = card.qrCodeText.partition(":")
    if not separator or not index:
        raise CardsAway(why="not_the_contract")
    return IssuedCard(card.healthCardId, index.lower())
