"""A policy table with a channel for each thing that the product's own table does not use."""

from realtime.broker import Keep
from realtime.channels import Channels, Policy, everyone, nobody, staff

KEEP = Keep(items=20, ttl_seconds=600)
WARD = "$ward:A"
TALK = "talk:1"


def table() -> Channels:
    """``$ward`` wants a subscription's token; on ``talk`` staff publishes and sees who comes and goes;
    ``hint`` keeps nothing and anybody may publish there.
    """
    return Channels(
        (
            Policy("$ward", keep=KEEP, may_subscribe=nobody, by_token=True, may_list_presence=everyone,
                   counts_presence=True),
            Policy("talk", keep=KEEP, may_subscribe=everyone, may_read_history=everyone, may_publish=staff,
                   may_see_presence=everyone, may_list_presence=staff, counts_presence=True,
                   tells_joins=True),
            Policy("hint", keep=None, may_subscribe=everyone, may_publish=everyone),
        )
    )  # fmt: skip
