"""The application's methods, called by clients: so many at once, each for so long."""

import asyncio

from core import limits
from core.refusals import Refusal
from realtime.codes import Error, Errors, application_error
from realtime.effects import Call
from realtime.metrics import RealtimeMetrics
from realtime.terms import Asking


class Calls:
    """Runs them. One per process, as what they wait for (connections to a database) is the process's."""

    def __init__(
        self,
        metrics: RealtimeMetrics,
        *,
        at_once: int = limits.REALTIME_RPCS_AT_ONCE,
        seconds: float = limits.REALTIME_RPC_SECONDS,
    ) -> None:
        self._metrics = metrics
        self._places = asyncio.Semaphore(at_once)
        self._seconds = seconds

    async def run(self, call: Call, *, address: str = "") -> bytes | Error:
        """The answer, or why there is none.

        111 when its turn did not come in time: nothing was done. 100 when it took too long: that may have
        been done. What is no fault of the caller is raised.
        """
        begun = False
        try:
            async with asyncio.timeout(self._seconds), self._places:
                begun = True
                with self._metrics.rpc_seconds.labels(call.name).time():
                    answer = await call.method(Asking(call.actor, address), call.data)
        except Refusal as refusal:
            return application_error(refusal)
        except TimeoutError:
            return Errors.INTERNAL if begun else Errors.TOO_MANY_REQUESTS
        if len(answer) > limits.REALTIME_RPC_REPLY_BYTES:
            raise ValueError(f"the answer of {call.name} has {len(answer)} bytes")
        return answer
