"""Who issues electronic health cards, as the settings say. Secrets are read here and go no further."""

import asyncio
import contextlib
import os
from pathlib import Path

from accounts.lent_credentials import CredentialStore
from adapters.health_card.offline import OfflineCards
from adapters.health_card.provincial import ProvincialCards, ProvincialKeys
from adapters.health_card.tencent import PROVIDER as TENCENT
from adapters.health_card.tencent import TencentCards, TencentKeys
from adapters.outgoing.exchange import Exchange, Observe, split_address
from clinic.health_cards import HealthCards
from conf.settings import HealthCard
from core.clock import Clock
from server.outcomes import CannotStart
from server.tokens import token_key

PROVINCE = "health card management"


async def open_health_cards(
    settings: HealthCard,
    *,
    clock: Clock,
    stack: contextlib.AsyncExitStack,
    lent: CredentialStore,
    observe: Observe,
) -> HealthCards | None:
    """The issuer; ``None`` where the hospital has none. Nothing is asked yet. Raises ``CannotStart``."""
    if settings.provider == "none":
        return None
    if settings.provider == "offline":
        key = await asyncio.to_thread(token_key, Path(settings.secret_file))
        return OfflineCards(
            key,
            issuer=settings.issuer,
            code_seconds=settings.code_seconds,
            clock=clock,
            random=os.urandom,
        )
    secret = await asyncio.to_thread(_secret, "health_card.secret_file", settings.secret_file)
    base, path = split_address(settings.address)
    if settings.provider == "provincial":
        fields = await asyncio.to_thread(_secret, "health_card.field_key_file", settings.field_key_file)
        keys = ProvincialKeys(settings.app, settings.issuer, secret.encode(), _sm4(fields))
        exchange = await stack.enter_async_context(Exchange(PROVINCE, base=base, observe=observe))
        return ProvincialCards(keys, exchange=exchange, path=path, clock=clock)
    agreed = TencentKeys(
        settings.app, settings.hospital, settings.issuer, settings.code_seconds, secret=secret
    )
    exchange = await stack.enter_async_context(Exchange(TENCENT, base=base, observe=observe))
    cards = TencentCards(agreed, exchange=exchange, store=lent, clock=clock)
    stack.push_async_callback(cards.close)
    return cards


def _secret(key: str, file: str) -> str:
    try:
        text = Path(file).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CannotStart(f"{key}: {file} cannot be read") from error
    if not text:
        raise CannotStart(f"{key}: {file} is empty")
    return text


def _sm4(text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != 16:
        raise CannotStart("health_card.field_key_file: must hold 32 hex digits, a key of SM4")
    return key
