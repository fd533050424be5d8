"""Names of contents: a keyed hash, so that equal contents are known as equal and nothing can be guessed.

The key comes from the front machine's own private key and its mapping: two processes with the same files
agree, and a changed mapping makes every state new.
"""

from hashlib import blake2b

import msgspec

FORMAT = b"houzhen-front-machine-1"
"""Change this when the same rows are converted differently from now on."""

_ENCODER = msgspec.msgpack.Encoder(enc_hook=str)


def key_from(*secrets: bytes) -> bytes:
    """Make the key. Lengths are part of it: a byte moved from one secret to the next is another key."""
    digest = blake2b(FORMAT, digest_size=32)
    for secret in secrets:
        digest.update(len(secret).to_bytes(8, "big"))
        digest.update(secret)
    return digest.digest()


def etag_of(content: object, *, key: bytes) -> str:
    """The name of a content made of plain values and rows, whatever a driver put into them."""
    try:
        encoded = _ENCODER.encode(content)
    except (ValueError, OverflowError, TypeError):  # lone surrogates, integers beyond 64 bits
        encoded = ascii(content).encode("ascii")
    return blake2b(encoded, key=key, digest_size=12).hexdigest()
