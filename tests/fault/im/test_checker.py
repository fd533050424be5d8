"""The judge is judged: of each kind of harm, done to a good history, it finds exactly that."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fault.im.checker import Seen, Stored, Trouble, judge
from tests.fault.im.history import History


class Talk:
    """Two people in one conversation, three messages each; all is well."""

    def __init__(self) -> None:
        self.history = History()
        self.stored: dict[str, list[Stored]] = {"c1": []}
        for turn in range(6):
            sender, cid = ("anna", "bert")[turn % 2], f"m{turn}"
            self.invoke(sender, cid)
            self.stored["c1"].append((turn + 1, sender, cid))
            self.ok(sender, cid, turn + 1)
        self.seen = [Seen(name, {"c1": list(self.stored["c1"])}) for name in ("anna's", "bert's")]

    def invoke(self, sender: str, cid: str) -> None:
        self.history.note("invoke", sender=sender, conversation="c1", cid=cid)

    def ok(self, sender: str, cid: str, seq: int) -> None:
        self.history.note("ok", sender=sender, conversation="c1", cid=cid, seq=seq)

    def troubles(self, *, may_be_told_twice: bool = True) -> list[Trouble]:
        found, _ = judge(self.history.ops, self.stored, self.seen, may_be_told_twice=may_be_told_twice)
        return found


def lose(talk: Talk) -> None:
    talk.stored["c1"].pop()
    talk.seen = []


def renumber(talk: Talk) -> None:
    talk.stored["c1"][5] = (7, "bert", "m5")
    talk.seen = []


def double(talk: Talk) -> None:
    talk.stored["c1"].append((7, "anna", "m0"))
    talk.seen = []


def acknowledge_twice(talk: Talk) -> None:
    talk.ok("anna", "m0", 3)


def refuse_what_is_there(talk: Talk) -> None:
    talk.history.note("fail", sender="anna", conversation="c1", cid="m0", why="1409")


def invent(talk: Talk) -> None:
    talk.stored["c1"].append((7, "carl", "x"))
    talk.seen = []


def swap(talk: Talk) -> None:
    talk.invoke("anna", "late")
    talk.stored["c1"].insert(0, (1, "anna", "late"))
    talk.stored["c1"] = [(at, sender, cid) for at, (_, sender, cid) in enumerate(talk.stored["c1"], 1)]
    talk.ok("anna", "late", 1)
    talk.seen = []


def forget_on_a_device(talk: Talk) -> None:
    talk.seen[0] = Seen("anna's", {"c1": talk.stored["c1"][:3] + talk.stored["c1"][4:]})


@pytest.mark.parametrize(
    ("harm", "found"),
    [
        (lambda talk: None, set()),
        (lose, {"lost"}),
        (renumber, {"lost", "gap"}),
        (double, {"doubled", "lost"}),
        (acknowledge_twice, {"doubled", "lost"}),
        (refuse_what_is_there, {"undone"}),
        (invent, {"invented"}),
        (swap, {"lost", "disorder"}),
        (forget_on_a_device, {"unequal"}),
    ],
)
def test_each_harm_is_found_and_named(harm: Callable[[Talk], None], found: set[str]) -> None:
    talk = Talk()
    harm(talk)
    assert {trouble.what for trouble in talk.troubles()} == found


def test_an_unknown_send_may_be_there_or_not() -> None:
    talk = Talk()
    for cid in ("there", "away"):
        talk.invoke("anna", cid)
        talk.history.note("info", sender="anna", conversation="c1", cid=cid)
    talk.stored["c1"].append((7, "anna", "there"))
    talk.seen = []
    found, counts = judge(talk.history.ops, talk.stored)
    assert found == []
    assert str(counts) == "6 acknowledged, 0 refused, 2 unknown; 7 stored, 0 devices"


def test_being_told_twice_counts_where_it_may_not_happen() -> None:
    talk = Talk()
    talk.seen.append(Seen("carl's", {"c1": talk.stored["c1"]}, told_twice=2))
    assert talk.troubles() == []
    assert [str(trouble) for trouble in talk.troubles(may_be_told_twice=False)] == ["told_twice:  carl's: 2"]


def test_what_the_platform_says_was_sent_by_nobody() -> None:
    talk = Talk()
    talk.stored["c1"] += [(7, "system", "e1"), (8, "system", "e2")]
    talk.seen = []
    assert talk.troubles() == []


def test_a_history_is_read_again_as_it_was_written(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")
    history.note("invoke", sender="anna", conversation="c1", cid="m1")
    history.note("ok", sender="anna", conversation="c1", cid="m1", seq=1)
    history.close()
    assert History.read(tmp_path / "history.jsonl").ops == history.ops
