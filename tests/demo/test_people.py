"""Invented people look right and cannot be anybody."""

import random
from collections import Counter
from datetime import date
from functools import cache

from demo import people


@cache
def crowd() -> list[people.Person]:
    rng = random.Random(1)
    return [people.invent(rng, age=n % 95, female=n % 2 == 0) for n in range(1500)]


def test_names_of_every_sort_occur() -> None:
    names = [person.name for person in crowd()]
    assert any("·" in name for name in names)
    assert any(name[:2] in {"欧阳", "诸葛", "上官", "司马"} for name in names)
    assert any(len(char.encode("gb18030")) == 4 for name in names for char in name)
    assert max(Counter(names).values()) < 8


def test_documents_and_telephones_were_never_issued() -> None:
    for person in crowd():
        assert person.document == "" or (len(person.document) == 18 and person.document.startswith("99"))
        assert person.telephone == "" or person.telephone.startswith("100")


def test_children_have_a_guardian_and_ages_fit() -> None:
    rng = random.Random(2)
    child = people.invent(rng, age=5, female=True, today=date(2026, 11, 23))
    assert child.guardian
    assert child.born.year in (2020, 2021)
    assert not people.invent(rng, age=40, female=True).guardian
