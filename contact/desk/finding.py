"""Search in the left column: messages of all years, subjects, files, people and addresses."""

from __future__ import annotations

import re
from dataclasses import dataclass

from markupsafe import Markup, escape
from sqlalchemy import select
from sqlalchemy.orm import Session

from contact import conversation as conversations
from contact import search
from contact.conversation import Conversation
from contact.desk import filters
from contact.directory import Person, people
from contact.search import Hit

PAGE = 40
_NUMBER = re.compile(r"#?(\d{1,12})")


@dataclass(frozen=True, slots=True)
class Line:
    """One hit: the row, and the conversation it is read in."""

    hit: Hit
    conversation: Conversation
    who: str
    marked: Markup


@dataclass(frozen=True, slots=True)
class Found:
    """What a search gives: people, a conversation named by its number, and words."""

    text: str
    people: list[Person]
    numbered: Conversation | None
    lines: list[Line]
    more: int
    """The row the next page begins before; 0 at the end."""


def find(session: Session, text: str, before: int | None = None) -> Found:
    """One page; people and numbers stand on the first one only."""
    if not text.strip():
        return Found("", [], None, [], 0)
    hits = search.search(session, text, limit=PAGE, before=before)
    first = before is None
    return Found(
        text=text,
        people=search.search_contacts(session, text, limit=6) if first else [],
        numbered=_numbered(session, text) if first else None,
        lines=_lines(session, hits),
        more=hits[-1].interaction_id if len(hits) == PAGE else 0,
    )


def _numbered(session: Session, text: str) -> Conversation | None:
    found = _NUMBER.fullmatch(text.strip())
    return session.get(Conversation, int(found[1])) if found else None


def _lines(session: Session, hits: list[Hit]) -> list[Line]:
    """With conversations and names beside them, in two statements."""
    ids = {hit.conversation_id for hit in hits if hit.conversation_id}
    found = {one.id: one for one in session.scalars(select(Conversation).where(Conversation.id.in_(ids)))}
    known = people(session, {one.contact_id for one in found.values()})
    lines = []
    for hit in hits:
        one = found.get(hit.conversation_id or 0)
        if one is None:
            continue
        top = conversations.top(session, one) if one.merged_into else one
        person = known[one.contact_id]
        lines.append(Line(hit, top, filters.called(person), _marked(hit)))
    return lines


def _marked(hit: Hit) -> Markup:
    """The snippet with its words marked."""
    out, end = [], 0
    for start, stop in hit.marks:
        out += [escape(hit.snippet[end:start]), Markup("<mark>{}</mark>").format(hit.snippet[start:stop])]
        end = stop
    return Markup("").join([*out, escape(hit.snippet[end:])])
