"""``accounts.lent_credentials.CredentialStore`` inside one process."""

from dataclasses import dataclass, field

from accounts.lent_credentials import Credential
from core.clock import Clock


@dataclass(slots=True)
class MemoryCredentials:
    """What several ``SharedCredential`` of one process share. Ends with the process."""

    clock: Clock
    _kept: dict[str, Credential] = field(default_factory=dict)
    _claims: dict[str, tuple[int, float]] = field(default_factory=dict)
    _taken: int = 0

    async def read(self, name: str) -> Credential | None:
        kept = self._kept.get(name)
        return kept if kept is not None and kept.good(self.clock.now()) else None

    async def claim(self, name: str, *, seconds: float) -> int | None:
        now = self.clock.monotonic()
        held = self._claims.get(name)
        if held is not None and now < held[1]:
            return None
        self._taken += 1
        self._claims[name] = (self._taken, now + seconds)
        return self._taken

    async def keep(self, name: str, credential: Credential, *, claim: int) -> bool:
        if not self._holds(name, claim):
            return False
        self._kept[name] = credential
        return True

    async def release(self, name: str, *, claim: int) -> None:
        if self._holds(name, claim):
            del self._claims[name]

    def _holds(self, name: str, claim: int) -> bool:
        held = self._claims.get(name)
        return held is not None and held[0] == claim
