"""The Autobahn cases by PyPI ``kosoku``, in a process of their own: it changes the interpreter it runs in.

``python -m tests.clients.autobahn ws://… '1.*,2.*' 8`` prints the results as JSON.
"""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

SOUND: Final = ("OK", "NON-STRICT", "INFORMATIONAL")
"""What passes, best first. NON-STRICT diverges from a SHOULD, INFORMATIONAL is left open by the RFC."""


@dataclass(frozen=True)
class Case:
    """How one case went."""

    id: str
    exchange: str
    closing: str
    close_code: int | None
    milliseconds: int
    words: str

    @property
    def plain(self) -> bool:
        """Whether both were exactly as they should be."""
        return self.exchange == self.closing == "OK"

    @property
    def sound(self) -> bool:
        """Whether both the messages and the close were as they must be."""
        return self.exchange in SOUND and self.closing in SOUND

    def worse_than(self, other: "Case") -> bool:
        """Whether the other server does better here."""
        return (rank(self.exchange), rank(self.closing)) > (rank(other.exchange), rank(other.closing))


def rank(verdict: str) -> int:
    """0 is best."""
    return SOUND.index(verdict) if verdict in SOUND else len(SOUND)


async def run(url: str, cases: Sequence[str], *, at_once: int) -> list[Case]:
    """Run the cases against a server of this process and read the results."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.clients.autobahn", url, ",".join(cases), str(at_once),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, trouble = await process.communicate()
    assert process.returncode == 0, f"ended with {process.returncode}: {trouble.decode()[-4_000:]}"
    return [Case(**case) for case in json.loads(out)]


def table(cases: Sequence[Case], other: Sequence[Case] = ()) -> str:
    """One line a section, and every case that is not plainly OK, beside the other server's verdict."""
    beside = {case.id: case for case in other}
    lines = []
    for section in dict.fromkeys(case.id.split(".")[0] for case in cases):
        own = [case for case in cases if case.id.split(".")[0] == section]
        fine = sum(case.plain for case in own)
        lines.append(f"  section {section:>2}: {fine} of {len(own)} OK")
    for case in (case for case in cases if not case.plain):
        stock = beside.get(case.id)
        told = f"; stock Tornado: {stock.exchange}, {stock.closing}" if stock else ""
        lines.append(f"  {case.id}: {case.exchange}, closing {case.closing}{told} ({case.words})")
    return "\n".join(lines)


async def _print(url: str, cases: Sequence[str], at_once: int) -> None:
    from kosoku import FailureError, run_fuzzingclient

    try:
        results = await run_fuzzingclient(url, cases, concurrency=at_once)
    except FailureError as failure:
        results = failure.results
    found = [
        Case(
            one.case_id,
            one.behavior.value,
            one.behavior_close.value,
            one.remote_close_code,
            one.duration,
            one.result if one.behavior.value != "OK" else one.result_close,
        )
        for one in results
    ]
    print(json.dumps([asdict(case) for case in found]))


if __name__ == "__main__":
    asyncio.run(_print(sys.argv[1], sys.argv[2].split(","), int(sys.argv[3])))
    # All is said. On a busy machine kosoku's threads may still be at work when the interpreter is taken down,
    # which ends the process by a signal and without a word.
    sys.stdout.flush()
    os._exit(0)
