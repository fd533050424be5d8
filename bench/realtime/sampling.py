"""Where a Python process spends its CPU time: its stack, looked at at every tick of CPU time.

The look happens when the interpreter next gets the word, so time inside a C call counts for the line that
made it. A tick is what the kernel grants (1 to 4 ms); the cost is below one percent.
"""

import signal
import time
from collections import Counter
from types import FrameType

from bench.realtime.processes import ROOT

INTERVAL_SECONDS = 0.001
SHOWN = 16
MACHINERY = ("asyncio/", "<frozen", "bench/")
"""Files whose functions contain everything and so say nothing."""


class Sampler:
    """Of the main thread. ``start`` it there; ``report`` from any."""

    def __init__(self) -> None:
        self._own: Counter[str] = Counter()
        self._within: Counter[str] = Counter()
        self._looks = 0
        self._since = time.process_time()

    def start(self) -> None:
        signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, INTERVAL_SECONDS, INTERVAL_SECONDS)

    def _look(self, number: int, frame: FrameType | None) -> None:
        if frame is None:
            return
        self._looks += 1
        self._own[f"{_function_of(frame)}:{frame.f_lineno}"] += 1
        seen: set[str] = set()
        outer: FrameType | None = frame
        while outer is not None:
            seen.add(_function_of(outer))
            outer = outer.f_back
        self._within.update(name for name in seen if not name.startswith(MACHINERY))

    def report(self, phase: str) -> str:
        """What was seen since the last report: lines by their own time, functions with all they call."""
        own, within, looks = self._own, self._within, self._looks
        self._own, self._within, self._looks = Counter(), Counter(), 0
        now = time.process_time()
        spent, self._since = now - self._since, now
        lines = [f"-- {phase}: {spent:.2f} s of CPU, {looks} looks"]
        columns = zip(own.most_common(SHOWN), within.most_common(SHOWN), strict=False)
        for (line, alone), (function, whole) in columns:
            lines.append(f"{alone / looks:6.1%}  {line:<70.70}  {whole / looks:6.1%}  {function}")
        return "\n".join(lines)


def _function_of(frame: FrameType) -> str:
    code = frame.f_code
    _, _, library = code.co_filename.partition("/lib/python")
    file = library.partition("/")[2].removeprefix("site-packages/") if library else code.co_filename
    return f"{file.removeprefix(f'{ROOT}/')}:{code.co_qualname}"
