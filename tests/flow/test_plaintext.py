"""Nothing of a person lies open: not in the database, not in the log, not in Redis, not in a line of output.

People are seeded through the API as far as it goes, rightly and wrongly; then every byte that is left behind
is searched for them. Whoever adds an endpoint that takes personal data adds it to ``Seeding``.
"""

import asyncio
import base64
import gzip
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pyotp
import pytest
from structlog.testing import capture_logs

from conf.loader import load
from conf.settings import Settings
from core.actor import Role
from core.clock import SystemClock
from demo.platforms import OpenPlatforms, served
from demo.visitors import visitor
from realtime.tokens import HmacTokens
from server.bootstrap import Roles, compose
from server.staff_parts import first_link
from server.tokens import Issuer, staff_actor, token_key
from tests.fault.im.people import practise
from tests.flow.plaintexts import Found, Plaintexts, disguises
from tests.flow.town import OWN_LINE
from tests.services import MariadbServer, RedisServer
from tests.services.open_platforms import ALIPAY, MINI, SERVICE, an_agreement
from tests.unit.clinic.papers import resident_number

MOTHER = {"name": "钱慕寒", "id": resident_number(date(1984, 7, 21), order=642), "phone": "13957120468"}
CHILD = {"name": "孙知秋雨", "id": resident_number(date(2019, 3, 9), order=351), "phone": "13957120469"}
GUARDIAN = {"name": "孙鹤鸣", "id": resident_number(date(1983, 11, 2), order=917), "phone": "15867314092"}
FOREIGNER = {"name": "Philomena Ashdown-Quigley", "id": "PQ8842197", "phone": "18657341190"}
STAFF_NAME, PASSWORD, WRONG_PASSWORD = "沈砚秋白", "Tq7#mV9x!pLw-zz-Rk2", "kX4$wN8q?sDv-yy-Lm6"
WRONG = {"name": "周以墨", "id": "330102198407216421", "phone": "13957120470"}
PEOPLE = {"mother": MOTHER, "child": CHILD, "guardian": GUARDIAN, "foreigner": FOREIGNER, "wrong": WRONG}
TALK = {
    "complaint": "夜里心慌得厉害，左肩发麻",
    "earlier diagnosis": "二尖瓣脱垂伴早搏",
    "answer": "先把那片倍他乐克停半天",
    "masked words": "加我微信说桑拿房晕倒的事",
    "blocked words": "替我刷单的那家药房叫鹤年",
    "recalled words": "其实我瞒着家里喝了中药",
    "file's name": "钱女士心脏彩超结论.pdf",
    "summary": "观察一周，携带动态心电图复诊",
    "search": "找找那句瞒着家里",
}
PDF = b"%PDF-1.4\n" + "彩超所见：二尖瓣后叶脱垂入左房约四毫米".encode() * 40
LIN = visitor("lin")


def secrets_of_people() -> dict[str, str]:
    told = {f"{what} of {who}": text for who, person in PEOPLE.items() for what, text in person.items()}
    return (
        told
        | TALK
        | {
            "contents of a file": "彩超所见：二尖瓣后叶脱垂",
            "name of staff": STAFF_NAME,
            "WeChat id in H5": LIN.openid(SERVICE),
            "WeChat id in the mini-program": LIN.openid(MINI),
            "WeChat union id": LIN.unionid,
            "Alipay id": LIN.alipay_open_id(ALIPAY),
            "phone of Lin": LIN.phone,
        }
    )


@dataclass
class Seeding:
    """Everything that people do, once."""

    http: aiohttp.ClientSession
    platforms: OpenPlatforms
    strong: dict[str, str] = field(default_factory=dict)
    token: str = ""
    doctor: str = ""
    """The doctor's token."""
    statuses: list[tuple[str, int]] = field(default_factory=list)

    async def asks(self, path: str, body: object = None, *, method: str = "POST", key: str = "") -> Any:
        headers = {"Accept-Language": "en"} | (
            {"Authorization": f"Bearer {self.token}"} if self.token else {}
        )
        headers |= {"Idempotency-Key": key} if key else {}
        sent = None if method == "GET" else body or {}
        async with self.http.request(method, path, json=sent, headers=headers) as response:
            self.statuses.append((path.partition("?")[0], response.status))
            return await response.json() if "json" in response.content_type else await response.read()

    def takes(self, told: Mapping[str, Any], who: str) -> None:
        """Tokens are secrets too."""
        self.token = told["access_token"]
        self.strong |= {f"access token of {who}": told["access_token"]}
        self.strong |= {f"refresh token of {who}": told["refresh_token"]}

    async def everything(self) -> None:
        await self.by_sms(MOTHER["phone"], "mother")
        await self.family()
        await self.account()
        await self.talk()
        await self.wrongly()
        await self.by_platforms()

    async def by_sms(self, phone: str, who: str) -> None:
        await self.asks("/v1/sign-in/sms/code", {"phone": phone})
        code = next(code for _, to, code in self.platforms.messages if to.endswith(phone))
        await self.asks(
            "/v1/sign-in/sms", {"phone": phone, "code": "000000" if code != "000000" else "1" * 6}
        )
        self.takes(
            await self.asks("/v1/sign-in/sms", {"phone": phone, "code": code}, key=f"sms-{who}-1"), who
        )

    async def family(self) -> None:
        await self.asks("/v1/patients", a_patient(MOTHER, relation="self"))
        for each in (await self.asks("/v1/consents", method="GET"))["consents"]:
            await self.asks(f"/v1/consents/{each['kind']}/give", {"version": each["version"]})
        guardian = {**named(GUARDIAN), "id_kind": "cn_id"}
        for body in (
            a_patient(MOTHER, relation="self"),
            a_patient(CHILD, relation="child", guardian=guardian),
            a_patient(FOREIGNER, id_kind="passport", relation="other", birth_date="1979-05-30", sex="female"),
        ):
            for _ in range(2):
                made = await self.asks("/v1/patients", body, key=f"add-{body['id_kind']}-{body['relation']}")
            await self.asks(f"/v1/patients/{made['id']}/reveal", {"why": f"核对{body['name']}"})
            await self.asks(f"/v1/patients/{made['id']}", method="GET")
            await self.asks(f"/v1/patients/{made['id']}/default")
            await self.asks(f"/v1/patients/{made['id']}/health-card", key=f"card-of-{body['id_kind']}")
            code = await self.asks(f"/v1/patients/{made['id']}/health-card/code")
            self.strong |= {
                f"health card's code of {body['relation']}": code["text"],
                f"main index of {body['relation']}": code["text"][:64],
            }
        await self.asks("/v1/patients", method="GET")
        await self.asks(f"/v1/patients/{made['id']}/unbind")

    async def account(self) -> None:
        for path in ("/v1/me", "/v1/sessions"):
            await self.asks(path, method="GET")
        await self.asks("/v1/me/export")

    async def talk(self) -> None:
        """A consultation with everything that can be said in one."""
        mother = self.token
        family = (await self.asks("/v1/patients", method="GET"))["patients"]
        asked = {"cid": "ask-00001", "patient": family[0]["id"], "doctor": "doctor.2001"}
        asked |= {"complaint": TALK["complaint"], "earlier_diagnosis": TALK["earlier diagnosis"]}
        name = (await self.asks("/v1/consultations", asked))["id"]
        self.token = self.doctor
        await self.asks(f"/v1/consultations/{name}/accept")
        await self.says(name, "answer")
        await self.asks(f"/v1/consultations/{name}/patient", method="GET")
        self.token = mother
        await self.says(name, "masked words")
        await self.says(name, "blocked words")
        sent = await self.says(name, "recalled words")
        await self.asks("/v1/im/recall", {"conversation": name, "seq": sent["seq"], "cid": "back-00001"})
        await self.asks("/v1/im/search", {"text": TALK["search"]})
        announced = {"conversation": name, "kind": "file", "name": TALK["file's name"], "bytes": len(PDF)}
        upload = await self.asks("/v1/im/uploads", announced, key="upload-00001")
        headers = {"Authorization": f"Bearer {self.token}"}
        async with self.http.put(upload["url"], data=PDF, headers=headers) as response:
            self.statuses.append(("upload", response.status))
            stored = await response.json()
        body = {"type": "file", "file": stored["id"], "name": TALK["file's name"], "bytes": stored["bytes"]}
        await self.asks("/v1/im/send", {"conversation": name, "cid": "file-00001", "body": body})
        links = await self.asks("/v1/im/links", {"conversation": name, "files": [stored["id"]]})
        async with self.http.get(links["links"][0]["url"]) as response:
            assert await response.read() == PDF
        self.token = self.doctor
        await self.asks(f"/v1/consultations/{name}/end", {"summary": TALK["summary"]})
        await self.asks(f"/v1/consultations/{name}/record", method="GET")
        self.token = mother
        await self.asks("/v1/me/export")

    async def says(self, conversation: str, what: str) -> Any:
        body = {"type": "text", "text": TALK[what]}
        cid = f"say-{what.replace(' ', '-')}"
        return await self.asks("/v1/im/send", {"conversation": conversation, "cid": cid, "body": body})

    async def wrongly(self) -> None:
        """What is refused must not be repeated anywhere either."""
        for body in (
            a_patient(WRONG),
            a_patient(WRONG, colour=WRONG["name"]),
            a_patient(WRONG, id_kind=WRONG["id"]),
            a_patient(WRONG, birth_date=WRONG["name"]),
            a_patient(MOTHER, relation="self"),
        ):
            await self.asks("/v1/patients", body)
        for path in (
            f"/v1/patients/{WRONG['id']}",
            f"/v1/lines/{WRONG['phone']}",
            f"/nowhere/{WRONG['name']}?phone={WRONG['phone']}",
            f"/v1/patients?name={WRONG['name']}&{WRONG['id']}=1",
        ):
            await self.asks(path, method="GET")
        await self.asks(f"/v1/patients/{WRONG['phone']}/reveal")
        await self.asks("/v1/sign-in/sms", {"phone": WRONG["phone"], "code": "123456"})
        await self.asks("/v1/sign-in/wechat-mini", {"code": WRONG["name"]})
        async with self.http.post("/v1/patients", data=f'{{"name": "{WRONG["name"]}'.encode()) as response:
            self.statuses.append(("broken", response.status))
        async with self.http.get("/v1/me", headers={"Authorization": f"Bearer {WRONG['id']}"}) as response:
            self.statuses.append(("forged", response.status))

    async def by_platforms(self) -> None:
        wechat, alipay = self.platforms.wechat, self.platforms.alipay
        self.token = ""
        for path, code in (
            ("wechat-mini", wechat.give_code("mini", MINI, "lin")),
            ("alipay-mini", alipay.give_code("lin")),
        ):
            told = await self.asks(f"/v1/sign-in/{path}", {"code": code}, key=f"by-{path}")
            self.takes(told, path)
            self.strong |= {f"code of {path}": code}
        await self.asks("/v1/me", method="GET")
        await self.asks("/v1/me/export")

    async def at_the_desk(self, kiosk: str) -> None:
        self.token = kiosk
        line = await self.asks("/v1/lines/blood", method="GET")
        body = {"expected_version": line["board"]["version"], "visit": "V1", "name": MOTHER["name"]}
        await self.asks("/v1/lines/blood/check-in", body, key="desk-check-in")

    async def first_of_staff(self, link: str) -> None:
        """The first start, a second factor, and somebody who tries a password."""
        self.token = ""
        body = {"number": "a1", "name": STAFF_NAME, "password": PASSWORD}
        told = await self.asks("/v1/staff/set-up", {"token": link, **body})
        secret = told["enrol"]["secret"]
        self.strong |= {"set-up link": link, "challenge": told["challenge"], "secret of the app": secret}
        code = pyotp.TOTP(secret).now()
        second = {"challenge": told["challenge"], "code": code}
        signed_in = await self.asks("/v1/staff/sign-in/second", second)
        self.takes(signed_in, "staff")
        self.strong |= {f"recovery {n}": each for n, each in enumerate(signed_in["recovery_codes"])}
        self.strong |= {"password": PASSWORD, "wrong password": WRONG_PASSWORD}
        await self.asks("/v1/staff/me", method="GET")
        await self.asks("/v1/admin/staff", method="GET")
        await self.asks("/v1/staff/password", {"old": WRONG_PASSWORD, "new": PASSWORD})
        self.token = ""
        await self.asks("/v1/staff/sign-in", {"number": "a1", "password": WRONG_PASSWORD})
        await self.asks("/v1/staff/sign-in", {"number": WRONG["phone"], "password": WRONG_PASSWORD})


def named(person: Mapping[str, str]) -> dict[str, object]:
    return {"name": person["name"], "id_number": person["id"], "phone": person["phone"]}


def a_patient(person: Mapping[str, str], **more: object) -> dict[str, object]:
    return {**named(person), "id_kind": "cn_id", "relation": "other", **more}


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def storage(request: pytest.FixtureRequest) -> dict[str, object]:
    if request.param == "sqlite":
        return {}
    return {
        "storage.url": request.getfixturevalue("mariadb_database_url"),
        "audit.url": request.getfixturevalue("mariadb_audit_url"),
    }


def saved(redis: RedisServer) -> bytes:
    """What Redis would leave on a disk, not compressed."""
    redis.say("CONFIG", "SET", "rdbcompression", "no")
    redis.say("SAVE")
    return (redis.folder / "dump.rdb").read_bytes()


def lines_of(records: Iterable[logging.LogRecord]) -> list[str]:
    return [
        f"{record.name} {record.getMessage()} {record.exc_text or ''} {record.args!r}" for record in records
    ]


@dataclass
class Left:
    """What is found while the platform runs."""

    seeding: Seeding
    found: list[Found]
    control: list[Found]


async def lived(settings: Settings, platforms: OpenPlatforms, redis: RedisServer) -> Left:
    """A platform that lives through all of it, searched before it ends: by then logs are merged and gone."""
    async with compose(settings, Roles.ALL) as platform:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{platform.port}") as http:
            seeding = Seeding(http, platforms)
            issuer = Issuer(HmacTokens([token_key(Path(settings.keys.tokens))]), SystemClock())
            await practise(settings, "doctor.2001")
            hour = timedelta(hours=1)
            seeding.doctor = issuer.issue(staff_actor(Role.DOCTOR, "2001"), good_for=hour).token
            await seeding.everything()
            kiosk = issuer.issue(staff_actor(Role.KIOSK, "k1"), good_for=timedelta(hours=1)).token
            await seeding.at_the_desk(kiosk)
            link = await first_link(settings)
            assert link is not None
            await seeding.first_of_staff(link.rpartition("=")[2])
            metrics = await seeding.asks("/metrics", method="GET")
        plaintexts = Plaintexts(secrets_of_people(), seeding.strong)
        found = [
            *plaintexts.in_folder(Path(settings.data)),
            *plaintexts.in_bytes("Redis", await asyncio.to_thread(saved, redis)),
            *plaintexts.in_bytes("metrics", metrics),
        ]
        control = Plaintexts({"a line": "采血"}).in_folder(Path(settings.data))
    return Left(seeding, found, control)


@pytest.mark.redis
async def test_nothing_of_a_person_lies_open(
    tmp_path: Path,
    storage: dict[str, object],
    request: pytest.FixtureRequest,
    redis_server: RedisServer,
    redis_url: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    agreement = an_agreement(tmp_path / "agreed.json")
    platforms, data = OpenPlatforms(agreement.agreed), tmp_path / "data"
    base: dict[str, object] = {"data": str(data), "web.port": 0, "broker.url": redis_url}
    with capture_logs() as events:
        async with served(platforms) as port:
            own = agreement.settings(tmp_path / "secrets", port) | {"own_lines": [OWN_LINE]}
            left = await lived(load(overrides=base | storage | own, environment={}), platforms, redis_server)
    plaintexts = Plaintexts(secrets_of_people(), left.seeding.strong)
    output = capfd.readouterr()
    found = [
        *left.found,
        *plaintexts.in_folder(data),
        *plaintexts.in_texts("events", (repr(event) for event in events)),
        *plaintexts.in_texts("log records", lines_of(caplog.records)),
        *plaintexts.in_texts("output", (output.out, output.err)),
    ]
    if storage:
        server: MariadbServer = request.getfixturevalue("mariadb_server")
        left.control += Plaintexts({"a line": "采血"}).in_folder(server.data)
        found += plaintexts.in_folder(server.data)
    assert found == []
    assert left.control, "the search finds what lies open"
    assert not [each for each in left.seeding.statuses if each[1] >= 500], left.seeding.statuses
    assert [status for path, status in left.seeding.statuses if path == "/v1/patients"].count(201) == 6
    assert [status for path, status in left.seeding.statuses if path.endswith("check-in")] == [200]
    said = [status for path, status in left.seeding.statuses if path == "/v1/im/send"]
    assert said == [200, 200, 422, 200, 200]
    assert ("upload", 200) in left.seeding.statuses
    assert len(left.seeding.strong) >= 20
    assert len(events) > 5


@pytest.mark.parametrize("secret", ["钱慕寒", "330102198407216421"])
def test_every_disguise_is_seen_through(secret: str) -> None:
    plaintexts = Plaintexts({"it": secret})
    for disguise, form in disguises(secret):
        for content in (form, b"x" + form + b"y", form.upper() if disguise.islower() else form):
            assert not form or plaintexts.in_bytes("here", content), disguise
    for before in range(3):
        encoded = base64.b64encode(b"{" * before + secret.encode() + b'", "more": 1}')
        assert plaintexts.in_bytes("here", encoded)
        assert plaintexts.in_bytes("here", gzip.compress(b"x" + encoded))
    assert not plaintexts.in_bytes("here", b"330102198407216420 \xe9\x92\xb1*")
