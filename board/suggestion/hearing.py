"""Mail that becomes suggestions: a reader of the log that follows the inbox the house has named for them.

The first message of a conversation there is a suggestion, what its author writes after it a word about it. The address
a mail bears is no proof, so one that came by mail is seen by its author and by us alone until somebody here opens
it. It also hears of erased people, whose words the index of similar ones must not keep.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from board import scope
from board.scope import Viewer
from board.suggestion import doing, entering, setting, suggestion
from board.suggestion.entering import Asked
from board.suggestion.similar import SuggestionGram
from board.suggestion.suggestion import TEXT, TITLE, Source, Suggestion, SuggestionComment, Visibility
from contact import floods, log
from contact.directory import Contact
from contact.following import Reader
from contact.log import Appended, Interaction, Name

NAME = "suggestions"


def read(session: Session, row: Appended) -> None:
    """One row of the log."""
    if row.name == Name.CONTACT_ERASED:
        _forget(session, row)
    elif row.conversation_id and row.inbox_id and row.inbox_id == setting.get(session).inbox_id and not _is_noise(row):
        _hear(session, row)


reader = Reader(NAME, read, frozenset({Name.MESSAGE_RECEIVED.value, Name.CONTACT_ERASED.value}))


def answer(session: Session, now: datetime, viewer: Viewer, number: int, said: str, interaction_id: int) -> bool:
    """Somebody answered a mail about one: a word about it, if they may see it and write (`answered.on`)."""
    one = scope.one(session, viewer, Suggestion, number)
    viewer.must_act()
    doing.remark(session, now, one, said, viewer.user_id, viewer.contact_id or None, interaction_id)
    return True


def _is_noise(row: Appended) -> bool:
    """Newsletters, floods, and what came by the form: that one is a suggestion already."""
    form = ((row.content or {}).get("facts") or {}).get("form") == entering.FORM
    return bool(form or row.data.get(log.BULK) or row.data.get(floods.MARK))


def _hear(session: Session, row: Appended) -> None:
    log.lock(session)
    if entering.of_message(session, row.id) is not None:
        return
    began = entering.of_conversation(session, row.conversation_id or 0)
    if began:
        _follow(session, row, began[0])
    elif _is_first(session, row):
        _begin(session, row)


def _begin(session: Session, row: Appended) -> None:
    content, said = row.content or {}, (row.body or "").strip()
    title = str(content.get("subject") or "").strip() or said.partition("\n")[0].strip()
    if not title:
        return  # an empty mail stays an ordinary conversation
    author = entering.author_of(session, row.contact_id or 0, str(content.get("from") or ""))
    asked = Asked(" ".join(title.split())[:TITLE], said[:TEXT], visibility=Visibility.PRIVATE)
    entering.make(
        session, row.at, asked, Source.MAIL, author, None,
        interaction_id=row.id, conversation_id=row.conversation_id,
    )  # fmt: skip
    entering.rest(session, row.at, row.conversation_id or 0)


def _follow(session: Session, row: Appended, one: Suggestion) -> None:
    """Only its author adds to it: what others write there stays an ordinary message."""
    mine = select(SuggestionComment.id).where(SuggestionComment.interaction_id == row.id)
    said = suggestion.text_of((row.body or "")[:TEXT])
    if row.contact_id != one.contact_id or not said or session.scalar(mine) is not None:
        return
    session.add(
        SuggestionComment(
            suggestion_id=one.id, text=said, user_id=one.user_id, contact_id=row.contact_id,
            interaction_id=row.id, at=row.at,
        )
    )  # fmt: skip
    session.flush()


def _is_first(session: Session, row: Appended) -> bool:
    """Whether nothing was said in that conversation before, by anybody."""
    before = select(Interaction.id).where(
        Interaction.conversation_id == row.conversation_id, Interaction.id < row.id,
        Interaction.name.in_([Name.MESSAGE_RECEIVED.value, Name.MESSAGE_QUEUED.value]),
    )  # fmt: skip
    return session.scalar(before.limit(1)) is None


def _forget(session: Session, row: Appended) -> None:
    family = select(Contact.id).where(Contact.root_id == row.contact_id)
    theirs = select(Suggestion.id).where(Suggestion.contact_id.in_(family))
    session.execute(delete(SuggestionGram).where(SuggestionGram.suggestion_id.in_(theirs)))
