"""Keys of sealed fields at a start: made where nothing is sealed, never beside what lost ones sealed."""

from pathlib import Path

import aiohttp
import pytest

from server.bootstrap import Roles, compose
from server.outcomes import CannotStart
from server.sealing_keys import rotate_key
from server.staff_parts import set_up_link
from tests.flow.employees import PASSWORD
from tests.flow.test_audit import a_platform


async def test_lost_keys_are_not_replaced_over_what_they_sealed(tmp_path: Path) -> None:
    settings = a_platform(tmp_path)
    ring, master = Path(settings.keys.fields), Path(settings.keys.fields_master)
    async with compose(settings, Roles.ALL) as platform:
        token = (await set_up_link(settings)).rpartition("=")[2]
        body = {"token": token, "number": "a1", "name": "某人", "password": PASSWORD}
        address = f"http://127.0.0.1:{platform.port}/v1/staff/set-up"
        async with aiohttp.ClientSession() as http, http.post(address, json=body) as answer:
            assert answer.status == 200
    kept = {file: file.read_bytes() for file in (ring, master)}
    for file in kept:
        file.unlink()
    with pytest.raises(CannotStart, match=r"keys\.fields.*staff"):
        async with compose(settings, Roles.ALL):
            pass
    with pytest.raises(CannotStart, match=r"keys\.fields"):
        await set_up_link(settings)
    with pytest.raises(CannotStart, match=r"keys\.fields"):
        rotate_key(settings)
    assert not ring.exists()
    assert not master.exists()
    for file, content in kept.items():
        file.write_bytes(content)
    async with compose(settings, Roles.ALL):
        pass
