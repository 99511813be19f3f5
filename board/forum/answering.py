"""An answer to a mail about a post becomes a comment on it; whatever stands against that is said by an error."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from board import scope
from board.forum import doing
from board.forum.post import Post
from board.scope import Viewer


def by_mail(session: Session, now: datetime, viewer: Viewer, about_id: int, text: str, interaction_id: int) -> bool:
    """Read twice it is one comment: the mail's row of the log is its key."""
    post = scope.one(session, viewer, Post, about_id)
    doing.comment(session, now, viewer, post, text, interaction_id=interaction_id)
    return True
