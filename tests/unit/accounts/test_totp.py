"""One-time codes by the vectors of RFC 6238, each good once; recovery codes."""

import base64
import os
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts import totp
from accounts.totp import CodeRefused

SECRET = base64.b32encode(b"12345678901234567890").decode()
VECTORS = [
    # RFC 6238, appendix B, SHA-1; its eight digits end in our six.
    (59, "94287082"),
    (1111111109, "07081804"),
    (1111111111, "14050471"),
    (1234567890, "89005924"),
    (2000000000, "69279037"),
    (20000000000, "65353130"),
]


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)


@pytest.mark.parametrize(("seconds", "code"), VECTORS)
def test_the_vectors_of_rfc_6238(seconds: int, code: str) -> None:
    assert totp.checked(SECRET, code[-6:], after=0, at=moment(seconds)) == seconds // 30


@pytest.mark.parametrize(("seconds", "code"), VECTORS)
def test_a_code_is_good_in_its_half_minute_and_those_beside_it(seconds: int, code: str) -> None:
    step = seconds // 30
    for beside in (-1, 0, 1):
        assert totp.checked(SECRET, code[-6:], after=step - 1, at=moment((step + beside) * 30)) == step
    for far in (-2, 2) if step > 1 else (2,):
        with pytest.raises(CodeRefused):
            totp.checked(SECRET, code[-6:], after=0, at=moment((step + far) * 30))


def test_a_code_is_good_once_and_no_earlier_one_after_it() -> None:
    seconds, code = VECTORS[3]
    used = totp.checked(SECRET, code[-6:], after=0, at=moment(seconds))
    for later in (0, 29, 30):
        with pytest.raises(CodeRefused):
            totp.checked(SECRET, code[-6:], after=used, at=moment(seconds + later))


@pytest.mark.parametrize("code", ["", "12345", "1234567", "05924a", "００５９２４", "005924\n", "-05924"])
def test_what_is_not_six_digits_is_refused(code: str) -> None:
    with pytest.raises(CodeRefused):
        totp.checked(SECRET, code, after=0, at=moment(1234567890))


@given(st.binary(min_size=20, max_size=20), st.integers(0, 4_000_000_000))
def test_of_any_secret_the_code_of_now_is_taken_once(raw: bytes, seconds: int) -> None:
    import pyotp

    secret = totp.new_secret(lambda _: raw)
    step = seconds // 30
    code = pyotp.TOTP(secret).generate_otp(step)
    used = totp.checked(secret, code, after=-9, at=moment(seconds))
    assert abs(used - step) <= 1
    with pytest.raises(CodeRefused):
        totp.checked(secret, code, after=step + 1, at=moment(seconds))


def test_what_an_app_needs() -> None:
    enrolment = totp.enrolment(SECRET, number="0007", issuer="某某市第一人民医院")
    assert enrolment.otpauth.startswith("otpauth://totp/")
    assert f"secret={SECRET}" in enrolment.otpauth
    assert "0007" in enrolment.otpauth
    assert enrolment.svg.startswith("<svg")
    assert "script" not in enrolment.svg
    assert len(base64.b32decode(totp.new_secret(os.urandom))) == 20


def test_recovery_codes_are_ten_and_found_however_they_are_typed() -> None:
    codes = totp.new_recovery_codes(os.urandom)
    assert len(set(codes)) == 10
    for code in codes:
        assert totp.is_recovery_code(code)
        typed = [code, code.lower(), code.replace("-", ""), code.replace("-", " ")]
        assert len({totp.recovery_digest(each, number="0007") for each in typed}) == 1
        assert totp.recovery_digest(code, number="0008") != totp.recovery_digest(code, number="0007")
    assert not totp.is_recovery_code("123456")
