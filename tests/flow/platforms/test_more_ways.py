"""Certificates of Alipay, codes by SMS, and several processes that share a token through Redis."""

import asyncio
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import NameOID

from accounts.providers import ProviderAway
from adapters.alipay.certificates import serial_of, serial_of_root
from adapters.alipay.gateway import AlipayGateway
from adapters.alipay.sign_in import AlipayMiniWay
from adapters.outgoing.exchange import Exchange
from adapters.redis.shared import RedisCredentials
from adapters.redis.topology import topology_at
from adapters.sms.gateway import GatewaySms
from adapters.sms.log_only import LogOnlySms
from conf.settings import Alipay
from core.clock import SystemClock
from demo.open_config import Agreed
from demo.platforms import OpenPlatforms, served
from demo.visitors import visitor
from server.platforms_parts import alipay_keys
from tests.flow.platforms.conftest import Hospital, Open
from tests.services.open_platforms import ALIPAY, MINI, Agreement

PHONE = "+8613800000101"


def certificate(key: RSAPrivateKey, name: str) -> str:
    """A certificate that somebody has issued to oneself."""
    who = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Simulated"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    at = datetime(2026, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder(
        issuer_name=who,
        subject_name=who,
        public_key=key.public_key(),
        serial_number=secrets.randbits(100),
        not_valid_before=at,
        not_valid_after=at + timedelta(days=3650),
    )
    return made.sign(key, SHA256()).public_bytes(Encoding.PEM).decode()


def rsa(pem: str) -> RSAPrivateKey:
    key = load_pem_private_key(pem.encode(), None)
    assert isinstance(key, RSAPrivateKey)
    return key


async def test_alipay_with_certificates(tmp_path: Path, agreement: Agreement) -> None:
    own = certificate(rsa(agreement.alipay_private), "app")
    theirs = certificate(rsa(agreement.agreed.alipay.own_private), "alipay")
    named = {"app_certificate_file": own, "alipay_certificate_file": theirs, "root_certificate_file": theirs}
    named["private_key_file"] = agreement.alipay_private
    for name, text in named.items():
        (tmp_path / name).write_text(text)
    keys = await alipay_keys(Alipay(app=ALIPAY, **{name: str(tmp_path / name) for name in named}))
    assert (keys.app_serial, keys.root_serial) == (serial_of(own.encode()), serial_of_root(theirs.encode()))
    # The simulator speaks certificate mode when it is told both serials.
    agreed = Agreed(
        wechat=agreement.agreed.wechat,
        alipay=type(agreement.agreed.alipay)(
            app=ALIPAY,
            app_public=agreement.agreed.alipay.app_public,
            own_private=agreement.agreed.alipay.own_private,
            own_serial=keys.alipay_serial,
            app_serial=keys.app_serial,
        ),
        sms_secret="",
    )
    platforms = OpenPlatforms(agreed)
    async with (
        served(platforms) as port,
        Exchange("Alipay", base=f"http://127.0.0.1:{port}") as exchange,
    ):
        way = AlipayMiniWay(AlipayGateway(keys, exchange=exchange, path="/gateway.do", clock=SystemClock()))
        who = await way.identify(platforms.alipay.give_code("lin"))
        assert who.subject == visitor("lin").alipay_open_id(ALIPAY)
        for fault in ("other_serial", "no_serial"):
            platforms.faults.order("alipay.system.oauth.token", fault)
            with pytest.raises(ProviderAway) as away:
                await way.identify(platforms.alipay.give_code("lin"))
            assert away.value.facts["why"] == "bad_signature"


async def test_a_code_by_sms_reaches_a_phone_and_no_log(agreement: Agreement) -> None:
    platforms = OpenPlatforms(agreement.agreed)
    async with served(platforms) as port, Exchange("SMS", base=f"http://127.0.0.1:{port}") as exchange:
        with structlog.testing.capture_logs() as lines:
            sender = GatewaySms(exchange, path="/sms/send", secret=agreement.agreed.sms_secret)
            await sender.send(phone=PHONE, code="314159")
            await LogOnlySms().send(phone=PHONE, code="271828")
        assert [message[1:] for message in platforms.messages] == [(PHONE, "314159")]
        assert [line["event"] for line in lines] == ["sms.sent", "sms.not_sent"]
        assert not any(word in str(lines) for word in ("314159", "271828", "1380000"))
        with pytest.raises(ProviderAway):
            await GatewaySms(exchange, path="/sms/send", secret="wrong").send(phone=PHONE, code="1")


async def phone(hospital: Hospital) -> str:
    wechat = hospital.platforms.wechat
    who = await hospital.mini.identify(
        wechat.give_code("mini", MINI, "lin"), phone_code=wechat.give_code("phone", MINI, "lin")
    )
    return who.phone


@pytest.mark.redis
async def test_processes_share_a_token_through_redis_and_replace_it_once(
    open_hospital: Open, redis_url: str
) -> None:
    clock = SystemClock()
    one, other = topology_at((redis_url,)), topology_at((redis_url,))
    try:
        async with open_hospital(RedisCredentials(one, clock=clock)) as hospital:
            second = hospital.another_process(RedisCredentials(other, clock=clock))
            both = (hospital.mini_app, second)
            tokens = await asyncio.gather(*(app.access_token() for app in both for _ in range(20)))
            assert len(set(tokens)) == 1
            assert hospital.calls("/cgi-bin/stable_token") == 1
            hospital.platforms.wechat.kill_token(MINI)
            assert await phone(hospital) == PHONE
            code = hospital.platforms.wechat.give_code("phone", MINI, "lin")
            assert (await second.phone(code)).phone_info.pure_phone_number == visitor("lin").phone
            assert hospital.calls("/cgi-bin/stable_token") == 2
            await second.close()
    finally:
        await one.close()
        await other.close()
