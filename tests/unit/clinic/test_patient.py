"""The people of an account: who may be added, what is asked of a child, what stays when one goes."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given as hypothesis_given
from hypothesis import strategies as st

from clinic.identity_numbers import BadIdNumber, IdKind, Sex, WrongCheckDigit
from clinic.patient import (
    Family,
    InHospital,
    NoSuchPatient,
    OnlyOneSelf,
    Patient,
    SamePersonTwice,
    TooManyPatients,
    add,
    make_usual,
    merged,
    unbind,
)
from clinic.real_name import (
    Given,
    GuardianNeeded,
    GuardianTooYoung,
    Person,
    Relation,
    read_name,
    read_person,
    read_phone,
)
from core.ids import PatientId, UserId
from core.refusals import BadInput
from tests.unit.clinic.papers import SAMPLE, TODAY, a_guardian, given, resident_number, years_ago

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
ME = UserId("me")


def person(order: int = 1) -> Person:
    return read_person(given(resident_number(date(1990, 1, 1), order=order)), today=TODAY)


def a_family(*orders: int, user: UserId = ME, relation: Relation = Relation.OTHER) -> Family:
    family = Family(user)
    for order in orders:
        family, _ = added(family, order, relation=relation)
    return family


def added(
    family: Family, order: int, *, relation: Relation = Relation.OTHER, limit: int = 9
) -> tuple[Family, Patient]:
    name = PatientId(f"{family.user}-{order}")
    return add(
        family,
        person(order),
        relation,
        patient=name,
        limit=limit,
        ever=12,
        pause=timedelta(hours=1),
        at=NOON + timedelta(seconds=order),
    )


def field_of(told: Given) -> str:
    with pytest.raises(BadInput) as refused:
        read_person(told, today=TODAY)
    return str(refused.value.facts["field"])


def test_what_the_number_tells_need_not_be_typed() -> None:
    who = read_person(given(" 11010519491231002x"), today=TODAY)
    assert (who.id_number, who.born, who.sex) == (SAMPLE, date(1949, 12, 31), Sex.FEMALE)
    assert who.phone == "+8613800138000"


def test_what_is_typed_must_not_differ_from_the_number() -> None:
    assert field_of(given(born=date(1949, 12, 30))) == "$.birth_date"
    assert field_of(given(sex=Sex.MALE)) == "$.sex"


def test_a_passport_needs_birth_date_and_sex() -> None:
    passport = {"number": "E12345678", "kind": IdKind.PASSPORT}
    assert field_of(given(**passport)) == "$.birth_date"  # type: ignore[arg-type]
    assert field_of(given(**passport, born=date(1990, 1, 1))) == "$.sex"  # type: ignore[arg-type]
    assert field_of(given(**passport, born=TODAY + timedelta(days=1), sex=Sex.MALE)) == "$.birth_date"  # type: ignore[arg-type]
    old_card = given("USA110184022901", kind=IdKind.FOREIGN_PERMANENT, born=date(1984, 2, 28), sex=Sex.MALE)
    assert field_of(old_card) == "$.birth_date"


def test_under_fourteen_a_guardian_of_age_is_named() -> None:
    child = resident_number(years_ago(14, days=1))
    with pytest.raises(GuardianNeeded):
        read_person(given(child), today=TODAY)
    assert read_person(given(resident_number(years_ago(14))), today=TODAY).guardian is None
    who = read_person(given(child, guardian=a_guardian()), today=TODAY)
    assert who.guardian is not None
    assert (who.guardian.id_number, who.guardian.phone) == (SAMPLE, "+8613800138001")
    with pytest.raises(GuardianTooYoung):
        read_person(given(child, guardian=a_guardian(resident_number(years_ago(18, days=1)))), today=TODAY)
    with pytest.raises(WrongCheckDigit) as refused:
        read_person(given(child, guardian=a_guardian(SAMPLE[:-1] + "1")), today=TODAY)
    assert refused.value.facts["field"] == "$.guardian.id_number"
    assert field_of(given(SAMPLE, guardian=a_guardian())) == "$.guardian.id_number"


@pytest.mark.parametrize(
    "name", ["张三", "欧阳娜娜", "阿卜杜拉·买买提", "古丽•阿依", "John Smith", "O'Neil-Ray", "𬭚𬱖"]
)
def test_names_as_on_papers(name: str) -> None:
    assert read_name(name, field="$.name")


@pytest.mark.parametrize("name", ["", "张", "张三1", "张三<b>", "张三\n\x00", "张" * 51, "13800138000", "··"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(BadInput):
        read_name(name, field="$.name")


@pytest.mark.parametrize(
    ("text", "phone"),
    [
        ("138 0013 8000", "+8613800138000"),
        ("8613800138000", "+8613800138000"),
        ("0086-13800138000", "+8613800138000"),
        ("＋８６１３８００１３８０００", "+8613800138000"),
        ("+852 9123 4567", "+85291234567"),
    ],
)
def test_telephones_have_one_form(text: str, phone: str) -> None:
    assert read_phone(text, field="$.phone") == phone
    assert read_phone(phone, field="$.phone") == phone


@pytest.mark.parametrize(
    "text", ["", "12800138000", "1380013800", "+0123456789", "010-12345678", "abc", "+86 1"]
)
def test_what_is_no_telephone(text: str) -> None:
    with pytest.raises(BadInput):
        read_phone(text, field="$.phone")


def test_the_first_one_is_the_usual_one_until_another_is_chosen() -> None:
    family = a_family(1, 2)
    assert family.usual == "me-1"
    family = make_usual(family, PatientId("me-2"))
    assert family.usual == "me-2"
    assert unbind(family, PatientId("me-2"), at=NOON).usual == "me-1"
    with pytest.raises(NoSuchPatient):
        make_usual(family, PatientId("me-3"))


def test_nobody_is_added_twice_and_only_so_many() -> None:
    family = a_family(1, 2)
    with pytest.raises(SamePersonTwice):
        added(family, 2)
    with pytest.raises(TooManyPatients):
        added(family, 3, limit=2)
    with pytest.raises(OnlyOneSelf):
        added(a_family(1, relation=Relation.SELF), 2, relation=Relation.SELF)


def test_adding_and_unbinding_does_not_go_on_for_ever() -> None:
    family = Family(ME)
    for order in range(1, 13):
        family, patient = added(family, order, limit=2)
        family = unbind(family, patient.id, at=NOON)
    with pytest.raises(TooManyPatients):
        added(family, 13, limit=2)
    family, _ = added(family, 12, limit=2)
    assert len(family.here) == 1


def test_who_goes_leaves_what_records_refer_to_and_can_come_back() -> None:
    family = unbind(a_family(1, 2), PatientId("me-1"), at=NOON)
    gone = family.patients[0]
    assert (gone.is_here, gone.person.phone, gone.person.guardian) == (False, "", None)
    assert gone.person.id_number == person(1).id_number
    with pytest.raises(NoSuchPatient):
        unbind(family, PatientId("me-1"), at=NOON)
    family, back = add(
        family,
        person(1),
        Relation.SELF,
        patient=PatientId("new"),
        limit=2,
        ever=9,
        pause=timedelta(hours=1),
        at=NOON,
    )
    assert back.id == "me-1"
    assert len(family.here) == 2
    assert family.usual == "me-2"


orders = st.lists(st.integers(min_value=1, max_value=12), unique=True, max_size=8)


@hypothesis_given(orders, orders, st.booleans())
def test_merging_loses_nobody_and_keeps_nobody_twice(mine: list[int], theirs: list[int], both: bool) -> None:
    relation = Relation.SELF if both else Relation.OTHER
    kept, joining = (
        a_family(*mine[:1], relation=relation),
        a_family(*theirs[:1], user=UserId("you"), relation=relation),
    )
    for order in mine[1:]:
        kept, _ = added(kept, order)
    for order in theirs[1:]:
        joining, _ = added(joining, order)
    if theirs:
        joining = unbind(joining, PatientId(f"you-{theirs[-1]}"), at=NOON)
    family, same = merged(kept, joining)
    here = [each.person.key for each in family.here]
    assert sorted(here) == sorted({each.person.key for each in (*kept.here, *joining.here)})
    assert len(family.patients) == len({*mine, *theirs})
    assert {each.user for each in family.patients} <= {ME}
    assert {ours for _, ours in same} == {f"me-{order}" for order in {*mine} & {*theirs}}
    assert sum(each.relation is Relation.SELF for each in family.here) <= 1
    assert (family.usual in {each.id for each in family.here}) is bool(family.here)


def test_merging_keeps_the_hospitals_number_of_either() -> None:
    kept, joining = a_family(1), a_family(1, user=UserId("you"))
    import dataclasses

    known = dataclasses.replace(joining.patients[0], in_hospital=InHospital.FOUND, hospital_number="P1")
    family, _ = merged(kept, joining.with_(known))
    assert (family.patients[0].id, family.patients[0].hospital_number) == ("me-1", "P1")


def test_refusals_never_hold_what_was_typed() -> None:
    with pytest.raises(BadIdNumber) as refused:
        read_person(given(SAMPLE[:-1] + "1"), today=TODAY)
    assert SAMPLE[:-1] not in repr(refused.value.facts) + str(refused.value)
