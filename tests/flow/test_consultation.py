"""A consultation through the whole platform: asked, paid, taken over the socket, answered, ended, rated."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from accounts.consent import Kind as Consent
from conf.consent_texts import read_consent_texts
from core.actor import Actor, Role
from server.bootstrap import Roles
from tests.fault.im.history import History
from tests.fault.im.people import employ, practise
from tests.fault.im.phone import Phone
from tests.flow.signed_in import Device, House, a_house
from tests.unit.clinic.papers import resident_number

LI = Actor(id="doctor.2001", role=Role.DOCTOR)
ZHANG = Actor(id="01ZHANG", role=Role.PATIENT)
STRANGER = Actor(id="01STRANGER", role=Role.PATIENT)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(tmp_path, consultations__sandbox_payment=True) as made:
        await made.opens(Roles.ALL)
        await employ(made.settings, ["2001"], role=Role.DOCTOR)
        await practise(made.settings, LI.id, fee_fen=2_000)
        yield made


async def done(answer: tuple[int, dict[str, Any]], status: int = 200) -> dict[str, Any]:
    assert answer[0] == status, answer
    return answer[1]


async def a_patient(device: Device) -> str:
    for kind in Consent:
        version = read_consent_texts().in_force[kind]
        await done(await device.posts(f"/v1/consents/{kind.value}/give", {"version": version}))
    person = {
        "name": "张小明",
        "id_kind": "cn_id",
        "id_number": resident_number(date(1990, 1, 1), order=7),
        "phone": "13800138000",
        "relation": "self",
    }
    return str((await done(await device.posts("/v1/patients", person), 201))["id"])


async def test_a_consultation_from_the_question_to_the_rating(house: House) -> None:
    zhang, li = await house.device_of(ZHANG), await house.device_of(LI)
    stranger = await house.device_of(STRANGER)
    listed = await done(await stranger.gets("/v1/consultations/doctors", token=""))
    assert [(one["user"], one["open_now"]) for one in listed["doctors"]] == [(LI.id, True)]
    patient = await a_patient(zhang)
    asked = {
        "cid": "ask-000001",
        "patient": patient,
        "doctor": LI.id,
        "complaint": "三天前开始头疼，吃药没有好转",
        "earlier_diagnosis": "偏头痛",
    }
    made = await done(await zhang.posts("/v1/consultations", asked), 201)
    assert made["state"] == "awaiting_payment"
    name = made["id"]
    assert (await zhang.posts("/v1/consultations", asked))[1]["id"] == name
    assert (await stranger.gets(f"/v1/consultations/{name}"))[1]["code"] == "consultation.no_such"
    await done(await zhang.posts(f"/v1/consultations/{name}/pay"))
    phone = Phone(
        "doctor",
        user=LI.id,
        port=li.web.port,
        token=await li.socket_token(),
        conversations=[name],
        over="rpc",
        history=History(),
    )
    await phone.start()
    try:
        taken = await phone.asks("accept", {"consultation": name})
        assert taken["state"] == "active"
        assert (await done(await li.gets(f"/v1/consultations/{name}/patient")))["name"] == "张小明"
        said = {"conversation": name, "cid": "cid-000001", "body": {"type": "text", "text": "还是疼"}}
        assert (await done(await zhang.posts("/v1/im/send", said)))["turns_left"] == 19
        await phone.says(name, "cid-000001", "请多休息")
        async with asyncio.timeout(20):
            while len(phone.conversations[name]) < 4:
                await asyncio.sleep(0.02)
        over = await phone.asks("close", {"consultation": name, "summary": "多休息，三天后复诊"})
        assert (over["state"], over["summary"]) == ("ended", "多休息，三天后复诊")
    finally:
        await phone.stop()
    status, refused = await zhang.posts("/v1/im/send", said | {"cid": "cid-000002"})
    assert (status, refused["code"]) == (409, "im.conversation_closed")
    rated = await done(await zhang.posts(f"/v1/consultations/{name}/rate", {"stars": 5}))
    assert (rated["state"], rated["refund"]) == ("rated", "none")
    assert [one["id"] for one in (await done(await zhang.gets("/v1/consultations?state=over")))["items"]] == [
        name
    ]
