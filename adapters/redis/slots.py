"""Which node of a cluster has which slot, and how a name finds its slot. Pure."""

from binascii import crc_hqx
from collections.abc import Sequence
from itertools import count

from adapters.redis.places import Host

SLOTS = 16_384


def slot_of(name: str) -> int:
    """The slot of a name: of what stands in its first ``{…}``, or of all of it."""
    opened = name.find("{")
    if opened >= 0:
        closed = name.find("}", opened + 1)
        if closed > opened + 1:
            name = name[opened + 1 : closed]
    return crc_hqx(name.encode(), 0) % SLOTS


def name_in(owned: Sequence[bool], stem: str) -> str | None:
    """A name that begins with ``stem`` and has one of the owned slots; None when there is no such slot."""
    if not any(owned):
        return None
    # The checksum goes on from the stem's: a node with few slots takes tens of thousands of tries.
    begun = crc_hqx(f"{stem}:".encode(), 0)
    number = next(number for number in count() if owned[crc_hqx(b"%d" % number, begun) % SLOTS])
    return f"{stem}:{number}"


def redirect(refusal: str, *, asked: Host) -> tuple[int, Host]:
    """Slot and node of a ``MOVED`` or ``ASK`` refusal."""
    _, slot, at = refusal.split(" ")[:3]
    host, _, port = at.rpartition(":")
    return int(slot), (host.strip("[]") or asked[0], int(port))
