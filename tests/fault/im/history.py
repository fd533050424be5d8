"""What was tried and what became of it, one JSON object a line: the evidence that the checker judges.

Each send is ``invoke``d once and ends as ``ok`` (acknowledged, with its seq), ``fail`` (refused for good:
nothing was done) or ``info`` (nobody knows: the test ended before an answer came).
"""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TextIO

Kind = Literal["invoke", "ok", "fail", "info"]


@dataclass(frozen=True, slots=True)
class Op:
    """One line. ``n`` is the order in which the lines came to be; ``at`` seconds, for people who read it."""

    n: int
    at: float
    kind: Kind
    sender: str
    conversation: str
    cid: str
    seq: int | None = None
    why: str = ""


class History:
    """Collects operations, and writes them to a file if there is one."""

    def __init__(self, file: Path | None = None) -> None:
        self.ops: list[Op] = []
        self._out: TextIO | None = None if file is None else file.open("w", encoding="utf-8")

    def note(
        self, kind: Kind, *, sender: str, conversation: str, cid: str, seq: int | None = None, why: str = ""
    ) -> None:
        op = Op(len(self.ops), time.monotonic(), kind, sender, conversation, cid, seq, why)
        self.ops.append(op)
        if self._out is not None:
            self._out.write(json.dumps(asdict(op), ensure_ascii=False) + "\n")

    def close(self) -> None:
        if self._out is not None:
            self._out.close()

    @classmethod
    def read(cls, file: Path) -> "History":
        """A history of before."""
        history = cls()
        history.ops = [Op(**json.loads(line)) for line in file.read_text("utf-8").splitlines()]
        return history
