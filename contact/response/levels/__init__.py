"""Service levels: what is promised to customers, the clocks that run, and what became of them."""

from contact.response.levels.clock import ServiceClock, ServiceResult, recount
from contact.response.levels.course import Target
from contact.response.levels.policy import Policies, Policy
from contact.response.levels.reader import position, reader
from contact.response.levels.retold import differences, refold, told

__all__ = [
    "Policies",
    "Policy",
    "ServiceClock",
    "ServiceResult",
    "Target",
    "differences",
    "position",
    "reader",
    "recount",
    "refold",
    "told",
]
