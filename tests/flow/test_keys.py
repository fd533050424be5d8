"""Keys are turned while people use the platform: everything that was sealed opens afterwards, where it is."""

import asyncio
import io
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console
from typer.testing import CliRunner

from conf.loader import load
from demo.platforms import OpenPlatforms, served
from server.bootstrap import Roles, compose
from server.cli import app
from server.outcomes import CannotStart
from server.sealing_keys import list_keys, reseal, rotate_key
from tests.flow.test_plaintext import MOTHER, Seeding
from tests.services.open_platforms import MINI, an_agreement


async def family(seeding: Seeding) -> list[Any]:
    """Everybody of the account, in plain words."""
    told = await seeding.asks("/v1/patients", method="GET")
    return [
        await seeding.asks(f"/v1/patients/{each['id']}/reveal", {"why": "x"}) for each in told["patients"]
    ]


async def by_wechat(http: aiohttp.ClientSession, platforms: OpenPlatforms) -> Any:
    """Lin signs in from the mini-program."""
    code = platforms.wechat.give_code("mini", MINI, "lin")
    return await Seeding(http, platforms).asks("/v1/sign-in/wechat-mini", {"code": code})


async def test_keys_turn_beside_people(tmp_path: Path) -> None:
    agreement = an_agreement(tmp_path / "agreed.json")
    platforms = OpenPlatforms(agreement.agreed)
    async with served(platforms) as port:
        own = agreement.settings(tmp_path / "secrets", port)
        settings = load(overrides={"data": str(tmp_path / "data"), "web.port": 0} | own, environment={})
        async with (
            compose(settings, Roles.ALL) as platform,
            aiohttp.ClientSession(f"http://127.0.0.1:{platform.port}") as http,
        ):
            seeding = Seeding(http, platforms)
            await seeding.by_sms(MOTHER["phone"], "mother")
            await seeding.family()
            before, me = await family(seeding), await seeding.asks("/v1/me", method="GET")
            lin = await by_wechat(http, platforms)
            assert lin["is_new"]
            screen = Console(file=io.StringIO(), width=120)
            key = await asyncio.to_thread(rotate_key, settings)
            async with asyncio.TaskGroup() as group:
                done = group.create_task(reseal(settings, screen))
                for _ in range(3):
                    assert await family(seeding) == before
            resealed = done.result()
            assert (resealed.broken, resealed.left) == (0, 0)
            assert resealed.renewed > 10
            assert (await family(seeding), await seeding.asks("/v1/me", method="GET")) == (before, me)
            await list_keys(settings, screen)
            said = screen.file.getvalue()  # type: ignore[attr-defined]
            assert "patient.name" in said
            [line] = [line for line in said.splitlines() if line.startswith(key)]
            assert line.endswith("seals")
            assert "not in the ring" not in said
            # Found again by the blind index, which stays.
            assert (await by_wechat(http, platforms))["user"] == lin["user"]


def test_the_commands_say_what_they_did(tmp_path: Path) -> None:
    runner, data = CliRunner(), ["--data", str(tmp_path)]
    assert runner.invoke(app, ["migrate", *data]).exit_code == 0
    first = runner.invoke(app, ["keys", "list", *data])
    assert (first.exit_code, first.output.count("A256GCM")) == (0, 1)
    assert "seals from now on" in runner.invoke(app, ["keys", "rotate", *data]).output
    done = runner.invoke(app, ["keys", "reseal", *data])
    assert done.exit_code == 0
    assert "0 values are under the newest key now" in done.output
    assert runner.invoke(app, ["keys", "list", *data]).output.count("A256GCM") == 2
    (tmp_path / "keys" / "fields-master.key").unlink()
    for command in ("list", "rotate", "reseal"):
        refused = runner.invoke(app, ["keys", command, *data])
        assert isinstance(refused.exception, CannotStart)
        assert "fields-master.key" in str(refused.exception)
