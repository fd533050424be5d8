"""Reads the texts people agree to: ``consents/<kind>.<version>.<language>.md``, a title and the text."""

from pathlib import Path

from accounts.consent import Kind
from accounts.consent_texts import ConsentText, ConsentTexts
from conf.words import LANGUAGES

HERE = Path(__file__).parent / "consents"


def read_consent_texts(folder: Path = HERE) -> ConsentTexts:
    """Every text. Raises ``ValueError`` naming what is missing or misnamed, ``OSError``."""
    return ConsentTexts(map(_read, sorted(folder.glob("*.md"))), languages=LANGUAGES)


def _read(file: Path) -> ConsentText:
    parts = file.name.split(".")
    if len(parts) != 4 or parts[0] not in {kind.value for kind in Kind} or parts[2] not in LANGUAGES:
        raise ValueError(f"{file.name}: must be <kind>.<version>.<language>.md")
    first, _, text = file.read_text("utf-8").partition("\n")
    return ConsentText(Kind(parts[0]), parts[1], parts[2], first.removeprefix("# ").strip(), text.strip())
