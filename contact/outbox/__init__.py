"""The outbox: what we promised to send. Everything that shall go out passes `put`."""

from contact.outbox import rest
from contact.outbox.by_hand import retry, settle_by_hand
from contact.outbox.delivery import BULK, RANK, REPLY, Delivery, Exchange, may_follow, retry_at
from contact.outbox.due import Hands, Plan, due_at, plan
from contact.outbox.leases import begin, bury, give_back, renew
from contact.outbox.load import outbound
from contact.outbox.many import First, Promised, put_each
from contact.outbox.put import Words, cancel, put
from contact.outbox.rest import Lane, Resting
from contact.outbox.settle import expire, fail, hold, hold_refused, message_of, recover, settle, unsure
from contact.outbox.take import Begun, begin_due, claim

__all__ = [
    "BULK",
    "RANK",
    "REPLY",
    "Begun",
    "Delivery",
    "Exchange",
    "First",
    "Hands",
    "Lane",
    "Plan",
    "Promised",
    "Resting",
    "Words",
    "begin",
    "begin_due",
    "bury",
    "cancel",
    "claim",
    "due_at",
    "expire",
    "fail",
    "give_back",
    "hold",
    "hold_refused",
    "may_follow",
    "message_of",
    "outbound",
    "plan",
    "put",
    "put_each",
    "recover",
    "renew",
    "rest",
    "retry",
    "retry_at",
    "settle",
    "settle_by_hand",
    "unsure",
]
