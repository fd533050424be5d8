"""One entry of the log: who did what, from where, to which thing, and how it ended. Never a person's data.

Ids only: no name, no telephone, no id number, no text that somebody typed.
"""

import enum
from datetime import datetime
from typing import Annotated

import msgspec

from audit.moments import microseconds

Id = Annotated[str, msgspec.Meta(max_length=128)]


class Result(enum.StrEnum):
    """How an act ended."""

    DONE = "done"
    REFUSED = "refused"
    """Nothing was done; ``code`` says why."""
    FAILED = "failed"
    """An unforeseen error; nothing is known to have been done."""
    UNKNOWN = "unknown"
    """The answer did not come in time; it may have been done."""


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One act. ``facts`` are a few ids and codes besides; texts are cut to what a column holds.

    GB/T 22239-2019, 8.1.4.3: date and time, user, type of event, success, and what else belongs to it.
    """

    at_us: int
    """UTC microseconds since 1970: when the act ended."""
    actor: str
    """``core.actor.Actor.id``; empty for nobody known."""
    role: str
    address: str
    """Where from, as far as it can be believed; empty for this machine's own command line."""
    action: str
    """Of ``accounts.policy.POLICY``, or a command such as ``command.token``."""
    object: str
    """To what: the path with the ids in it."""
    result: Result
    code: str = ""
    facts: str = ""
    """A JSON object with sorted keys, or nothing."""


ACTOR_CHARACTERS = 128
ROLE_CHARACTERS = 16
ADDRESS_CHARACTERS = 45
ACTION_CHARACTERS = 64
OBJECT_CHARACTERS = 255
CODE_CHARACTERS = 64
FACTS_CHARACTERS = 1_000


def facts_of(**facts: str | int | bool) -> str:
    """Facts in their one form."""
    return msgspec.json.encode(facts, order="sorted").decode() if facts else ""


def bare(record: Record) -> Record:
    """What is left of a record that storage refuses: when and which action, so that it is not missing."""
    return Record(
        at_us=record.at_us,
        actor="",
        role="",
        address="",
        action=record.action.encode("ascii", "replace").decode()[:ACTION_CHARACTERS],
        object="?",
        result=record.result,
        code="audit.unrecordable",
    )


def a_record(
    *,
    at: datetime,
    actor: str,
    role: str,
    action: str,
    object_: str,
    result: Result = Result.DONE,
    address: str = "",
    code: str = "",
    facts: str = "",
) -> Record:
    """A record that fits its columns: what is longer is cut, facts that are too long are left out."""
    if len(facts) > FACTS_CHARACTERS:
        facts = facts_of(cut=True)
    return Record(
        at_us=microseconds(at),
        actor=actor[:ACTOR_CHARACTERS],
        role=role[:ROLE_CHARACTERS],
        address=address[:ADDRESS_CHARACTERS],
        action=action[:ACTION_CHARACTERS],
        object=object_[:OBJECT_CHARACTERS],
        result=result,
        code=code[:CODE_CHARACTERS],
        facts=facts,
    )
