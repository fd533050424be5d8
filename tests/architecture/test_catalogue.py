"""Every code the server can answer has words in both languages, and no words are left over."""

import importlib
import json
import re

from conf.words import HERE, LANGUAGES, Words, choose
from core.refusals import Refusal
from queue_display.board import ADVICE_CODES
from tests.architecture.test_structure import ROOT, modules


def codes() -> set[str]:
    for name in modules():
        importlib.import_module(name)
    pending: list[type[Refusal]] = [Refusal]
    found = {Refusal.code} | {f"queue.advice.{advice}" for advice in ADVICE_CODES}
    while pending:
        for child in pending.pop().__subclasses__():
            pending.append(child)
            if not child.__module__.startswith("tests"):
                found.add(child.code)
    for path in (ROOT / "handlers").glob("*.py"):
        found |= set(re.findall(r'"(core\.[a-z_]+)"', path.read_text("utf-8")))
    return found


def test_every_code_has_words_in_every_language() -> None:
    words = Words.read()
    for language in LANGUAGES:
        missing = codes() - words.codes(language)
        assert not missing, f"{language}: {sorted(missing)}"


def test_no_words_without_a_code() -> None:
    for language in LANGUAGES:
        left_over = Words.read().codes(language) - codes()
        assert not left_over, f"{language}: {sorted(left_over)}"


def test_both_languages_name_the_same_facts() -> None:
    chinese, english = (json.loads((HERE / f"{name}.json").read_text("utf-8")) for name in LANGUAGES)
    assert chinese.keys() == english.keys()
    for code in chinese:
        assert set(re.findall(r"{(\w+)}", chinese[code])) == set(re.findall(r"{(\w+)}", english[code])), code


def test_the_language_is_the_callers_choice() -> None:
    assert choose("") == "zh-CN"
    assert choose("en-GB,en;q=0.9,zh;q=0.8") == "en"
    assert choose("fr, zh-TW;q=0.5, en;q=0.4") == "zh-CN"
    assert choose("en;q=broken, *") == "zh-CN"
