"""The fields there are: what each stands for, and what it looks like in a preview. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from contact.text import N_

FIELDS: Final[Mapping[str, tuple[str, str]]] = {
    "name": (N_("the name as it is kept"), "김민수"),
    "name_nim": (N_("the name with 님"), "김민수 님"),
    "family_name": (N_("the family name, where it is known"), "김"),
    "given_name": (N_("the given name, where it is known"), "민수"),
    "company": (N_("the contact's company"), "한마루상사"),
    "email": (N_("the first e-mail address"), "minsu.kim@example.com"),
    "phone": (N_("the first telephone number"), "010-1234-5678"),
    "postal_address": (N_("the first postal address"), "서울특별시 중구 세종대로 110"),
    "language": (N_("the language: ko, en …"), "ko"),
    "tags": (N_("the tags of the contact's conversations, with commas"), "VIP, 단골"),
}
"""Name: what it stands for (a msgid), and a sample."""
LINKS: Final[Mapping[str, tuple[str, str]]] = {
    "address": (N_("the address this message goes to"), "minsu.kim@example.com"),
    "unsubscribe_url": (N_("the recipient's own link to refuse"), "https://shop.example/u/SAMPLE"),
    "preferences_url": (N_("the recipient's own link to choose what to get"), "https://shop.example/p/SAMPLE"),
    "refusal_number": (N_("the free number to refuse by (080)"), "080-000-0000"),
    "sender": (N_("who we are, as the law wants it"), "한마루"),
}
"""Reserved: filled for each recipient when the message is made, never from the contact."""
URLS: Final = frozenset(["unsubscribe_url", "preferences_url"])
"""Those that may be a whole link by themselves."""
KNOWN: Final = frozenset([*FIELDS, *LINKS])


def samples() -> dict[str, str]:
    """A recipient who does not exist."""
    return {name: sample for name, (_, sample) in {**FIELDS, **LINKS}.items()}
