"""Looking a message up at Twilio, when we do not know whether it got there.

Twilio has no reference of ours in a message, so all there is to go by is what it says and when. Two that
look alike prove nothing; neither does finding none, for the list may be behind.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from twilio.base.exceptions import TwilioException

from channels.sms.outcome import receipt
from contact.messages import InboxFacts, Outbound, Receipt

if TYPE_CHECKING:
    from twilio.rest import Client

TROUBLE: Final = (TwilioException, aiohttp.ClientError, OSError, ValueError)
EARLY, LATE = timedelta(seconds=2), timedelta(minutes=5)
"""When Twilio may say it was made, beside our own clock's begin. Wider might take an earlier one of the same words."""
MOST: Final = 200


async def find(client: Client, message: Outbound, begun: datetime, inbox: InboxFacts) -> Receipt | None:
    """The one message it must be."""
    day = begun - timedelta(days=1)  # `date_sent` is a day, and empty while the message waits
    listed = await client.messages.list_async(to=message.to.value, date_sent_after=day, limit=MOST)
    return only(listed, message, begun, inbox)


def only(listed: Iterable[Any], message: Outbound, begun: datetime, inbox: InboxFacts) -> Receipt | None:
    found = [one for one in listed if _is(one, message, begun, inbox)]
    if len(found) != 1:
        return None
    (made,) = found
    exchange = {"looked_up": {"sid": made.sid, "status": str(made.status), "made": made.date_created.isoformat()}}
    return receipt(made, message.delivery_id, exchange)


def _is(one: Any, message: Outbound, begun: datetime, inbox: InboxFacts) -> bool:
    if one.date_created is None or not begun - EARLY <= one.date_created <= begun + LATE:
        return False
    from_us = bool(inbox.settings.get("messaging_service_sid")) or one.from_ == inbox.address
    same = one.to == message.to.value and one.body == message.text
    media = int(one.num_media or 0) == len(message.files)
    return from_us and same and media and str(one.direction).startswith("outbound")
