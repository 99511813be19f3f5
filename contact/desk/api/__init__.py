"""The console's verbs as JSON. Every answer is small; what changed comes back through the log."""

from contact.desk.api import contacts, deliveries, drafts, files, messages, own
from contact.desk.api.door import pages

__all__ = ["contacts", "deliveries", "drafts", "files", "messages", "own", "pages"]
