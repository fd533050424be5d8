"""How often anybody may ask: one table, by what is asked and who asks.

An address is shared (a hospital's Wi-Fi, a provider's gateway), so it may a lot; a device is one page or app
in one hand. What is only read, or refused to nobody known, is counted by each process for itself; what is
changed and every try to sign in by all of them together (``core.quota.Quotas``). Wide enough that nobody who
works or waits here meets it.
"""

import enum
from types import MappingProxyType

from accounts.policy import Rule
from core import limits
from core.quota import Allowance
from core.refusals import Kind, Refusal


class TooManyRequests(Refusal):
    """Asked too often; ``again_after_seconds`` says when to ask again."""

    code = "core.too_many_requests"
    kind = Kind.TOO_MANY

    def __init__(self, *, again_after_seconds: int) -> None:
        super().__init__(again_after_seconds=again_after_seconds)


class Pace(enum.Enum):
    """What sort of asking it is."""

    READ = "read"
    CHANGE = "change"
    SIGN_IN = "sign_in"
    """Anything by which somebody unknown shows who they are."""
    REFUSAL = "refusal"
    """What is refused because nobody known asks. Each leaves a record, so a flood would fill the log."""


class Asker(enum.Enum):
    """Who is counted. The value begins the name that it is counted under."""

    ADDRESS = "address"
    ACCOUNT = "account"
    DEVICE = "device"


def pace_of(rule: Rule, method: str) -> Pace:
    """The pace of an endpoint. Open to anybody and yet recorded: that is signing in."""
    if method == "GET":
        return Pace.READ
    return Pace.SIGN_IN if rule.roles is None and rule.touches.recorded else Pace.CHANGE


ALLOWED = MappingProxyType(
    {
        Pace.READ: MappingProxyType(
            {
                Asker.ADDRESS: Allowance(*limits.QUOTA_READS_OF_AN_ADDRESS),
                Asker.ACCOUNT: Allowance(*limits.QUOTA_READS_OF_AN_ACCOUNT),
                Asker.DEVICE: Allowance(*limits.QUOTA_READS_OF_A_DEVICE),
            }
        ),
        Pace.CHANGE: MappingProxyType(
            {
                Asker.ADDRESS: Allowance(*limits.QUOTA_CHANGES_OF_AN_ADDRESS),
                Asker.ACCOUNT: Allowance(*limits.QUOTA_CHANGES_OF_AN_ACCOUNT),
                Asker.DEVICE: Allowance(*limits.QUOTA_CHANGES_OF_A_DEVICE),
            }
        ),
        Pace.SIGN_IN: MappingProxyType(
            {
                Asker.ADDRESS: Allowance(*limits.QUOTA_SIGN_INS_OF_AN_ADDRESS),
                Asker.DEVICE: Allowance(*limits.QUOTA_SIGN_INS_OF_A_DEVICE),
            }
        ),
        Pace.REFUSAL: MappingProxyType(
            {
                Asker.ADDRESS: Allowance(*limits.QUOTA_REFUSALS_OF_AN_ADDRESS),
                Asker.DEVICE: Allowance(*limits.QUOTA_REFUSALS_OF_A_DEVICE),
            }
        ),
    }
)
