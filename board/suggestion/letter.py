"""Anonymous suggestions: how one comes in without anything that says who wrote it.

What is written lies here under a random name, with no time but the night it is taken over in; by night all that
gathered become suggestions at once, shuffled, dated to the day. Whoever writes shows a ticket that all of a day have
in common, which proves that it came off a partner's page and nothing else; neither session nor address is looked at,
no log row, line or figure is written (`door.py`). A code, shown once and kept as a hash, is the only way back.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from sqlalchemy import String, Text, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from board.partner import word
from board.partner.word import Of
from board.suggestion import change, entering, suggestion
from board.suggestion.change import What
from board.suggestion.entering import Asked
from board.suggestion.suggestion import Source, Suggestion, SuggestionComment, Visibility
from contact import log
from contact.db import Base, Id
from contact.errors import Forbidden, Invalid, NotFound
from contact.log import Name
from contact.vault import derive

ALPHABET: Final = "23456789abcdefghjkmnpqrstuvwxyz"
"""No character that is taken for another one."""
LENGTH: Final = 25
"""Characters of a code: more than 120 bits."""
MOST: Final = 500
"""Letters that wait for the night, at most."""


class WrongTicket(Forbidden):
    """This page is from another day. Open the form again."""

    code = "wrong_ticket"


class SuggestionLetter(Base):
    """One that waits for the night. `name` is random, and the table is kept in its order, not in the one in which
    letters came. `answers`: it is a word about the suggestion with this hash, not a new one."""

    __tablename__ = "suggestion_letter"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    code_hash: Mapped[str] = mapped_column(String(64))
    answers: Mapped[bool] = mapped_column(default=False)
    title: Mapped[str] = mapped_column(String(200), default="")
    text: Mapped[str] = mapped_column(Text)
    category_id: Mapped[int | None] = mapped_column(Id)
    visibility: Mapped[str] = mapped_column(String(10), default="")

    __table_args__ = ({"sqlite_with_rowid": False},)


def ticket(secret: bytes, day: date) -> str:
    """The same for everybody on that day."""
    return hmac.new(derive(secret, "suggestion letters"), day.isoformat().encode(), hashlib.sha256).hexdigest()


def check(secret: bytes, given: str, now: datetime) -> None:
    """Raises `WrongTicket` unless it is today's or yesterday's."""
    days = (now.date(), now.date() - timedelta(days=1))
    if not any(hmac.compare_digest(given.encode(), ticket(secret, day).encode()) for day in days):
        raise WrongTicket


def drop(session: Session, asked: Asked) -> str:
    """Put a letter into the box; returns the code, which is kept nowhere. Raises `Invalid`."""
    title, said = suggestion.title_of(asked.title), suggestion.text_of(asked.text)
    if asked.category_id is not None:
        word.checked(session, Of.SUGGESTION, [asked.category_id])
    code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    _put(
        session, code_hash=hash_of(code), title=title, text=said, category_id=asked.category_id,
        visibility=asked.visibility.value,
    )  # fmt: skip
    return "-".join(re.findall(".{1,5}", code))


def add(session: Session, code: str, said: str) -> None:
    """One more word of the author, which joins the suggestion by night. Raises `NotFound` or `Invalid`."""
    said = suggestion.text_of(said, needed=True)
    if find(session, code) is None and not waits(session, code):
        raise NotFound("There is no suggestion with this code.")
    _put(session, code_hash=hash_of(code), answers=True, text=said)


def find(session: Session, code: str) -> Suggestion | None:
    """The suggestion an author asks for by its code."""
    return session.scalar(select(Suggestion).where(Suggestion.code_hash == hash_of(code)))


def waits(session: Session, code: str) -> bool:
    """Whether it lies in the box until the night."""
    mine = select(SuggestionLetter.name).where(
        SuggestionLetter.code_hash == hash_of(code), SuggestionLetter.answers.is_(False)
    )
    return session.scalar(mine.limit(1)) is not None


def hash_of(code: str) -> str:
    """Of a code however it was typed. It is random and long, so that a plain hash is enough."""
    plain = re.sub(r"[^0-9a-z]", "", code.lower()[:200])
    return hashlib.sha256(plain.encode()).hexdigest()


def take_over(session: Session, now: datetime) -> int:
    """Make suggestions of all letters at once, in no order; returns how many. Runs by night."""
    log.lock(session)
    letters = list(session.scalars(select(SuggestionLetter)))
    secrets.SystemRandom().shuffle(letters)
    day = datetime.combine(now.date(), time(), UTC)
    for letter in (one for one in letters if not one.answers):
        _suggest(session, now, day, letter)
    for letter in (one for one in letters if one.answers):
        about = session.scalar(select(Suggestion.id).where(Suggestion.code_hash == letter.code_hash))
        if about is not None:
            session.add(SuggestionComment(suggestion_id=about, text=letter.text, anonymous=True, at=day))
    session.flush()
    session.execute(delete(SuggestionLetter))
    return len(letters)


def _suggest(session: Session, now: datetime, day: datetime, letter: SuggestionLetter) -> None:
    one = Suggestion(
        title=letter.title, text=letter.text, words=suggestion.words_of(letter.title, letter.text),
        category_id=letter.category_id, visibility=Visibility(letter.visibility).value, source=Source.ANONYMOUS.value,
        code_hash=letter.code_hash, created_at=day,
    )  # fmt: skip
    entering.keep(session, one)
    change.note(session, day, one.id, What.MADE, None, after=Source.ANONYMOUS.value)
    data = {"suggestion": one.id, "number": one.number}
    log.append(session, now, Name.SUGGESTION_MADE, data=data)


def _put(session: Session, **values: object) -> None:
    if len(session.scalars(select(SuggestionLetter.name).limit(MOST)).all()) >= MOST:
        raise Invalid("The box is full until the night. Please come back tomorrow.")
    session.add(SuggestionLetter(name=secrets.token_hex(16), **values))
    session.flush()
