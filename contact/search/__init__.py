"""Search over everything that was ever said, and over people, on both databases.

    search.search(session, "환불 12345", limit=50)        # newest first; next page: before=hits[-1].interaction_id
    search.search_contacts(session, "김", limit=10)

`search.reader` follows the log and fills the index; a word can be found as soon as it has read
the row, which is well under a second after it was said.
"""

from contact.search.index import ContactWords, forget_contact, forget_rows, index_contact, reader
from contact.search.query import Hit, page_of_contacts, search, search_contacts

__all__ = [
    "ContactWords",
    "Hit",
    "forget_contact",
    "forget_rows",
    "index_contact",
    "page_of_contacts",
    "reader",
    "search",
    "search_contacts",
]
