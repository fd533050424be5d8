"""``run.py check`` says which ways are connected and whether the other side accepts us."""

from pathlib import Path

import pytest

from conf.loader import SettingsRefused, load
from conf.settings import Settings
from demo.platforms import OpenPlatforms, served
from server.demo_platforms import agree, connected
from server.platforms_checks import judge_ways
from tests.services.open_platforms import Agreement


def settings_of(folder: Path, **more: object) -> Settings:
    return load(overrides={"data": str(folder / "data"), **more}, environment={})


async def test_nothing_is_connected(tmp_path: Path) -> None:
    assert await judge_ways(settings_of(tmp_path)) == (True, "no way to sign in is connected", "")


async def test_what_is_connected_is_asked(tmp_path: Path, agreement: Agreement) -> None:
    platforms = OpenPlatforms(agreement.agreed)
    async with served(platforms) as port:
        settings = settings_of(tmp_path, **agreement.settings(tmp_path / "secrets", port))
        for file in (tmp_path / "secrets").iterdir():
            file.chmod(0o600)
        assert await judge_ways(settings) == (True, "wechat_h5, wechat_mini, alipay_mini, sms", "")
        platforms.faults.order("/cgi-bin/stable_token", "40164", times=2)
        well, told, mend = await judge_ways(settings)
        assert (well, mend) == (False, "app id, secret and address list")
        assert "wechat_h5: misconfigured (wechat_40164)" in told
        platforms.faults.order("alipay.system.oauth.token", "signature")
        assert (await judge_ways(settings))[1] == "alipay_mini: misconfigured (alipay_40002)"
        (tmp_path / "secrets" / "wechat.secret_file").chmod(0o644)
        assert (await judge_ways(settings))[1] == "others can read wechat.secret_file"


async def test_the_platform_is_not_there(tmp_path: Path, agreement: Agreement) -> None:
    settings = settings_of(tmp_path, **agreement.settings(tmp_path / "secrets", 1))
    for file in (tmp_path / "secrets").iterdir():
        file.chmod(0o600)
    well, told, _ = await judge_ways(settings)
    assert not well
    assert "alipay_mini: not_reachable" in told


async def test_the_demonstration_agrees_with_its_simulator(tmp_path: Path) -> None:
    from demo.open_config import read

    agreed = agree(tmp_path / "platforms")
    assert agree(tmp_path / "platforms") == agreed, "it is made once"
    async with served(OpenPlatforms(read(agreed))) as port:
        for file in agreed.parent.iterdir():
            file.chmod(0o600)
        settings = connected(settings_of(tmp_path), agreed.parent, port)
        assert (await judge_ways(settings))[0]


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"wechat.api": "http://api.example"}, "wechat.api"),
        ({"alipay.gateway": "ftp://x/"}, "alipay.gateway"),
        ({"wechat.app": "wx1"}, "wechat.page_hosts"),
        ({"wechat.aes_key_file": "x"}, "wechat.token_file"),
        ({"alipay.app_certificate_file": "x"}, "alipay.app_certificate_file"),
        ({"sms.sender": "http"}, "sms.gateway"),
        ({"sms.sender": "log", "profile": "production", "health_card.provider": "none"}, "sms.sender"),
    ],
)
def test_what_cannot_work_is_refused_by_its_key(tmp_path: Path, changes: dict[str, object], key: str) -> None:
    with pytest.raises(SettingsRefused, match=key):
        settings_of(tmp_path, **changes)
