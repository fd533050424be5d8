"""What Alipay signs and what we sign: the published vectors, and answers that are not quite one."""

import contextlib
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.alipay.certificates import public_key_of, serial_of, serial_of_root
from adapters.alipay.signed import AlipayKeys, NotAnAnswer, Signed, framed, parts_of
from tests.unit.platforms.vectors import vector


def keys(private: str, alipay: str, **serials: str) -> AlipayKeys:
    return AlipayKeys("2014072300007148", private, alipay, **serials)


def own() -> str:
    key: str = vector("alipay_request_sign_rsa2")[0]["private_key_pem"]
    return key


def test_the_answer_of_the_official_sdk_is_verified_as_the_exact_text() -> None:
    given_, expected = vector("alipay_sync_response_verify_official_node_sdk")
    signed = Signed(keys(own(), given_["alipay_public_key_pem"]))
    parts = parts_of(given_["raw_response"])
    value, text = parts[given_["response_key"]]
    assert text == expected["sign_content"]
    assert value["code"] == "10000"
    assert signed.verifies(text, parts["sign"][0])
    assert not signed.verifies(text.replace("10000", "10001"), parts["sign"][0])
    for forged in ("", "x", "漢", "AAAA", parts["sign"][0][:-4]):
        assert not signed.verifies(text, forged)


def test_a_request_is_signed_as_derived() -> None:
    given_, expected = vector("alipay_request_sign_rsa2")
    params = given_["params"]
    public = Signed(
        keys(own(), vector("alipay_sync_response_verify_official_node_sdk")[0]["alipay_public_key_pem"])
    )
    import json

    query, body = public.request(
        params["method"],
        at=datetime(2026, 11, 1, 0, 0, tzinfo=UTC),
        params={"notify_url": params["notify_url"]},
        content=json.loads(params["biz_content"]),
    )
    assert query["timestamp"] == "2026-11-01 08:00:00", "Beijing's time, whatever the machine's is"
    assert query["sign"] == expected["sign"]
    rest = dict(parse_qsl(body.decode()))
    assert rest == {"biz_content": params["biz_content"], "notify_url": params["notify_url"]}
    assert not {"biz_content", "notify_url", "code"} & set(query)


def test_a_notification_of_the_official_sdk() -> None:
    given_, expected = vector("alipay_notify_verify_official_node_sdk")
    params = {name: value for name, value in given_["params"].items() if name != "sign_type"}
    content = "&".join(f"{name}={params[name]}" for name in sorted(params))
    assert content == expected["sign_content"]
    signed = Signed(keys(own(), given_["alipay_public_key_pem"]))
    assert signed.verifies(content, given_["sign"])
    assert not signed.verifies(content.replace("total_amount=0.10", "total_amount=0.11"), given_["sign"])


def test_the_content_of_a_notification_in_the_docs() -> None:
    given_, expected = vector("alipay_notify_content_string_official")
    params = {name: value for name, value in given_["params"].items() if name != "sign_type"}
    assert "&".join(f"{name}={params[name]}" for name in sorted(params)) == expected["sign_content"]


def test_serials_of_certificates() -> None:
    given_, expected = vector("alipay_cert_sn_official_node_sdk")
    assert serial_of(given_["app_cert_pem"].encode()) == expected["app_cert_sn"]
    assert serial_of(given_["alipay_cert_pem"].encode()) == expected["alipay_cert_sn"]
    assert serial_of_root(given_["alipay_root_cert_pem"].encode()) == expected["alipay_root_cert_sn"]
    assert public_key_of(given_["alipay_cert_pem"].encode()).startswith(b"-----BEGIN PUBLIC KEY-----")
    with pytest.raises(ValueError):
        serial_of_root(b"nothing")
    with pytest.raises(ValueError):
        serial_of(b"nothing")


def test_a_key_without_its_frame_is_the_same_key() -> None:
    given_, expected = vector("alipay_sync_response_verify_official_node_sdk")
    bare = ["".join(key.splitlines()[1:-1]) for key in (own(), given_["alipay_public_key_pem"])]
    signed = Signed(keys(*bare))
    parts = parts_of(given_["raw_response"])
    assert signed.verifies(expected["sign_content"], parts["sign"][0])
    assert framed(own(), "PRIVATE KEY") == own().strip()
    with pytest.raises(ValueError):
        Signed(keys("bm9uZQ==", bare[1]))


def test_serials_travel_in_the_address_and_the_code_in_the_body() -> None:
    public = vector("alipay_sync_response_verify_official_node_sdk")[0]["alipay_public_key_pem"]
    signed = Signed(keys(own(), public, app_serial="aa", root_serial="bb"))
    at = datetime(2026, 11, 1, tzinfo=UTC)
    params = {"grant_type": "authorization_code", "code": "secret-code"}
    query, body = signed.request("alipay.system.oauth.token", at=at, params=params, content={})
    assert (query["app_cert_sn"], query["alipay_root_cert_sn"]) == ("aa", "bb")
    assert "secret-code" not in str(query)
    assert dict(parse_qsl(body.decode()))["code"] == "secret-code"


def test_braces_and_quotes_inside_of_texts_end_nothing() -> None:
    inner = '{"a":"}}\\"{,]","b":{"c":"\\\\"} }'
    parts = parts_of(f' {{ "x_response" :{inner} , "sign":"s" }} ')
    assert parts["x_response"][1] == inner
    assert parts["sign"] == ("s", '"s"')


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"a"',
        '{"a":1',
        '{"a":1,}',
        '{"a":1}x',
        '{"a":1,"a":2}',
        "{1:2}",
        '{"a":' + "[" * 90_000,
    ],
)
def test_half_an_answer_is_none(text: str) -> None:
    with pytest.raises(NotAnAnswer):
        parts_of(text)


@given(st.text(max_size=200))
def test_any_text_is_an_answer_or_none(text: str) -> None:
    for each in (text, "{" + text + "}", '{"a":' + text + "}"):
        with contextlib.suppress(NotAnAnswer):
            parts_of(each)
