"""What travels about consents."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

KindWord = Literal["terms", "privacy", "sensitive_health"]
Version = Annotated[str, msgspec.Meta(max_length=32)]


class ConsentQuery(msgspec.Struct, frozen=True, kw_only=True):
    """In which language the texts are wanted."""

    lang: Literal["zh-CN", "en"] = "zh-CN"


class ConsentRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One text in force, and whether this account agrees to it: ``given_version`` is there when a consent is
    given; a version that is not ``version`` has to be given anew."""

    kind: KindWord
    version: str
    title: str
    text: str
    required: bool
    given_version: str | None = None
    given_at: datetime | None = None


class ConsentList(msgspec.Struct, frozen=True, kw_only=True):
    """Every kind of consent."""

    consents: list[ConsentRow]


class GiveConsent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which version was read."""

    version: Version


class ConsentStanding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One consent after it was given or taken back."""

    kind: KindWord
    version: str
    given_version: str | None = None
    given_at: datetime | None = None
