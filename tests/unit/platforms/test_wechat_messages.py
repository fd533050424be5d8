"""WeChat's signatures and sealed messages: the published vectors, and everything that is not quite one."""

import base64
import contextlib
import hashlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wechatpy.crypto import WeChatCipher

from accounts.wechat import (
    CallbackRefused,
    CallbackUnreadable,
    Followed,
    Scanned,
    Spoke,
    Unfollowed,
)
from adapters.wechat.messages import Envelope, heard_in, sealed_in, signature_of, user_data
from adapters.wechat.service_account import page_signature
from tests.unit.platforms.vectors import vector

APP, TOKEN = "wx5823bf96d3bd56c7", "QDG6eK"
KEY = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
ENVELOPE = Envelope.of(app=APP, token=TOKEN, encoding_key=KEY)


def test_the_page_signature_of_the_docs() -> None:
    given_, expected = vector("wx_jssdk_signature_official")
    made = page_signature(
        given_["jsapi_ticket"], given_["noncestr"], int(given_["timestamp"]), given_["url"] + "#anchor"
    )
    assert made == expected["signature"]


def test_the_server_signature() -> None:
    given_, expected = vector("wx_server_signature")
    assert signature_of(given_["token"], given_["timestamp"], given_["nonce"]) == expected["signature"]


def test_the_message_of_the_official_sample_is_opened() -> None:
    given_, expected = vector("wx_bizmsgcrypt_decrypt_official")
    assert ENVELOPE.key.hex() == expected["aes_key_hex"]
    opened = ENVELOPE.open(
        given_["encrypt"],
        signature=expected["msg_signature"],
        timestamp=given_["timestamp"],
        nonce=given_["nonce"],
    )
    assert opened == expected["plaintext"]
    assert sealed_in(f"<xml><Encrypt><![CDATA[{given_['encrypt']}]]></Encrypt></xml>") == given_["encrypt"]
    heard = heard_in(opened, app=APP)
    assert heard == Spoke(app=APP, openid="mycreate", at=heard.at, number="4561255354251345929", what="text")
    assert heard.at.timestamp() == 1409659813


def test_the_echo_of_the_official_sample_is_opened() -> None:
    given_, expected = vector("wx_bizmsgcrypt_echostr_official")
    envelope = Envelope.of(
        app=given_["receive_id"], token=given_["token"], encoding_key=given_["encoding_aes_key"]
    )
    opened = envelope.open(
        given_["echostr"],
        signature=expected["msg_signature"],
        timestamp=given_["timestamp"],
        nonce=given_["nonce"],
    )
    assert opened == expected["plaintext"]


def test_the_message_with_a_fixed_random_is_opened_and_signed() -> None:
    given_, expected = vector("wx_bizmsgcrypt_encrypt_fixed_random")
    envelope = Envelope.of(
        app=given_["appid"], token=given_["token"], encoding_key=given_["encoding_aes_key"]
    )
    made = signature_of(given_["token"], given_["timestamp"], given_["nonce"], expected["encrypt"])
    assert made == expected["msg_signature"]
    opened = envelope.open(
        expected["encrypt"], signature=made, timestamp=given_["timestamp"], nonce=given_["nonce"]
    )
    assert opened == given_["plaintext"]


def test_the_encrypted_data_of_a_mini_program() -> None:
    given_, expected = vector("wxa_biz_data_crypt_official")
    seal = {"session_key": given_["session_key"], "iv": given_["iv"]}
    told = user_data(given_["encrypted_data"], app=given_["appid"], **seal)
    assert told == expected["json"]
    with pytest.raises(CallbackRefused):
        user_data(given_["encrypted_data"], app="wx0000000000000000", **seal)
    with pytest.raises(CallbackRefused):
        user_data(given_["encrypted_data"][:-8] + "AAAAAAA=", app=given_["appid"], **seal)


def test_the_signature_of_raw_data() -> None:
    given_, expected = vector("wxa_rawdata_signature_official")
    told = given_["raw_data"] + given_["session_key"]
    assert hashlib.sha1(told.encode(), usedforsecurity=False).hexdigest() == expected["signature"]


def sealed(inside: bytes, *, envelope: Envelope = ENVELOPE) -> tuple[str, str]:
    """Anything, encrypted with the right key, and its right signature."""
    text = base64.b64encode(WeChatCipher(envelope.key).encrypt(inside)).decode()
    return text, signature_of(envelope.token, "1", "n", text)


def frame(text: bytes, app: bytes, *, padding: bytes | None = None) -> bytes:
    plain = b"0123456789abcdef" + struct.pack(">I", len(text)) + text + app
    count = 32 - len(plain) % 32
    return plain + (bytes([count]) * count if padding is None else padding)


def refused(text: str, signature: str) -> None:
    with pytest.raises(CallbackRefused):
        ENVELOPE.open(text, signature=signature, timestamp="1", nonce="n")


def test_what_we_seal_we_open() -> None:
    text = ENVELOPE.seal("<xml>候诊</xml>")
    opened = ENVELOPE.open(text, signature=signature_of(TOKEN, "1", "n", text), timestamp="1", nonce="n")
    assert opened == "<xml>候诊</xml>"


def test_wrong_padding_is_one_refusal() -> None:
    good = frame(b"hello", APP.encode())
    text, signature = sealed(good)
    assert ENVELOPE.open(text, signature=signature, timestamp="1", nonce="n") == "hello"
    for last in (0, 33, 64, 255, 5):
        refused(*sealed(good[:-1] + bytes([last])))
    refused(*sealed(good[:-2] + bytes([good[-1] ^ 1, good[-1]])))
    refused(*sealed(b"\x20" * 32))


def test_another_application_a_wrong_length_and_no_text_are_the_same_refusal() -> None:
    refused(*sealed(frame(b"hello", b"wx0000000000000000")))
    refused(*sealed(frame(b"\xff\xfe", APP.encode())))
    plain = frame(b"hello", APP.encode())
    refused(*sealed(plain[:16] + struct.pack(">I", 2**32 - 1) + plain[20:]))
    text, signature = sealed(plain)
    refused(text, signature[:-1] + ("0" if signature[-1] != "0" else "1"))
    refused(text, "")
    for other in ("", "=", "AAAA", "漢", text + "AAAA", text[:-4]):
        refused(other, signature_of(TOKEN, "1", "n", other))


@given(st.binary(max_size=200))
def test_any_bytes_under_a_right_signature_are_one_refusal_or_a_text(inside: bytes) -> None:
    text, signature = sealed(inside + b"\0" * (-len(inside) % 16))
    with contextlib.suppress(CallbackRefused):
        ENVELOPE.open(text, signature=signature, timestamp="1", nonce="n")


@pytest.mark.parametrize("key", ["", "short", "!" * 43, KEY + "A", KEY[:-1]])
def test_a_key_that_is_none_is_refused_at_start(key: str) -> None:
    with pytest.raises(ValueError):
        Envelope.of(app=APP, token=TOKEN, encoding_key=key)


def event(name: str, **more: str) -> str:
    fields = "".join(f"<{key}><![CDATA[{value}]]></{key}>" for key, value in more.items())
    return (
        "<xml><ToUserName>gh_1</ToUserName><FromUserName>openid-1</FromUserName>"
        f"<CreateTime>1764123456</CreateTime><MsgType>event</MsgType><Event>{name}</Event>{fields}</xml>"
    )


def test_events_become_values() -> None:
    followed = heard_in(event("subscribe", EventKey="qrscene_line-7", Ticket="t"), app=APP)
    assert isinstance(followed, Followed)
    assert (followed.scene, followed.openid, followed.app) == ("line-7", "openid-1", APP)
    plain = heard_in(event("subscribe", EventKey=""), app=APP)
    assert isinstance(plain, Followed)
    assert plain.scene == ""
    assert isinstance(heard_in(event("unsubscribe"), app=APP), Unfollowed)
    scanned = heard_in(event("SCAN", EventKey="line-7", Ticket="t"), app=APP)
    assert isinstance(scanned, Scanned)
    assert scanned.scene == "line-7"
    other = heard_in(event("CLICK", EventKey="menu"), app=APP)
    assert isinstance(other, Spoke)
    assert other.what == "event.click"
    new = heard_in(event("something_new"), app=APP)
    assert isinstance(new, Spoke)
    assert "openid-1" not in repr(new)


ENTITIES = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + event("subscribe", EventKey="&b;")


@pytest.mark.parametrize(
    "xml",
    [
        "",
        "no xml",
        "<xml/>",
        "<xml>text</xml>",
        "<other><a/></other>",
        "<xml><MsgType>text</MsgType></xml>",
        "<xml><MsgType><a/></MsgType><FromUserName>o</FromUserName><CreateTime>1</CreateTime></xml>",
        "<xml><MsgType>text</MsgType><FromUserName>o</FromUserName><CreateTime>x</CreateTime></xml>",
        "<xml><MsgType>text</MsgType><FromUserName>o</FromUserName><CreateTime>9e99</CreateTime></xml>",
        "<xml><MsgType>text</MsgType><CreateTime>1</CreateTime></xml>",
        event("subscribe") + "<more/>",
        ENTITIES,
        ENTITIES.replace('"aaaa"', 'SYSTEM "file:///etc/hostname"'),
        "<a>" * 4000,
    ],
)
def test_what_is_no_message_is_one_refusal(xml: str) -> None:
    with pytest.raises(CallbackUnreadable):
        heard_in(xml, app=APP)


@given(st.text(max_size=300))
def test_any_text_is_a_message_or_one_refusal(text: str) -> None:
    for xml in (text, f"<xml>{text}</xml>", event("subscribe", EventKey=text)):
        with contextlib.suppress(CallbackUnreadable):
            heard_in(xml, app=APP)
