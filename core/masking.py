"""How names and numbers are shown: enough for their owner to know them, too little for anybody else.

The front machine masks before anything leaves the hospital; lists of patients show nothing else. The rules of
names, first match wins:

=====================  ============================  ====================================================
a name with            is shown as                   rule
=====================  ============================  ====================================================
a middle dot           古丽·**, 阿卜*·**              first part up to two characters, the rest hidden
Latin words            J*** S***                     the first letter of every word (at most three)
one character          *                             nothing can be hidden of it but all
a compound surname     欧阳*, 欧阳*娜, 欧*            surname, hidden middle, last; never the whole
two characters         李*                           surname only
three and more         张*三, 陈**生                 first and last, at most two stars between
=====================  ============================  ====================================================

Whatever stands beside a name in real tables (brackets, digits such as a telephone number) is dropped first.
Masking a masked name changes nothing.
"""

import re
import unicodedata

HIDDEN = "*"
FIRST_IDEOGRAPH = "\u2e80"
LONGEST = 20
"""Characters of a name that are looked at; whatever is longer is not a name."""

_DOTS = re.compile("[·•・･‧⋅∙．]|(?<=[^\x00-\x7f])\\.(?=[^\x00-\x7f])")
_BRACKETED = re.compile(r"[(\uff08\[【〔<《].*?([)\uff09\]】〕>》]|$)")
_MASKED_WORDS = re.compile(r"(?:\*+|[^*]\*{3})(?: (?:\*|[^*]\*{3})){0,2}")
_SURNAMES = (
    "欧阳太史端木上官司马东方独孤南宫万俟闻人夏侯诸葛尉迟公羊赫连澹台"
    "皇甫宗政濮阳公冶太叔申屠公孙慕容仲孙钟离长孙宇文司徒鲜于司空闾丘"
    "子车亓官司寇巫马公西颛孙壤驷公良漆雕乐正宰父谷梁拓跋夹谷轩辕令狐"
    "段干百里呼延东郭南门羊舌微生梁丘左丘西门第五贯丘南荣东里东宫仲长"
    "即墨达奚褚师纳兰叶赫完颜耶律哥舒歐陽東方獨孤南宮萬俟聞人諸葛尉遲"
    "赫連澹臺濮陽公孫鍾離長孫鮮于閭丘軒轅東郭"
)
_COMPOUND_SURNAMES = frozenset(_SURNAMES[at : at + 2] for at in range(0, len(_SURNAMES), 2))


def mask_name(name: str) -> str:
    """Answer the name as a screen may show it; empty stays empty. Promises never to answer the whole name."""
    cleaned = _cleaned(name)
    if not cleaned:
        return HIDDEN if name.strip() else ""
    if "·" in cleaned:
        return _of_parts([part for part in cleaned.replace(" ", "").split("·") if part])
    if _MASKED_WORDS.fullmatch(cleaned):
        return cleaned
    if _is_of_words(cleaned):
        return " ".join(_of_word(word) for word in cleaned.split()[:3])
    return _of_characters(cleaned.replace(" ", ""))


def mask_id_number(number: str) -> str:
    """A paper's number: first character and last two; of a short one the last. No birth date shows."""
    if len(number) < 7:
        return HIDDEN * (len(number) - 1) + number[-1:] if len(number) > 1 else HIDDEN * len(number)
    return number[0] + HIDDEN * (len(number) - 3) + number[-2:]


def mask_phone(phone: str) -> str:
    """A telephone: a Chinese mobile as 138****8000, any other with its country's digits and the last two."""
    digits = phone.removeprefix("+86")
    if digits != phone and len(digits) == 11:
        return digits[:3] + HIDDEN * 4 + digits[7:]
    if len(phone) < 7:
        return HIDDEN * len(phone)
    return phone[:3] + HIDDEN * (len(phone) - 5) + phone[-2:]


def _cleaned(name: str) -> str:
    """The letters of the name: one form of dot, no brackets, no digits, single blanks."""
    text = _DOTS.sub("·", unicodedata.normalize("NFC", name[: LONGEST * 4]))
    text = _BRACKETED.sub("", text)
    kept = "".join(character if _belongs(character) else " " for character in text)
    return " ".join(kept.split())[:LONGEST].strip("· ")


def _belongs(character: str) -> bool:
    """A letter, a rare character outside the font (private use or lost as ``?``), or an earlier mask."""
    return unicodedata.category(character)[0] in "LM" or _is_lost(character) or character in "·*"


def _is_lost(character: str) -> bool:
    return character in "?\ufffd〓" or unicodedata.category(character) == "Co"


def _is_of_words(name: str) -> bool:
    """Written with an alphabet: letters, no ideograph among them, and no earlier mask."""
    has_letters = any(character.isalpha() for character in name)
    return has_letters and max(name) < FIRST_IDEOGRAPH and HIDDEN not in name


def _of_parts(parts: list[str]) -> str:
    """古丽·阿不都: a name of several parts, as Uyghur, Kazakh or Tibetan names are written."""
    if not parts:
        return HIDDEN
    first = parts[0]
    if len(parts) == 1:
        return _of_characters(first)
    shown = first if len(first) <= 2 else first[:2] + HIDDEN
    return f"{shown}·{HIDDEN * 2}"


def _of_word(word: str) -> str:
    return HIDDEN if len(word) == 1 else word[0] + HIDDEN * 3


def _of_characters(name: str) -> str:
    if len(name) == 1:
        return HIDDEN
    surname = 2 if len(name) > 2 and name[:2] in _COMPOUND_SURNAMES else 1
    given = len(name) - surname
    if given == 1:
        return name[:surname] + HIDDEN
    return name[:surname] + HIDDEN * min(given - 1, 2) + name[-1]
