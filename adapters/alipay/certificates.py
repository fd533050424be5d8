"""Serial numbers of certificates as Alipay counts them, for applications that sign in certificate mode.

Rule (Alipay docs, "公钥证书签名"): the MD5 of the issuer (``CN=…,OU=…,O=…,C=…``) followed by the serial in
decimal; of a root bundle only certificates that are signed with RSA count, joined with ``_``.
"""

import hashlib
import re
import ssl
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

_PEM: Final = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_RSA: Final = "1.2.840.113549.1.1."
_RSA_BYTES: Final = bytes.fromhex("06092a864886f70d0101")
_SHORT: Final = (
    (NameOID.COMMON_NAME, "CN"),
    (NameOID.ORGANIZATIONAL_UNIT_NAME, "OU"),
    (NameOID.ORGANIZATION_NAME, "O"),
    (NameOID.LOCALITY_NAME, "L"),
    (NameOID.STATE_OR_PROVINCE_NAME, "ST"),
    (NameOID.COUNTRY_NAME, "C"),
)


def serial_of(pem: bytes) -> str:
    """The serial of one certificate. Raises ``ValueError`` when it is none."""
    return _serial(x509.load_pem_x509_certificate(pem))


def serial_of_root(pem: bytes) -> str:
    """The serial of Alipay's root bundle. Raises ``ValueError`` when it holds nothing that counts."""
    # The bundle's SM2 certificates are written in a way that not every parser takes; they do not count.
    bundle = [each for each in _PEM.findall(pem) if _RSA_BYTES in ssl.PEM_cert_to_DER_cert(each.decode())]
    every = [x509.load_pem_x509_certificate(each) for each in bundle]
    counted = [each for each in every if each.signature_algorithm_oid.dotted_string.startswith(_RSA)]
    if not counted:
        raise ValueError("no certificate that is signed with RSA")
    return "_".join(_serial(each) for each in counted)


def public_key_of(pem: bytes) -> bytes:
    """The public key of a certificate, as PEM. Raises ``ValueError``."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = x509.load_pem_x509_certificate(pem).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _serial(certificate: x509.Certificate) -> str:
    short = dict(_SHORT)
    issuer = ",".join(
        f"{short.get(part.oid, part.oid.dotted_string)}={part.value!s}"
        for part in reversed(list(certificate.issuer))
    )
    told = f"{issuer}{certificate.serial_number}"
    return hashlib.md5(told.encode(), usedforsecurity=False).hexdigest()
