"""A masked name is known to its owner and to nobody else."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from core.masking import mask_id_number, mask_name, mask_phone


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("张三丰", "张*丰"),
        ("李明", "李*"),
        ("王", "*"),
        ("欧阳娜", "欧阳*"),
        ("欧阳娜娜", "欧阳*娜"),
        ("欧阳", "欧*"),
        ("司馬相如", "司**如"),
        ("陈方安生", "陈**生"),
        ("诸葛孔明", "诸葛*明"),
        ("古丽·阿不都热合曼", "古丽·**"),
        ("古丽•阿不都", "古丽·**"),
        ("阿卜.买买提", "阿卜·**"),
        ("阿卜杜热依木·买买提·托合提", "阿卜*·**"),
        ("扎西 · 次仁", "扎西·**"),
        ("张 三", "张*"),
        ("张\u3000三\u3000丰", "张*丰"),
        ("张三(男)", "张*"),
        ("张三（13800138000）", "张*"),
        ("张三13800138000", "张*"),
        ("张?丰", "张*丰"),
        ("𠮷野家", "𠮷*家"),
        ("李红之女", "李**女"),
        ("John Smith", "J*** S***"),
        ("María José García Lópéz", "M*** J*** G***"),
        ("J. S.", "* *"),
        ("110101199003071234", "*"),
        ("张*丰", "张*丰"),
        ("", ""),
        ("  ", ""),
    ],
)
def test_the_table_of_rules(name: str, shown: str) -> None:
    assert mask_name(name) == shown


NAMES = some.text(
    alphabet=some.one_of(
        some.sampled_from("张王李欧阳司马诸葛娜古丽阿卜·•. ()（）*?1 aZé𠮷\ue000"), some.characters()
    ),
    max_size=24,
)


@given(NAMES)
def test_masking_twice_changes_nothing(name: str) -> None:
    once = mask_name(name)
    assert mask_name(once) == once


@given(NAMES)
def test_no_digit_ever_comes_out(name: str) -> None:
    assert not any(character.isdecimal() for character in mask_name(name))


@given(some.text(alphabet="张王李欧阳司马诸葛娜古丽阿卜刘洋", min_size=1, max_size=8))
def test_something_is_always_hidden(name: str) -> None:
    shown = mask_name(name)
    assert shown != name
    assert "*" in shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("11010519491231002X", "1" + "*" * 15 + "2X"),
        ("E12345678", "E******78"),
        ("A123", "***3"),
        ("1", "*"),
        ("", ""),
    ],
)
def test_numbers_of_papers(number: str, shown: str) -> None:
    assert mask_id_number(number) == shown


@pytest.mark.parametrize(
    ("phone", "shown"),
    [("+8613800138000", "138****8000"), ("+85291234567", "+85*******67"), ("+123", "****"), ("", "")],
)
def test_telephones(phone: str, shown: str) -> None:
    assert mask_phone(phone) == shown
