"""One signed call of Alipay's gateway: asked, and believed only when Alipay said it."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import structlog

from adapters.alipay.signed import AlipayKeys, NotAnAnswer, Signed, parts_of
from adapters.outgoing.exchange import Exchange
from core import limits
from core.clock import Clock

log = structlog.get_logger()

PROVIDER: Final = "Alipay"


class AlipayRefused(Exception):
    """An error of Alipay's: the gateway's code, and the business's own."""

    def __init__(self, code: str, sub_code: str) -> None:
        super().__init__(code)
        self.code = code
        self.sub_code = sub_code


class AlipayGateway:
    """The gateway for one application. The exchange is closed by who made it."""

    def __init__(self, keys: AlipayKeys, *, exchange: Exchange, path: str, clock: Clock) -> None:
        """Raises ``ValueError`` for what is no key."""
        self.app = keys.app
        self.exchange = exchange
        self._keys = keys
        self._signed = Signed(keys)
        self._path = path
        self._clock = clock
        self._at_once = asyncio.Semaphore(limits.PROVIDER_SIGNATURES_AT_ONCE)

    async def call(
        self, method: str, *, params: Mapping[str, str], content: Mapping[str, object]
    ) -> dict[str, Any]:
        """The answer to a call. Raises ``AlipayRefused`` and ``ProviderAway``."""
        at = self._clock.now()
        async with self._at_once:
            query, body = await asyncio.to_thread(
                self._signed.request, method, at=at, params=params, content=content
            )
        answer = f"{method.replace('.', '_')}_response"
        return await self._believed(await self.exchange.post_form(self._path, query, body), answer)

    async def _believed(self, content: bytes, answer: str) -> dict[str, Any]:
        """What Alipay said, when it was Alipay who said it. An error needs no signature to be a no."""
        try:
            parts = parts_of(content.decode())
        except (NotAnAnswer, UnicodeDecodeError):
            raise self.exchange.away("half_answer") from None
        for name in ("error_response", answer):
            value = parts.get(name, (None, ""))[0]
            if isinstance(value, dict) and (name != answer or text_of(value, "sub_code")):
                raise AlipayRefused(text_of(value, "code"), text_of(value, "sub_code"))
        value, text = parts.get(answer, (None, ""))
        signature = parts.get("sign", ("", ""))[0]
        if not isinstance(value, dict) or not isinstance(signature, str) or not signature:
            raise self.exchange.away("half_answer")
        if self._keys.alipay_serial and parts.get("alipay_cert_sn", ("", ""))[0] != self._keys.alipay_serial:
            log.warning("alipay.another_certificate")
            raise self.exchange.away("bad_signature")
        async with self._at_once:
            good = await asyncio.to_thread(self._signed.verifies, text, signature)
        if not good:
            log.warning("alipay.bad_signature")
            raise self.exchange.away("bad_signature")
        return value


def text_of(told: Mapping[str, Any], name: str) -> str:
    """A text of an answer; empty where there is none."""
    value = told.get(name, "")
    return value if isinstance(value, str) else ""
