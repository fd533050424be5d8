"""Codes of papers as issuers of health cards use them (idCardType, idType)."""

from clinic.identity_numbers import IdKind

ID_TYPES = {
    IdKind.CN_ID: "01",
    IdKind.PASSPORT: "03",
    IdKind.HK_MACAU: "06",
    IdKind.TAIWAN: "07",
    IdKind.FOREIGN_PERMANENT: "08",
    IdKind.BIRTH_CERTIFICATE: "09",
    IdKind.OTHER: "99",
}
