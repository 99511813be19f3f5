"""What a side page says after something was done: the word in the address becomes a sentence."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from flask import make_response, redirect, request, url_for
from flask_babel import lazy_gettext

NOTICES: Final[Mapping[str, object]] = {
    "saved": lazy_gettext("Saved."),
    "reported": lazy_gettext("Thank you. Somebody here will look at it."),
    "mail_gone": lazy_gettext("The caught mail is deleted."),
    "all_gone": lazy_gettext("All caught mails are deleted."),
    "raw_again": lazy_gettext("It is read again; if that fails it comes back here in a moment."),
    "all_raw_again": lazy_gettext("They are read again; what fails comes back here in a moment."),
    "sent_again": lazy_gettext("The message goes out again."),
    "all_sent_again": lazy_gettext("The messages go out again."),
    "arrived": lazy_gettext("Noted: the message arrived."),
    "lost": lazy_gettext("Noted: the message did not arrive."),
    "taken_back": lazy_gettext("The message is taken back; it never leaves."),
    "lifted": lazy_gettext("Messages are sent there again."),
    "decided": lazy_gettext("Noted for all of them."),
    "job_again": lazy_gettext("It runs again within a few seconds."),
    "restarted": lazy_gettext("It runs again from where it stopped."),
    "played": lazy_gettext("It is on its way in and stands under All in a moment."),
    "resumed": lazy_gettext("The inbox sends again."),
    "paused": lazy_gettext("The inbox is paused. It still takes in; nothing leaves until it is resumed."),
    "inbox_made": lazy_gettext("The inbox is there."),
    "test_sent": lazy_gettext("The test is on its way; its state stands below."),
    "recalled": lazy_gettext(
        "The provider was asked to stop it. What came of it is shown here as soon as it is known."
    ),
    "emptied": lazy_gettext("The messages are emptied."),
    "contact_made": lazy_gettext("The contact is there."),
    "batch_taken": lazy_gettext("The letters are yours to print and post."),
    "some_failed": lazy_gettext("The letters are yours. Some could not be printed; they stand under Failed work."),
    "batch_posted": lazy_gettext("Noted: the letters are posted."),
    "batch_put_back": lazy_gettext("The letters wait again."),
    "pile_some_failed": lazy_gettext("The letters are yours. Some could not be made and have failed, with the reason."),
    "pile_none": lazy_gettext("None of those could be written to. Take again if more wait."),
    "return_noted": lazy_gettext("Noted. No more letters go to this address until it is corrected."),
    "columns_anew": lazy_gettext("Nothing was taken in yet: the columns were read anew. Look at them first."),
    "wish_noted": lazy_gettext("Noted. It counts from this moment."),
    "trade_noted": lazy_gettext("Noted. For goods of this kind it counts for six months, unless they refuse."),
    "wish_known": lazy_gettext("That was known already; nothing changed."),
    "address_corrected": lazy_gettext("The address is corrected; letters can go out again."),
}


def notice() -> str:
    """The sentence for the word in this address; nothing for a word we do not know."""
    return str(NOTICES.get(request.args.get("notice", ""), ""))


def back(endpoint: str, word: str = "", **values: Any) -> Any:
    """To a page after a change, so that loading it again changes nothing (303)."""
    return redirect(url_for(endpoint, notice=word or None, **values), 303)


def number(name: str) -> int | None:
    """A positive whole number of the address, None when it is missing or something else."""
    value = request.args.get(name, "")
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 19 else None


def same_or(html: str) -> Any:
    """A piece of a page that is asked for again and again: 304 while it is the same."""
    response = make_response(html)
    response.set_etag(hashlib.sha256(html.encode()).hexdigest()[:32])
    return response.make_conditional(request)
