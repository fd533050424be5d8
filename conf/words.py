"""The words people read, by code, in Chinese and English. Code sends codes and facts; words live in JSON."""

import json
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).parent / "locale"
LANGUAGES = ("zh-CN", "en")


class Words:
    """Catalogues of every language, read once."""

    def __init__(self, catalogues: Mapping[str, Mapping[str, str]]) -> None:
        self._catalogues = catalogues

    @classmethod
    def read(cls, folder: Path = HERE) -> "Words":
        """Read ``<language>.json`` of every language. Raises ``OSError``, ``ValueError``."""
        return cls({name: json.loads((folder / f"{name}.json").read_text("utf-8")) for name in LANGUAGES})

    def say(self, code: str, facts: Mapping[str, object], *, accept: str = "") -> str:
        """The sentence for a code, with ``{fact}`` filled in; the code itself when nobody wrote one yet."""
        sentence = self._catalogues[choose(accept)].get(code, code)
        for name, value in facts.items():
            sentence = sentence.replace("{" + name + "}", str(value))
        return sentence

    def codes(self, language: str) -> frozenset[str]:
        """Every code this language has a sentence for."""
        return frozenset(self._catalogues[language])


def choose(accept: str) -> str:
    """The language for an ``Accept-Language`` header, else Chinese (RFC 9110 §12.5.4)."""
    wanted = []
    for place, part in enumerate(accept.split(",")):
        tag, _, weight = part.strip().partition(";q=")
        try:
            wanted.append((-float(weight or 1), place, tag.lower()))
        except ValueError:
            continue
    for _, _, tag in sorted(wanted):
        if tag.startswith("zh"):
            return "zh-CN"
        if tag.startswith("en"):
            return "en"
    return "zh-CN"
