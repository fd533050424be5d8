"""Texts at hand on both databases: one's own, the department's, and what is not kept."""

import random as chance

import pytest

from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from clinic.directory import Directory
from core import limits
from core.actor import Actor, Role
from core.clock import ManualClock
from im.consultation_wire import KeepQuickReply, QuickReplies
from im.practice import Practice
from im.refusals import NoSuchDepartment
from im.replying import Replying, TooManyReplies, WordsNotKept
from im.wording import Action, Verdict
from tests.contract.im_examples import LI, MEDICINE
from tests.contract.sql_examples import NOON
from tests.contract.test_consultations import units_of

WANG = Actor(id="doctor.wang", role=Role.DOCTOR)
AGAIN = KeepQuickReply(title="复诊", text="三天后复诊")


class Words:
    """Some texts meet listed words."""

    def judge(self, text: str) -> Verdict:
        listed = (Action.REVIEW, Action.MASK, Action.BLOCK)
        found = next((each for each in listed if each.value in text), None)
        return Verdict(found or Action.PASS, text)


@pytest.fixture
async def units(database: Database) -> SqlUnits:
    made = units_of(database, ManualClock(NOON))
    async with made.begin() as unit:
        await unit.directory.keep(Directory(departments=(MEDICINE,)))
        for who, department in ((LI, "d1"), (WANG, "d2")):
            unit.practices.keep(Practice(user=who.id, name="", title="", department=department))
        await unit.commit()
    return made


@pytest.fixture
def replying(units: SqlUnits) -> Replying:
    return Replying(units=units, clock=ManualClock(NOON), random=chance.Random(1).randbytes, wording=Words())


def texts(found: QuickReplies) -> list[tuple[str, bool]]:
    return [(one.text, one.shared) for one in found.items]


async def test_texts_at_hand_are_ones_own(replying: Replying) -> None:
    [one] = (await replying.keep(LI, AGAIN)).items
    await replying.keep(LI, KeepQuickReply(id=one.id, title="复诊", text="一周后复诊"))
    assert (await replying.mine(WANG)).items == []
    # Nobody changes or drops another's, by whatever id.
    await replying.keep(WANG, KeepQuickReply(id=one.id, title="复诊", text="不用复诊"))
    await replying.drop(WANG, one.id)
    assert texts(await replying.mine(LI)) == [("一周后复诊", False)]
    assert (await replying.drop(LI, one.id)).items == []


async def test_what_a_department_shares_its_doctors_have_behind_their_own(replying: Replying) -> None:
    [first] = (await replying.share("d1", AGAIN)).items
    assert first.shared
    await replying.share("d1", KeepQuickReply(title="检查", text="请先做血常规"))
    await replying.share("d1", KeepQuickReply(id=first.id, title="复诊", text="一周后复诊"))
    await replying.keep(LI, KeepQuickReply(title="好", text="好的"))
    shared = [("一周后复诊", True), ("请先做血常规", True)]
    assert texts(await replying.mine(LI)) == [("好的", False), *shared]
    assert (await replying.mine(WANG)).items == []
    # A doctor drops only what is the doctor's own.
    await replying.drop(LI, first.id)
    assert len((await replying.of_department("d1")).items) == 2
    assert texts(await replying.share_no_more("d1", first.id)) == [shared[1]]
    assert texts(await replying.mine(LI)) == [("好的", False), shared[1]]


async def test_only_a_department_that_the_hospital_has_shares(replying: Replying, units: SqlUnits) -> None:
    with pytest.raises(NoSuchDepartment):
        await replying.share("d9", AGAIN)
    [one] = (await replying.share("d1", AGAIN)).items
    async with units.begin() as unit:
        await unit.directory.keep(Directory())
        await unit.commit()
    assert (await replying.share_no_more("d1", one.id)).items == []


@pytest.mark.parametrize("action", [Action.REVIEW, Action.MASK, Action.BLOCK])
@pytest.mark.parametrize("field", ["title", "text"])
async def test_what_could_not_be_sent_as_it_is_is_not_kept(
    replying: Replying, action: Action, field: str
) -> None:
    body = KeepQuickReply(**{"title": "好", "text": "好的", field: action.value})
    for kept in (replying.keep(LI, body), replying.share("d1", body)):
        with pytest.raises(WordsNotKept):
            await kept
    assert (await replying.mine(LI)).items == []


async def test_there_are_no_more_than_the_bound(replying: Replying, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "QUICK_REPLIES_KEPT", 2)
    for _ in range(2):
        kept = await replying.keep(LI, AGAIN)
        await replying.share("d1", AGAIN)
    for more in (replying.keep(LI, AGAIN), replying.share("d1", AGAIN)):
        with pytest.raises(TooManyReplies):
            await more
    # Changing one is not one more.
    await replying.keep(LI, KeepQuickReply(id=kept.items[0].id, title="好", text="好的"))
    assert len((await replying.mine(LI)).items) == 4
