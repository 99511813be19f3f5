"""Consent on screen: the public page behind a link, what one person wished, and the house's texts and rules."""

from contact.consent.views import house, person, public
from contact.consent.views.door import pages

__all__ = ["house", "pages", "person", "public"]
