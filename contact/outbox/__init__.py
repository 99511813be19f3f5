"""The outbox: what we promised to send. Everything that shall go out passes `put`."""

from contact.outbox.delivery import RANK, Delivery, Exchange, may_follow, retry_at
from contact.outbox.leases import begin_all, bury, give_back, renew
from contact.outbox.put import Words, cancel, outbound, put
from contact.outbox.settle import (
    begin,
    claim,
    due_at,
    expire,
    fail,
    hold_refused,
    message_of,
    recover,
    retry,
    settle,
    settle_by_hand,
    unsure,
)

__all__ = [
    "RANK",
    "Delivery",
    "Exchange",
    "Words",
    "begin",
    "begin_all",
    "bury",
    "cancel",
    "claim",
    "due_at",
    "expire",
    "fail",
    "give_back",
    "hold_refused",
    "may_follow",
    "message_of",
    "outbound",
    "put",
    "recover",
    "renew",
    "retry",
    "retry_at",
    "settle",
    "settle_by_hand",
    "unsure",
]
