"""A policy table with a channel for each thing that the product's own table does not use."""

from realtime.broker import Keep
from realtime.channels import Channels, Policy, nobody

KEEP = Keep(items=20, ttl_seconds=600)
WARD = "$ward:A"


def table() -> Channels:
    """``$ward`` wants a subscription's token."""
    return Channels((Policy("$ward", keep=KEEP, may_subscribe=nobody, by_token=True),))
