"""Health cards without an issuer outside: indexes and codes are made and checked with one key of this server.

    main index     64 hex   HMAC-SHA-256 of the paper: the same person has the same card
    dynamic code   <index>:0:<32 hex>:<issuer>   32: the end (8, Unix seconds), chance (4), the mark (20)
    static code    <index>:1                     worth as much as a printed card; the hospital decides

Nothing is stored: whether a code was used is for whoever asks.
"""

import hmac
import re
from collections import OrderedDict
from datetime import datetime, timedelta

from clinic.health_cards import (
    CardCode,
    CodeExpired,
    CodeKind,
    CodeRefused,
    IssuedCard,
    OtherIssuer,
    Scene,
)
from clinic.real_name import Person
from core import limits
from core.clock import CHINA, Clock
from core.ids import RandomBytes

_DYNAMIC = re.compile(r"([0-9a-f]{64}):0:([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{20}):([A-Za-z0-9_-]{1,32})")
_STATIC = re.compile(r"([0-9a-f]{64}):1")


class OfflineCards:
    """See the module. ``code_seconds`` is how long a dynamic code lives."""

    def __init__(
        self, key: bytes, *, issuer: str, code_seconds: int, clock: Clock, random: RandomBytes
    ) -> None:
        self._key = key
        self._issuer = issuer
        self._lives = timedelta(seconds=code_seconds)
        self._clock = clock
        self._random = random
        self._issued: OrderedDict[str, None] = OrderedDict()

    @property
    def issuer(self) -> str:
        return self._issuer

    async def apply(self, person: Person) -> IssuedCard:
        card = self._card(person)
        self._issued[card.main_index] = None
        if len(self._issued) > limits.HEALTH_CARD_KEPT:
            self._issued.popitem(last=False)
        return card

    async def query(self, person: Person) -> IssuedCard | None:
        card = self._card(person)
        return card if card.main_index in self._issued else None

    async def show(self, card: IssuedCard, person: Person, kind: CodeKind) -> CardCode:
        if kind is CodeKind.STATIC:
            return CardCode(f"{card.main_index}:1", kind, None)
        ends = int((self._clock.now() + self._lives).timestamp())
        chance = self._random(2).hex()
        text = f"{card.main_index}:0:{ends:08x}{chance}{self._mark(card.main_index, ends, chance)}"
        return CardCode(f"{text}:{self._issuer}", kind, datetime.fromtimestamp(ends, CHINA))

    async def verify(self, code: str, *, scene: Scene) -> IssuedCard:
        static = _STATIC.fullmatch(code)
        if static is not None:
            return self._of_index(static[1])
        found = _DYNAMIC.fullmatch(code)
        if found is None:
            raise CodeRefused()
        index, ends, chance, mark, issuer = found.groups()
        if issuer != self._issuer:
            raise OtherIssuer()
        if not hmac.compare_digest(mark, self._mark(index, int(ends, 16), chance)):
            raise CodeRefused()
        if self._clock.now().timestamp() >= int(ends, 16):
            raise CodeExpired()
        return self._of_index(index)

    def _card(self, person: Person) -> IssuedCard:
        return self._of_index(self._digest("index", person.key))

    def _of_index(self, index: str) -> IssuedCard:
        return IssuedCard(f"{int(self._digest('card', index)[:14], 16):018d}", index)

    def _mark(self, index: str, ends: int, chance: str) -> str:
        return self._digest("code", f"{index}|{ends}|{chance}|{self._issuer}")[:20]

    def _digest(self, purpose: str, text: str) -> str:
        return hmac.digest(self._key, f"{purpose}|{text}".encode(), "sha256").hex()
