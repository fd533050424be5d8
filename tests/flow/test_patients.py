"""A family member added on a phone is found, or made, in the hospital behind the front machine."""

from datetime import date, timedelta
from pathlib import Path

import aiohttp

from core.actor import Actor, Role
from core.clock import SystemClock
from realtime.tokens import HmacTokens
from server.bootstrap import Roles, compose
from server.tokens import Issuer, token_key
from tests.flow.front_machine.machines import FrontMachine
from tests.flow.town import town_settings
from tests.services.stranger import a_hospital
from tests.unit.clinic.papers import resident_number

KNOWN, NEW = (resident_number(date(1990, 1, 1), order=order) for order in (1, 3))


def a_person(number: str) -> dict[str, str]:
    return {
        "name": "李大明",
        "id_kind": "cn_id",
        "id_number": number,
        "phone": "13800138000",
        "relation": "other",
    }


async def test_a_family_member_gets_a_number_in_the_hospital(tmp_path: Path) -> None:
    (tmp_path / "his").mkdir()
    stranger = a_hospital(tmp_path / "his" / "his.db")
    stranger.run("INSERT INTO BR VALUES ('P7', ?, '01', ?, NULL)", "李大明".encode("gb18030"), KNOWN)
    # This hospital decides at once.
    stranger.run(
        "CREATE TRIGGER decide AFTER INSERT ON JD BEGIN UPDATE JD SET ZT = 1, ID = 'P8' WHERE K = NEW.K; END"
    )
    front = FrontMachine(tmp_path, stranger)
    await front.start()
    settings = town_settings(tmp_path / "data", front.port, tmp_path / "pki")
    async with compose(settings, Roles.WEB) as platform:
        issuer = Issuer(HmacTokens([token_key(Path(settings.keys.tokens))]), SystemClock())
        token = issuer.issue(Actor(id="u1", role=Role.PATIENT), good_for=timedelta(hours=1)).token
        address = f"http://127.0.0.1:{platform.port}"
        async with aiohttp.ClientSession(
            address, headers={"Authorization": f"Bearer {token}"}, raise_for_status=True
        ) as phone:
            async with phone.get("/v1/consents") as answer:
                for each in (await answer.json())["consents"]:
                    await phone.post(f"/v1/consents/{each['kind']}/give", json={"version": each["version"]})
            numbers = {}
            for number in (KNOWN, NEW):
                async with phone.post("/v1/patients", json=a_person(number)) as answer:
                    card = await answer.json()
                    assert (card["in_hospital"], card["hospital_state"]) == (True, "found")
                async with phone.post(f"/v1/patients/{card['id']}/reveal", json={}) as answer:
                    numbers[number] = (await answer.json())["hospital_number"]
    await front.stop()
    assert numbers == {KNOWN: "P7", NEW: "P8"}
    assert [row[0] for row in stranger.cells("SELECT ZH FROM JD")] == [NEW]
