"""The texts people agree to, by kind, version and language. Values only; ``conf/`` reads them from files."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from accounts.consent import Kind


@dataclass(frozen=True, slots=True)
class ConsentText:
    """One text in one language. Versions are ordered as texts: use dates such as ``2026-11-26``."""

    kind: Kind
    version: str
    language: str
    title: str
    text: str


class ConsentTexts:
    """Every text that is or was in force."""

    def __init__(self, texts: Iterable[ConsentText], *, languages: Iterable[str]) -> None:
        """Raises ``ValueError`` naming a kind without a text, or a version without one of the languages."""
        self._texts = {(text.kind, text.version, text.language): text for text in texts}
        for kind in Kind:
            versions = sorted({version for each, version, _ in self._texts if each is kind})
            if not versions:
                raise ValueError(f"{kind}: there is no text")
            for version in versions:
                for language in languages:
                    if (kind, version, language) not in self._texts:
                        raise ValueError(f"{kind}.{version}: there is no text in {language}")

    @property
    def in_force(self) -> Mapping[Kind, str]:
        """The newest version of each kind."""
        return {kind: max(version for each, version, _ in self._texts if each is kind) for kind in Kind}

    def text(self, kind: Kind, version: str, language: str) -> ConsentText:
        """One of them. Raises ``KeyError``."""
        return self._texts[kind, version, language]
