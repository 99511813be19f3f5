"""The sandbox: a provider without an account. What would leave is shown, nobody gets it; a customer can be played."""

from __future__ import annotations

import secrets
from email.message import EmailMessage
from urllib.parse import urlencode

from channels.sms import segments
from channels.sms.preview import count
from channels.sms.signature import FORM
from contact.channel import ChannelError
from contact.messages import Catch, DeliveryState, Envelope, Fault, InboxFacts, Outbound, Played, Receipt, Who


def receipt(message: Outbound, inbox: InboxFacts) -> Receipt:
    """Taken, with what the viewer shows. It goes no further: nobody is there to confirm an arrival."""
    counted = count(message, inbox)
    facts = {"encoding": counted.alphabet.value, "units": counted.units, "segments": counted.parts}
    return Receipt(
        DeliveryState.WIRED,
        delivery_id=message.delivery_id,
        provider_ref=f"sandbox-{message.delivery_id}",
        key=f"sandbox-{message.delivery_id}",
        exchange={"request": {"To": message.to.value, "From": inbox.address, **facts}, "answer": {"status": "sandbox"}},
        caught=Catch(
            inbox.address,
            (message.to.value,),
            segments.first_line(message.text),
            message.message_id,
            written(message, inbox),
            channel="sms",
        ),
    )


def written(message: Outbound, inbox: InboxFacts) -> bytes:
    """Words and pictures in one text the viewer can open (RFC 5322)."""
    paper = EmailMessage()
    paper["From"], paper["To"] = f"{inbox.address}@sms.invalid", f"{message.to.value}@sms.invalid"
    paper["Message-ID"] = f"<{message.message_id}>"
    paper.set_content(message.text, cte="base64")
    for file in message.files:
        main, _, sub = file.content_type.partition("/")
        paper.add_attachment(file.content, main or "application", sub or "octet-stream", filename=file.name)
    return paper.as_bytes()


def played(said: Played, inbox: InboxFacts) -> tuple[bytes, Envelope]:
    """A text message as the provider's webhook would bring it."""
    if said.files:
        words = "The sandbox plays text messages without pictures."
        raise ChannelError(words, fault=Fault.CONTENT_REJECTED, who=Who.US)
    sid = f"SM{secrets.token_hex(16)}"
    fields = {"MessageSid": sid, "From": said.sender.value, "To": inbox.address, "Body": said.text, "NumMedia": "0"}
    headers = {"content-type": FORM, "what": "", "url": ""}
    return urlencode(fields).encode(), Envelope("sms", inbox.id, inbox.address, "sandbox", headers=headers)
