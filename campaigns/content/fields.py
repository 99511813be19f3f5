"""What the fields of content hold for each recipient: a few statements for any number of contacts.

Contacts may be roots or merged ones; each is told about as the person it is shown as.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from contact import address as addresses
from contact.conversation import Conversation, ConversationTag
from contact.directory import Address, Contact
from contact.messages import AddressKind

BATCH: Final = 500
MOST_TAGS: Final = 50
_BY_ADDRESS: Final = {"email": AddressKind.EMAIL, "phone": AddressKind.TEL, "postal_address": AddressKind.POST}
_HANGUL = re.compile(r"[가-힣]+")
_TWO = frozenset(["남궁", "황보", "제갈", "사공", "선우", "서문", "독고", "동방"])
_ONE = frozenset(
    "김이박최정강조윤장임한오서신권황안송류유전홍고문양손배백허남심노하곽성차주우구민진지나엄채원천방공현함"
    "변염여추도소석선설마길연위표명기반왕금옥육인맹제모탁국어은편용예경봉사부"
)


def fields(session: Session, contact_ids: Collection[int], names: Iterable[str]) -> dict[int, dict[str, str]]:
    """By contact: name of the field to its value, "" where nothing is known. Reserved names are left to the pipe."""
    wanted, found = frozenset(names), dict[int, dict[str, str]]()
    numbers = list(dict.fromkeys(contact_ids))
    for start in range(0, len(numbers), BATCH):
        found |= _batch(session, numbers[start : start + BATCH], wanted)
    return found


def _batch(session: Session, numbers: Sequence[int], wanted: frozenset[str]) -> dict[int, dict[str, str]]:
    one = Contact
    found = session.execute(select(one.id, one.root_id).where(one.id.in_(numbers)))
    roots = {row.id: row.root_id for row in found}
    columns = select(one.id, one.name, one.organisation, one.language).where(one.id.in_(set(roots.values())))
    people = {row.id: _person(row.name, row.organisation, row.language or "") for row in session.execute(columns)}
    if wanted & _BY_ADDRESS.keys():
        _add_addresses(session, people)
    if "tags" in wanted:
        _add_tags(session, people)
    return {
        number: {name: people[root].get(name, "") for name in wanted if name in people[root]}
        for number, root in roots.items()
    }


def _person(name: str, organisation: str, language: str) -> dict[str, str]:
    family, given = parts_of(name)
    blank = dict.fromkeys(_BY_ADDRESS, "")
    return blank | {
        "name": name, "name_nim": nim(name), "family_name": family, "given_name": given, "company": organisation,
        "language": language, "tags": "",
    }  # fmt: skip


def _add_addresses(session: Session, people: dict[int, dict[str, str]]) -> None:
    """The first of each kind that something still arrives at, else the first."""
    query = (
        select(Contact.root_id, Address.kind, Address.value)
        .join(Contact, Contact.id == Address.contact_id)
        .where(Contact.root_id.in_(people), Address.kind.in_([kind.value for kind in _BY_ADDRESS.values()]))
        .order_by(Address.unreachable_at.is_not(None), Address.id)
    )
    fields_of = {kind.value: name for name, kind in _BY_ADDRESS.items()}
    for root, kind, value in session.execute(query):
        name = fields_of[kind]
        people[root][name] = people[root][name] or addresses.show(AddressKind(kind), value)


def _add_tags(session: Session, people: dict[int, dict[str, str]]) -> None:
    query = (
        select(Contact.root_id, ConversationTag.tag)
        .join(Conversation, Conversation.contact_id == Contact.id)
        .join(ConversationTag, ConversationTag.conversation_id == Conversation.id)
        .where(Contact.root_id.in_(people))
        .distinct()
        .order_by(ConversationTag.tag)
    )
    tags: dict[int, list[str]] = {}
    for root, tag in session.execute(query):
        tags.setdefault(root, []).append(tag)
    for root, each in tags.items():
        people[root]["tags"] = ", ".join(each[:MOST_TAGS])


def nim(name: str) -> str:
    """How a person is called in Korean: `김민수` is `김민수 님`; who has it already keeps it."""
    name = name.strip()
    return name if not name or name.endswith("님") else f"{name} 님"


def parts_of(name: str) -> tuple[str, str]:
    """(family, given) of a Korean name of two to four syllables; ("", "") where that would be a guess."""
    name = name.strip()
    if not _HANGUL.fullmatch(name):
        return "", ""
    if 3 <= len(name) <= 4 and name[:2] in _TWO:
        return name[:2], name[2:]
    return (name[0], name[1:]) if 2 <= len(name) <= 3 and name[0] in _ONE else ("", "")
