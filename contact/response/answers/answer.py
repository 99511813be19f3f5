"""Canned answer: prepared words with a short name, in variants for languages and channels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, delete, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact import formatted
from contact.db import Base, Id, Json, Utc
from contact.errors import Conflict, Forbidden, Invalid, NotFound
from contact.legible import text_of_html
from contact.response.answers.fields import check_fields
from contact.text import storable

LONGEST_NAME, LONGEST_TITLE, LONGEST_FOLDER, LONGEST_TEXT = 40, 120, 60, 20_000
MOST_VARIANTS, MOST_TAGS = 20, 10
LANGUAGES = ("", "ko", "en")
"""Of a variant; empty = whatever the contact speaks."""
_NAME = re.compile(r"[\w][\w.-]{0,39}")


class CannedAnswer(Base):
    """`user_id` None = shared. `queue_id` None = for every queue. A removed one keeps its row, for the counts."""

    __tablename__ = "canned_answer"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(LONGEST_NAME))
    title: Mapped[str] = mapped_column(String(LONGEST_TITLE), default="")
    folder: Mapped[str] = mapped_column(String(LONGEST_FOLDER), default="")
    tags: Mapped[list[str]] = mapped_column(Json, default=list)
    user_id: Mapped[int | None] = mapped_column(Id)
    queue_id: Mapped[int | None] = mapped_column(Id)
    created_by: Mapped[int | None] = mapped_column(Id)
    created_at: Mapped[datetime] = mapped_column(Utc)
    changed_at: Mapped[datetime] = mapped_column(Utc)
    removed_at: Mapped[datetime | None] = mapped_column(Utc)

    __table_args__ = (Index("ix_canned_answer_user_id", "user_id", "name"),)


class CannedVariant(Base):
    """The words in one language for one channel; empty = any. `html` is for channels with formatting, "" = none."""

    __tablename__ = "canned_variant"

    answer_id: Mapped[int] = mapped_column(Id, ForeignKey("canned_answer.id"), primary_key=True)
    language: Mapped[str] = mapped_column(String(10), primary_key=True)
    channel: Mapped[str] = mapped_column(String(20), primary_key=True)
    text: Mapped[str] = mapped_column(Text)
    html: Mapped[str] = mapped_column(Text, default="")


@dataclass(frozen=True, slots=True)
class Variant:
    """One form of the words, as people write it."""

    text: str
    language: str = ""
    channel: str = ""
    html: str = ""

    @property
    def rich(self) -> bool:
        return formatted.has_format(self.html)


@dataclass(frozen=True, slots=True)
class Wording:
    """Everything of a canned answer that people choose; raises `Invalid` through `checked`."""

    name: str
    title: str = ""
    folder: str = ""
    tags: tuple[str, ...] = ()
    queue_id: int | None = None
    variants: tuple[Variant, ...] = ()


def checked(wording: Wording, channels: Iterable[str]) -> Wording:
    """As it is kept; raises `Invalid` with one sentence."""
    name = storable(wording.name).strip().removeprefix("/").casefold()
    if not _NAME.fullmatch(name):
        raise Invalid("A short name has 1 to 40 letters, digits, dots or dashes.")
    if not 1 <= len(wording.variants) <= MOST_VARIANTS:
        raise Invalid("A canned answer has 1 to %(n)s variants.", n=MOST_VARIANTS)
    known = {"", *channels}
    variants = [_variant(one, known) for one in wording.variants]
    if len({(one.language, one.channel) for one in variants}) < len(variants):
        raise Invalid("Two variants are for the same language and channel.")
    title = _line(wording.title, LONGEST_TITLE) or name
    tags = tuple(dict.fromkeys(_line(tag, 40).removeprefix("#") for tag in wording.tags if tag.strip()))[:MOST_TAGS]
    return Wording(name, title, _line(wording.folder, LONGEST_FOLDER), tags, wording.queue_id, tuple(variants))


def _line(value: str, longest: int) -> str:
    return " ".join(str(storable(value)).split())[:longest]


def _variant(one: Variant, channels: set[str]) -> Variant:
    if one.language not in LANGUAGES:
        raise Invalid("There is no language named %(name)s.", name=one.language[:20])
    if one.channel not in channels:
        raise Invalid("There is no channel named %(name)s.", name=one.channel[:20])
    html = formatted.formatted(storable(one.html), lambda _name: False) if one.html.strip() else ""
    text = storable(one.text).replace("\r\n", "\n").strip() or (text_of_html(html).strip() if html else "")
    if not text:
        raise Invalid("A canned answer needs a text.")
    if len(text) > LONGEST_TEXT:
        raise Invalid("A canned answer may have up to %(n)s characters.", n=LONGEST_TEXT)
    check_fields(text)
    check_fields(html)
    return Variant(text, one.language, one.channel, html)


def get(session: Session, answer_id: int, user_id: int) -> CannedAnswer:
    """A shared one, or one of this user's; raises `NotFound`."""
    found = session.get(CannedAnswer, answer_id)
    if found is None or found.removed_at is not None or found.user_id not in (None, user_id):
        raise NotFound("This canned answer does not exist.")
    return found


def visible(session: Session, user_id: int) -> Sequence[CannedAnswer]:
    """Shared ones and one's own, by name."""
    mine = or_(CannedAnswer.user_id.is_(None), CannedAnswer.user_id == user_id)
    query = select(CannedAnswer).where(mine, CannedAnswer.removed_at.is_(None))
    return session.scalars(query.order_by(CannedAnswer.name, CannedAnswer.id)).all()


def by_name(session: Session, name: str, user_id: int | None) -> CannedAnswer | None:
    """The one that is called so: among the shared ones (None), or this user's own."""
    whose = CannedAnswer.user_id.is_(None) if user_id is None else CannedAnswer.user_id == user_id
    return session.scalar(
        select(CannedAnswer).where(whose, CannedAnswer.name == name, CannedAnswer.removed_at.is_(None))
    )


def variants(session: Session, answer_ids: Iterable[int]) -> dict[int, list[Variant]]:
    """The variants of many at once."""
    row = CannedVariant
    query = select(row.answer_id, row.text, row.language, row.channel, row.html)
    found: dict[int, list[Variant]] = {}
    wanted = query.where(row.answer_id.in_(list(answer_ids))).order_by(row.language, row.channel)
    for number, *words in session.execute(wanted):
        found.setdefault(number, []).append(Variant(*words))
    return found


def choose(known: Sequence[Variant], language: str, channel: str) -> Variant:
    """The variant that fits best: the channel first (never another channel's), then the language."""
    if not known:
        raise NotFound("This canned answer does not exist.")

    def fit(one: Variant) -> tuple[bool, int, bool]:
        spoken = 2 if one.language == language else 1 if not one.language else 0
        return one.channel in ("", channel), spoken, bool(one.channel) and one.channel == channel

    return max(known, key=fit)  # of equals the first


def add(
    session: Session, now: datetime, wording: Wording, *, user_id: int | None, by: int, may_share: bool
) -> CannedAnswer:
    """A new one from checked words; raises `Conflict` when its name is taken."""
    _may(user_id, by, may_share)
    answer = CannedAnswer(user_id=user_id, created_by=by, created_at=now, changed_at=now, tags=[], name="", folder="")
    _put(session, now, answer, wording)
    return answer


def change(
    session: Session, now: datetime, answer: CannedAnswer, wording: Wording, *, by: int, may_share: bool
) -> None:
    """Other words for it; raises `Conflict` or `Forbidden`."""
    _may(answer.user_id, by, may_share)
    _put(session, now, answer, wording)


def remove(now: datetime, answer: CannedAnswer, *, by: int, may_share: bool) -> None:
    """It is offered no more."""
    _may(answer.user_id, by, may_share)
    answer.removed_at = now


def _may(owner: int | None, by: int, may_share: bool) -> None:
    if not (may_share if owner is None else owner == by):
        raise Forbidden


def _put(session: Session, now: datetime, answer: CannedAnswer, wording: Wording) -> None:
    other = by_name(session, wording.name, answer.user_id)
    if other is not None and other is not answer:
        raise Conflict("There is a canned answer named %(name)s already.", name=wording.name)
    answer.name, answer.title, answer.folder = wording.name, wording.title, wording.folder
    answer.tags, answer.queue_id, answer.changed_at = list(wording.tags), wording.queue_id, now
    session.add(answer)
    session.flush()
    session.execute(delete(CannedVariant).where(CannedVariant.answer_id == answer.id))
    for one in wording.variants:
        row = {"language": one.language, "channel": one.channel, "text": one.text, "html": one.html}
        session.add(CannedVariant(answer_id=answer.id, **row))
    session.flush()
