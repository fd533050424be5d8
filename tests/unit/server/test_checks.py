"""What ``run.py check`` says of settings alone."""

from pathlib import Path

import msgspec

from conf.loader import load
from server.checks import CHECKS

EXAMPLE = Path(__file__).parents[3] / "conf" / "production.example.toml"


async def test_a_proxy_that_nobody_named_is_told() -> None:
    settings = load(EXAMPLE, environment={})
    check = CHECKS["proxies"]
    assert (await check(settings)).ok
    web = msgspec.structs.replace(settings.web, trusted_proxies=())
    assert not (await check(msgspec.structs.replace(settings, web=web))).ok
    open_to_all = msgspec.structs.replace(web, host="0.0.0.0")
    assert (await check(msgspec.structs.replace(settings, web=open_to_all))).ok
    assert (await check(load(environment={}))).ok
