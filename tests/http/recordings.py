"""Recording for edges of tests."""

from adapters.memory.audit import MemoryAuditStore
from audit.log import AuditLog
from core.clock import Clock
from handlers.client_address import ClientAddresses
from handlers.recording import Recording


def unheard(clock: Clock) -> Recording:
    """For tests that are about something else: records wait, and nobody writes them."""
    return Recording(AuditLog(MemoryAuditStore(), clock=clock), clock=clock, addresses=ClientAddresses())
