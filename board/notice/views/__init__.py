"""Notices on pages for those who work here."""

from board.notice.views import editing, overview, people
from board.notice.views.door import pages

__all__ = ["editing", "overview", "pages", "people"]
