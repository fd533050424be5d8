"""Every cipher against published vectors, against its twin, and against whoever alters a byte."""

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher as PlainCipher
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.hashes import SM3, Hash
from hypothesis import given
from hypothesis import strategies as st

from adapters.crypto.ciphers import AesGcm, Cipher, DoesNotOpen, Sm4Gcm, WrappingAesGcm
from adapters.crypto.suites import hmac_sha256, hmac_sm3

EVERY: list[type[Cipher]] = [AesGcm, WrappingAesGcm, Sm4Gcm]
RFC_8998_A1 = (
    "0123456789abcdeffedcba9876543210",
    "00001234567800000000abcd",
    "feedfacedeadbeeffeedfacedeadbeefabaddad2",
    (
        "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd"
        "eeeeeeeeeeeeeeeeffffffffffffffffeeeeeeeeeeeeeeeeaaaaaaaaaaaaaaaa"
    ),
    (
        "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735"
        "d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d"
    ),
    "83de3541e4c2b58177e065a9bf7b62ec",
)
# Test case 16 of McGrew and Viega, "The Galois/Counter Mode of Operation".
GCM_16 = (
    "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
    "cafebabefacedbaddecaf888",
    "feedfacedeadbeeffeedfacedeadbeefabaddad2",
    (
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
        "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
    ),
    (
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
        "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
    ),
    "76fc6ece0f4e1768cddf8853bb2d551b",
)


@pytest.mark.parametrize(
    ("kind", "vector"), [(AesGcm, GCM_16), (WrappingAesGcm, GCM_16), (Sm4Gcm, RFC_8998_A1)]
)
def test_published_vectors(kind: type[Cipher], vector: tuple[str, ...]) -> None:
    key, nonce, bound_to, plain, text, tag = (bytes.fromhex(part) for part in vector)
    cipher = kind(key)
    assert cipher.seal(plain, nonce=nonce, bound_to=bound_to) == text + tag
    assert cipher.open(text + tag, nonce=nonce, bound_to=bound_to) == plain


def test_the_block_cipher_and_the_hash_of_the_national_suite() -> None:
    """GB/T 32907-2016 example 1 and GB/T 32905-2016 example 1."""
    block = bytes.fromhex("0123456789abcdeffedcba9876543210")
    encryptor = PlainCipher(SM4(block), ECB()).encryptor()
    assert encryptor.update(block).hex() == "681edf34d206965e86b3e94f536e4246"
    digest = Hash(SM3())
    digest.update(b"abc")
    assert digest.finalize().hex() == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"


def test_keyed_hashes() -> None:
    """RFC 4231 case 2 for SHA-256; for SM3 the definition of HMAC over the published hash."""
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert hmac_sha256(b"Jefe", b"what do ya want for nothing?").hex() == expected
    key, message = b"k" * 20, "一句话".encode()

    def sm3(data: bytes) -> bytes:
        digest = Hash(SM3())
        digest.update(data)
        return digest.finalize()

    padded = key.ljust(64, b"\0")
    inner = sm3(bytes(byte ^ 0x36 for byte in padded) + message)
    assert hmac_sm3(key, message) == sm3(bytes(byte ^ 0x5C for byte in padded) + inner)


@given(st.binary(max_size=300), st.binary(max_size=60), st.binary(min_size=12, max_size=12))
def test_two_libraries_make_the_same_bytes(plain: bytes, bound_to: bytes, nonce: bytes) -> None:
    ours, theirs = AesGcm(bytes(32)), WrappingAesGcm(bytes(32))
    sealed = ours.seal(plain, nonce=nonce, bound_to=bound_to)
    assert theirs.seal(plain, nonce=nonce, bound_to=bound_to) == sealed
    assert theirs.open(sealed, nonce=nonce, bound_to=bound_to) == plain


@pytest.mark.parametrize("kind", EVERY)
@given(plain=st.binary(max_size=80), at=st.integers(min_value=0), cut=st.integers(min_value=1, max_value=40))
def test_nothing_altered_opens(kind: type[Cipher], plain: bytes, at: int, cut: int) -> None:
    cipher, nonce = kind(b"k" * kind.key_bytes), b"n" * 12
    sealed = cipher.seal(plain, nonce=nonce, bound_to=b"here")
    assert cipher.open(sealed, nonce=nonce, bound_to=b"here") == plain
    bit = at % (len(sealed) * 8)
    flipped = bytearray(sealed)
    flipped[bit // 8] ^= 1 << bit % 8
    other = kind(b"K" * kind.key_bytes)
    for cipher_now, text, nonce_now, place in (
        (cipher, bytes(flipped), nonce, b"here"),
        (cipher, sealed[:-cut], nonce, b"here"),
        (cipher, sealed + b"x", nonce, b"here"),
        (cipher, sealed, b"N" * 12, b"here"),
        (cipher, sealed, nonce, b"there"),
        (other, sealed, nonce, b"here"),
    ):
        with pytest.raises(DoesNotOpen):
            cipher_now.open(text, nonce=nonce_now, bound_to=place)


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("length", [0, 15, 17, 24, 33])
def test_a_key_has_one_length(kind: type[Cipher], length: int) -> None:
    with pytest.raises(ValueError, match="bytes"):
        kind(bytes(length))
