"""What the fields of content hold for each recipient: a few statements for any number of contacts.

Contacts may be roots or merged ones; each is told about as the person it is shown as.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from campaigns.content.names import FIELDS
from contact import address as addresses
from contact.conversation import Conversation, ConversationTag
from contact.directory import Address, Contact
from contact.directory import fields as own_fields
from contact.directory.values import values
from contact.messages import AddressKind
from contact.prepared import Among

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
    numbers, more = list(dict.fromkeys(contact_ids)), wanted - FIELDS.keys()
    own = {field.id: name for name, field in own_fields.by_name(session, more).items()} if more else {}
    for start in range(0, len(numbers), BATCH):
        found |= _batch(session, numbers[start : start + BATCH], wanted, own)
    return found


_ROOT = aliased(Contact)
_SHOWN = (Contact.id, _ROOT.id, _ROOT.name, _ROOT.organisation, _ROOT.language)
_PEOPLE = Among(select(*_SHOWN).join(_ROOT, _ROOT.id == Contact.root_id), Contact.id, _SHOWN)
"""Asked for each window of a campaign."""


def _batch(
    session: Session, numbers: Sequence[int], wanted: frozenset[str], own: Mapping[int, str]
) -> dict[int, dict[str, str]]:
    session.flush()
    roots: dict[int, int] = {}
    people: dict[int, dict[str, str]] = {}
    for number, root, name, organisation, language in _PEOPLE.rows(session, numbers):
        roots[number] = root
        if root not in people:
            people[root] = _person(name, organisation, language or "")
    if wanted & _BY_ADDRESS.keys():
        _add_addresses(session, people)
    if "tags" in wanted:
        _add_tags(session, people)
    if own:
        _add_own(session, people, own)
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


def _add_own(session: Session, people: dict[int, dict[str, str]], own: Mapping[int, str]) -> None:
    """The house's own fields, by the number of each."""
    blank, known = dict.fromkeys(own.values(), ""), values(session, people, own)
    for root, person in people.items():
        person |= blank | {own[field]: value for field, value in known.get(root, {}).items()}


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
