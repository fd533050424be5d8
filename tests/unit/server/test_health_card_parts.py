"""Which issuer the settings open, and what they may lack."""

import contextlib
from pathlib import Path

import pytest

from adapters.health_card.offline import OfflineCards
from adapters.health_card.provincial import ProvincialCards
from adapters.health_card.tencent import TencentCards
from adapters.memory.lent_credentials import MemoryCredentials
from clinic.health_cards import HealthCards
from conf.settings import HealthCard
from core.clock import SystemClock
from server.health_card_parts import open_health_cards
from server.outcomes import CannotStart


async def opened(settings: HealthCard) -> HealthCards | None:
    clock = SystemClock()
    async with contextlib.AsyncExitStack() as stack:
        return await open_health_cards(
            settings, clock=clock, stack=stack, lent=MemoryCredentials(clock), observe=lambda *_: None
        )


def settings(folder: Path, provider: str, *, secret: str = "s", fields: str = "0f" * 16) -> HealthCard:
    (folder / "secret").write_text(secret)
    (folder / "fields").write_text(fields)
    return HealthCard(
        provider=provider,  # type: ignore[arg-type]
        address="https://cards.example/gateway",
        app="app",
        secret_file=str(folder / "secret"),
        field_key_file=str(folder / "fields"),
    )


@pytest.mark.parametrize(("provider", "kind"), [("provincial", ProvincialCards), ("tencent", TencentCards)])
async def test_an_issuer_outside(tmp_path: Path, provider: str, kind: type) -> None:
    cards = await opened(settings(tmp_path, provider))
    assert isinstance(cards, kind)
    assert cards.issuer == "HOUZHEN"


async def test_an_offline_issuer_makes_its_key_and_keeps_it(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "health-card.key"
    for _ in range(2):
        assert isinstance(await opened(HealthCard(provider="offline", secret_file=str(file))), OfflineCards)
    assert file.stat().st_mode & 0o077 == 0
    assert await opened(HealthCard()) is None


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"secret": " "}, "health_card.secret_file"),
        ({"fields": "0f"}, "health_card.field_key_file"),
        ({"fields": "not hex"}, "health_card.field_key_file"),
    ],
)
async def test_what_cannot_be_used_is_named(tmp_path: Path, changes: dict[str, str], key: str) -> None:
    with pytest.raises(CannotStart, match=key):
        await opened(settings(tmp_path, "provincial", **changes))
    with pytest.raises(CannotStart, match=r"health_card\.secret_file"):
        await opened(HealthCard(provider="tencent", secret_file=str(tmp_path / "nothing"), app="a"))
