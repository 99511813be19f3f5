"""Two contacts are one person; or they are not, after all."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from contact import log
from contact.directory.contact import Contact
from contact.errors import Conflict


def merge(session: Session, now: datetime, loser: Contact, winner: Contact, user_id: int | None) -> None:
    """Show `loser` (and all merged into it) as part of `winner`.

    Only pointers change: addresses, conversations and rows of the log stay where they were.
    """
    log.lock(session)
    session.refresh(loser)
    session.refresh(winner)
    if loser.root_id == winner.root_id:
        raise Conflict("These two are one contact already.")
    if loser.erased_at or winner.erased_at:
        raise Conflict("An erased contact cannot be merged.")
    top, target = loser.root_id, winner.root_id
    session.execute(update(Contact).where(Contact.id == top).values(merged_into=target))
    session.execute(update(Contact).where(Contact.root_id == top).values(root_id=target))
    session.flush()
    log.append(session, now, log.Name.CONTACT_MERGED, contact_id=top, user_id=user_id, data={"into": target})
    session.expire_all()


def unmerge(session: Session, now: datetime, contact: Contact, user_id: int | None) -> None:
    """Undo the merge of `contact` into another: both are exactly as they were before."""
    log.lock(session)
    session.refresh(contact)
    if contact.merged_into is None:
        raise Conflict("This contact is not merged.")
    was = contact.merged_into
    contact.merged_into = None
    session.flush()
    session.execute(update(Contact).where(Contact.id.in_(_below(session, contact.id))).values(root_id=contact.id))
    log.append(session, now, log.Name.CONTACT_UNMERGED, contact_id=contact.id, user_id=user_id, data={"from": was})
    session.expire_all()


def _below(session: Session, contact_id: int) -> list[int]:
    """The contact and everything merged into it, through any number of steps."""
    tree = select(Contact.id).where(Contact.id == contact_id).cte(recursive=True)
    tree = tree.union(select(Contact.id).join(tree, Contact.merged_into == tree.c.id))
    return list(session.scalars(select(tree.c.id)))


def merged(session: Session, contact: Contact) -> list[Contact]:
    """The contacts merged straight into this one: what can be undone here."""
    return list(session.scalars(select(Contact).where(Contact.merged_into == contact.id).order_by(Contact.id)))
