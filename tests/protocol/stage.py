"""A session on a stage of its own: clock, chance, ids and tokens given, answers from a scripted hub."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from core.actor import ANONYMOUS, Actor, Role
from core.clock import CHINA, ManualClock
from core.ids import ScreenId
from realtime.channels import houzhen_channels
from realtime.effects import Admit, Close, Effects, Join, Leave, Refuse, Send
from realtime.feed import Joined
from realtime.frames import refusal
from realtime.session import Session
from realtime.stream import Position
from realtime.terms import Terms
from realtime.tokens import Grant, Identity, TokenExpired, TokenInvalid
from tests.protocol.table import WARD

NOON = datetime(2026, 11, 23, 12, tzinfo=CHINA)
TOP = Joined(Position(57, "k3Fq"))

PATIENT = Actor(id="u42", role=Role.PATIENT)
NURSE = Actor(id="n1", role=Role.NURSE)
SCREEN = Actor(id="s1", role=Role.SCREEN, screen=ScreenId("hall-3f"))


@dataclass
class BookOfTokens:
    """Tokens by their text."""

    known: dict[str, Identity] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    judges_ends: bool = True
    """Whether a past end makes an expired token (``exp``) or a good one that is over (``expire_at``)."""

    def verify(self, token: str, *, at: datetime) -> Identity:
        identity = self.known.get(token)
        if identity is None:
            raise TokenInvalid
        if self.judges_ends and identity.expires_at is not None and identity.expires_at <= at.timestamp():
            raise TokenExpired
        return identity

    def verify_subscription(self, token: str, *, at: datetime) -> Grant:
        if token.startswith("old "):
            raise TokenExpired
        grant = self.grants.get(token)
        if grant is None:
            raise TokenInvalid
        return grant


def book_of_tokens() -> BookOfTokens:
    """Whom the tests know."""
    return BookOfTokens(
        {
            "patient": Identity(PATIENT),
            "nurse": Identity(NURSE),
            "screen": Identity(SCREEN),
            "hour": Identity(PATIENT, (NOON + timedelta(hours=1)).timestamp()),
            "day": Identity(PATIENT, (NOON + timedelta(days=1)).timestamp()),
            "past": Identity(PATIENT, (NOON - timedelta(hours=1)).timestamp()),
            "other": Identity(Actor(id="u43", role=Role.PATIENT), NOON.timestamp() + 9_000),
        },
        {
            "ward": Grant("u42", WARD),
            "ward 60 s": Grant("u42", WARD, expires_at=NOON.timestamp() + 60, info=b'{"bed":7}'),
            "ward 600 s": Grant("u42", WARD, expires_at=NOON.timestamp() + 600),
            "ward over": Grant("u42", WARD, expires_at=NOON.timestamp() - 1),
            "ward of client-1": Grant("u42", WARD, client="client-1"),
            "ward of another client": Grant("u42", WARD, client="client-0"),
            "ward of another user": Grant("u43", WARD),
            "another ward": Grant("u42", "$ward:B"),
        },
    )


class Stage:
    """Drives one session; what it sends is decoded, what it asks of the hub is answered by ``hub``."""

    def __init__(
        self, *, hub: Mapping[str, Joined | None] | None = None, answer: bool = True, **terms: Any
    ) -> None:
        self.clock = ManualClock(NOON)
        self.tokens = book_of_tokens()
        given: dict[str, Any] = {
            "channels": houzhen_channels(),
            "tokens": self.tokens,
            "clock": self.clock,
            "new_client_id": lambda: "client-1",
            "chance": lambda: 0.5,
            "version": "1",
        }
        self.terms = Terms(**given | terms)
        self.session = Session(self.terms)
        self.hub = dict(hub or {})
        self.answers = answer
        self.sent: list[dict[str, Any]] = []
        self.asked: list[object] = []
        self.admitted = 0
        self.closed: tuple[int, str] | None = None

    def say(self, *commands: object) -> list[dict[str, Any]]:
        """Send commands (objects, or raw text) in one frame; answers what came back."""
        frame = "\n".join(one if isinstance(one, str) else json.dumps(one) for one in commands)
        return self.do(self.session.receive(frame))

    def do(self, effects: Effects) -> list[dict[str, Any]]:
        before = len(self.sent)
        for effect in (todo := list(effects)):
            assert self.closed is None, "nothing follows a close"
            match effect:
                case Send(data):
                    assert b"\n" not in data
                    self.sent.append(json.loads(data))
                case Refuse(number, error):
                    self.sent.append(json.loads(refusal(number, error)))
                case Close(why):
                    self.closed = (why.code, why.reason)
                case Join(channels) if self.answers:
                    todo += self.session.joined({name: self.hub.get(name, TOP) for name in channels})
                case Admit():
                    self.admitted += 1
                case Leave() | _:
                    self.asked.append(effect)
        return self.sent[before:]

    def connect(self, token: str = "", **fields: object) -> dict[str, Any]:
        ask: dict[str, object] = {"token": token, **fields} if token else dict(fields)
        (reply,) = self.say({"id": 1, "connect": ask})
        return reply

    def connect_silently(self, token: str = "") -> None:
        """Connect, and forget what was said; whatever the hub is asked for is then left to the test."""
        answers, self.answers = self.answers, True
        self.connect(token)
        self.answers = answers
        self.sent.clear()

    def after(self, seconds: float) -> list[dict[str, Any]]:
        """Let time pass and tick."""
        self.clock.advance(timedelta(seconds=seconds))
        return self.do(self.session.tick())


def connected(token: str = "", /, terms: Mapping[str, Any] | None = None, **hub: Joined | None) -> Stage:
    """A stage whose session is connected already."""
    stage = Stage(hub=hub, **(terms or {}))
    stage.connect(token)
    stage.sent.clear()
    return stage


__all__ = ["ANONYMOUS", "NOON", "TOP", "Stage", "connected"]
