"""A device is named from a closed set; a User-Agent that says more, or nonsense, adds nothing."""

import pytest

from accounts.device import WECHAT_MINI, device_of

NAMES = {
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) MicroMessenger/8.0.50": "iPhone · WeChat",
    "Mozilla/5.0 (Linux; Android 14; ABC) MicroMessenger/8.0 miniProgram": "Android · WeChat mini-program",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0) AlipayClient/10.5": "iPhone · Alipay",
    "Mozilla/5.0 (Windows NT 10.0) Chrome/130.0 Safari/537.36 Edg/130.0": "Windows · Edge",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X) Version/17 Safari/605.1": "Mac · Safari",
    "张三 110101199003078515": "",
    "": "",
}


@pytest.mark.parametrize("agent", NAMES)
def test_a_device_has_a_short_name(agent: str) -> None:
    assert device_of(agent) == NAMES[agent]


def test_a_mini_program_is_known_by_the_way_it_signs_in() -> None:
    on_a_phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) MicroMessenger/8.0.50 NetType/WIFI"
    assert device_of(on_a_phone, program=WECHAT_MINI) == "iPhone · WeChat mini-program"
