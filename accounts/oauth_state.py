"""The state that goes with a browser to WeChat's page and back: ours, recent, this browser's, used once.

Without it somebody could put their own code into a link, and whoever opens it would be signed in to a
stranger's account. Signed, so that nothing is kept before it is used; bound to a nonce that only the browser
has (a cookie), so that no other browser can bring it back.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime

from core import limits
from core.ids import RandomBytes
from core.refusals import Kind, Refusal

_CHANCE_BYTES = 12
_MAC_BYTES = 16
_TIME_BYTES = 6
NONCE_BYTES = 16


class StateRefused(Refusal):
    """This browser did not begin this sign-in; begin again here."""

    code = "accounts.state_refused"
    kind = Kind.FORBIDDEN


class StateExpired(StateRefused):
    """It took too long; begin again."""

    code = "accounts.state_expired"


class StateUsed(StateRefused):
    """It came back once already."""

    code = "accounts.state_used"


@dataclass(frozen=True, slots=True)
class States:
    """Makes and judges states. ``key`` is secret and the same in every process."""

    key: bytes
    random: RandomBytes

    def new_nonce(self) -> str:
        """What a browser keeps."""
        return self.random(NONCE_BYTES).hex()

    def make(self, *, nonce: str, at: datetime) -> str:
        """A state for the browser with this nonce: letters and digits."""
        ends = int(at.timestamp()) + limits.SIGN_IN_STATE_SECONDS
        said = ends.to_bytes(_TIME_BYTES, "big") + self.random(_CHANCE_BYTES)
        return (said + self._mac(said, nonce)).hex()

    def judge(self, state: str, *, nonce: str, at: datetime) -> datetime:
        """Until when the state is good. Raises ``StateRefused`` or ``StateExpired``."""
        try:
            came = bytes.fromhex(state)
        except ValueError:
            raise StateRefused() from None
        said, mac = came[:-_MAC_BYTES], came[-_MAC_BYTES:]
        good = hmac.compare_digest(self._mac(said, nonce), mac)
        # One form only: the same state in capitals would be another one to whoever remembers what was used.
        if not good or not nonce or came.hex() != state or len(said) != _TIME_BYTES + _CHANCE_BYTES:
            raise StateRefused()
        ends = datetime.fromtimestamp(int.from_bytes(said[:_TIME_BYTES], "big"), at.tzinfo)
        if at >= ends:
            raise StateExpired()
        return ends

    def _mac(self, said: bytes, nonce: str) -> bytes:
        bound = said + hashlib.sha256(nonce.encode("utf-8", "surrogatepass")).digest()
        return hmac.digest(self.key, bound, "sha256")[:_MAC_BYTES]
