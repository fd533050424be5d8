"""What consultations need of payment: a port that the payment module fills, and a sandbox until then."""

from typing import Protocol

from core.refusals import NotFound


class NoSandbox(NotFound):
    """Fees are paid through the payment module here."""

    code = "consultation.no_sandbox"


class Fees(Protocol):
    """Where fees come from and go back to."""

    def pay_now(self, consultation: str) -> str:
        """Pay without a payment, for demonstrations: the reference. Refuses with ``NoSandbox``."""

    async def refund(self, consultation: str, reference: str, fee_fen: int) -> bool:
        """Give the fee back; ``True`` when it has gone. Asked again with the same reference until then."""


class SandboxFees:
    """Takes nothing and gives it back at once. For demonstrations and tests only."""

    def pay_now(self, consultation: str) -> str:
        return f"sandbox-{consultation}"

    async def refund(self, consultation: str, reference: str, fee_fen: int) -> bool:
        return reference.startswith("sandbox-")


class NoFees:
    """Where no payment module is connected: nothing is paid, and what was paid waits to be given back."""

    def pay_now(self, consultation: str) -> str:
        raise NoSandbox()

    async def refund(self, consultation: str, reference: str, fee_fen: int) -> bool:
        return False
