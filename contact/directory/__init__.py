"""The directory: contacts, the addresses they are reached at, merging and un-merging them."""

from contact.directory.contact import Address, AddressClaim, Contact, change, family, get, root
from contact.directory.find import add_address, claim_address, create, find, find_or_create, remove_address
from contact.directory.hints import Hint, dismiss, hints
from contact.directory.meet import Who, meet, who
from contact.directory.merge import merge, merged, unmerge
from contact.directory.person import Person, Reach, people

__all__ = [
    "Address",
    "AddressClaim",
    "Contact",
    "Hint",
    "Person",
    "Reach",
    "Who",
    "add_address",
    "change",
    "claim_address",
    "create",
    "dismiss",
    "family",
    "find",
    "find_or_create",
    "get",
    "hints",
    "meet",
    "merge",
    "merged",
    "people",
    "remove_address",
    "root",
    "unmerge",
    "who",
]
