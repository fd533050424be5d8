"""The private certificate authority of one hospital link: who may ask the front machine, and who it is.

One folder holds ``ca.crt ca.key front-machine.crt front-machine.key platform.crt platform.key``. The machine
in the hospital needs ``ca.crt`` and its own pair, the platform ``ca.crt`` and its own; ``ca.key`` belongs on
neither.
"""

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from core.clock import SystemClock

CA_DAYS = 3650
LEAF_DAYS = 365
RENEW_DAYS = 30
CLOCK_SKEW = timedelta(minutes=10)
"""Certificates begin this much early, so that a hospital clock that is slow accepts them at once."""

PLATFORM_NAME = "platform.houzhen"
"""The name in the platform's certificate; the front machine admits this name only."""

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")

Pair = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


@dataclass(frozen=True, slots=True)
class Pki:
    """Where the files are."""

    ca: Path
    front_machine: Path
    front_machine_key: Path
    platform: Path
    platform_key: Path


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """One certificate as ``run.py check`` shows it. ``trouble`` is empty when all is well."""

    file: str
    names: tuple[str, ...]
    not_after: datetime | None
    days_left: int
    trouble: str = ""

    def __str__(self) -> str:
        if self.not_after is None:
            return f"{self.file}: {self.trouble}"
        names = f" for {', '.join(self.names)}" if self.names else ""
        ends = f"ends {self.not_after:%Y-%m-%d}, {self.days_left} days left"
        return f"{self.file}{names}: {ends}{', ' + self.trouble if self.trouble else ''}"


def files_of(folder: Path) -> Pki:
    """The paths used in ``folder``, whether they exist or not."""
    return Pki(
        ca=folder / "ca.crt",
        front_machine=folder / "front-machine.crt",
        front_machine_key=folder / "front-machine.key",
        platform=folder / "platform.crt",
        platform_key=folder / "platform.key",
    )


def make_pki(
    folder: Path,
    *,
    at: datetime | None = None,
    front_machine_names: Sequence[str] = (),
    platform_names: Sequence[str] = (PLATFORM_NAME,),
) -> Pki:
    """Make what is missing, broken, or ends within ``RENEW_DAYS``; leave the rest untouched.

    ``front_machine_names`` are host names or addresses under which the platform reaches the front machine,
    besides the local ones. Renewing the authority renews both leaves. Only the owner can read the keys.
    """
    at = at or SystemClock().now()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority = _kept(folder, "ca", at=at, names=(), issuer=None)
    if authority is None:
        authority = _new_authority(at)
        _write(folder, "ca", authority)
    front_names = tuple(dict.fromkeys((*LOCAL_NAMES, *front_machine_names)))
    for name, names, usage in (
        ("front-machine", front_names, ExtendedKeyUsageOID.SERVER_AUTH),
        ("platform", tuple(platform_names), ExtendedKeyUsageOID.CLIENT_AUTH),
    ):
        if _kept(folder, name, at=at, names=names, issuer=authority[0]) is None:
            _write(folder, name, _new_leaf(name, names, usage, authority, at))
    return files_of(folder)


def describe(folder: Path, *, at: datetime | None = None) -> tuple[CertificateFacts, ...]:
    """What each certificate is good for and how long; nothing is changed."""
    at = at or SystemClock().now()
    return tuple(_facts(folder / f"{name}.crt", at) for name in ("ca", "front-machine", "platform"))


def _facts(file: Path, at: datetime) -> CertificateFacts:
    try:
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
    except OSError:
        return CertificateFacts(file.name, (), None, 0, "missing")
    except ValueError:
        return CertificateFacts(file.name, (), None, 0, "not a certificate")
    left = (certificate.not_valid_after_utc - at).days
    trouble = "expired" if left < 0 else "ends soon" if left < RENEW_DAYS else ""
    return CertificateFacts(file.name, _names_in(certificate), certificate.not_valid_after_utc, left, trouble)


def _kept(
    folder: Path, name: str, *, at: datetime, names: Sequence[str], issuer: x509.Certificate | None
) -> Pair | None:
    """The pair on disk if it can stay: whole, matching, ours, in time and with all the names."""
    try:
        certificate = x509.load_pem_x509_certificate((folder / f"{name}.crt").read_bytes())
        key = serialization.load_pem_private_key((folder / f"{name}.key").read_bytes(), password=None)
    except (OSError, ValueError):
        return None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        return None
    if certificate.not_valid_after_utc - at < timedelta(days=RENEW_DAYS):
        return None
    if issuer is not None:
        try:
            certificate.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature):
            return None
        if not set(names) <= set(_names_in(certificate)):
            return None
    return certificate, key


def _new_authority(at: datetime) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _subject("Houzhen private CA")
    certificate = (
        _builder(subject, subject, key, at, CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(authority=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate, key


def _new_leaf(
    name: str, names: Sequence[str], usage: x509.ObjectIdentifier, authority: Pair, at: datetime
) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    issuer, issuer_key = authority
    certificate = (
        _builder(_subject(f"Houzhen {name}"), issuer.subject, key, at, LEAF_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general_name(one) for one in names]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
        .sign(issuer_key, hashes.SHA256())
    )
    return certificate, key


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, at: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - CLOCK_SKEW)
        .not_valid_after(at + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _subject(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _names_in(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(name.value) for name in names)


def _write(folder: Path, name: str, pair: Pair) -> None:
    """Replace the pair. A crash in between leaves a mismatched pair, which the next call replaces."""
    certificate, key = pair
    plain = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _replace(folder / f"{name}.key", plain, mode=0o600)
    _replace(folder / f"{name}.crt", certificate.public_bytes(serialization.Encoding.PEM), mode=0o644)


def _replace(file: Path, content: bytes, *, mode: int) -> None:
    fresh = file.with_suffix(file.suffix + ".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(file)
