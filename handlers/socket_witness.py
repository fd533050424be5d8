"""The log's part of sockets: who connected, and who asked for what is not theirs.

A socket is no request: what it receives is published once for everybody. Its record is that of its connect
(person, session, address), of every refusal because of who asks, and of every call (``handlers/live_calls``).
"""

from collections.abc import Callable

from accounts.quota import ALLOWED, Asker, Pace
from audit.log import AuditLog
from audit.record import Result, a_record, facts_of
from core.actor import ANONYMOUS, EMPLOYEES, Actor, Role
from core.clock import Clock
from core.quota import Wish
from core.refusals import Forbidden, Unauthenticated
from handlers.quota import OwnQuotas
from handlers.recording import safe_id

_PERSONS = EMPLOYEES | {Role.PATIENT}
_PLACE = "/connection/websocket"


class SocketWitness:
    """``realtime.witness.Witness`` that writes to the log.

    Of refusals so many as an address is allowed unknown requests; ``passed_over`` is told of the others: a
    flood of refusals must not become a flood of records.
    """

    def __init__(
        self,
        log: AuditLog,
        *,
        clock: Clock,
        quotas: OwnQuotas,
        passed_over: Callable[[], None] = lambda: None,
    ) -> None:
        self._log = log
        self._clock = clock
        self._quotas = quotas
        self._passed_over = passed_over

    def connected(self, actor: Actor, address: str) -> None:
        if actor.role in _PERSONS:
            self._note(actor, address, "socket.connect", _PLACE, Result.DONE, "")

    def refused(self, actor: Actor, address: str, channel: str) -> None:
        if self._counts(actor.id or address):
            namespace, _, rest = channel.partition(":")
            about = f"{safe_id(namespace)}:{safe_id(rest.removeprefix('#'))}"
            self._note(actor, address, "socket.subscribe", about, Result.REFUSED, Forbidden.code)

    def turned_away(self, address: str) -> None:
        if self._counts(address):
            self._note(ANONYMOUS, address, "socket.connect", _PLACE, Result.REFUSED, Unauthenticated.code)

    def _counts(self, name: str) -> bool:
        allowed = ALLOWED[Pace.REFUSAL][Asker.DEVICE]
        if self._quotas.take_now([Wish(f"socket|{name}", allowed)]):
            self._passed_over()
            return False
        return True

    def _note(self, actor: Actor, address: str, action: str, about: str, result: Result, code: str) -> None:
        self._log.note(
            a_record(
                at=self._clock.now(),
                actor=actor.id,
                role=actor.role.value,
                address=address,
                action=action,
                object_=about,
                result=result,
                code=code,
                facts=facts_of(session=actor.session) if actor.session else "",
            )
        )
