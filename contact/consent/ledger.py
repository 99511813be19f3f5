"""The ledger: what people wished, as it was said. Rows are added and never changed.

A wish is about one address, on every channel that reaches it. Without a purpose it is about everything we could
ever write there (a STOP word, a complaint, a provider that has shut the door); with one it is about that alone:
whoever unsubscribes from advertising still gets answers. A refusal in scope `PERSON` counts for every address the
person has and will have. The newest wish counts. Korea's Network Act article 50 (2) and (4), the CTIA rules for
STOP words and Twilio's error 21610 all say the same: a refusal acts at once and costs nothing.

Consent to advertising (article 50 (1)) is a row of its own, with the text that was agreed to, and how it was said.
It is always about one address, whatever the scope; any refusal that covers advertising ends it, and lifting a
STOP by START does not bring it back. Consent to advertising at night (article 50 (3)) is again a row of its own.
No import lifts a refusal.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ForeignKey, Index, String, Text, bindparam, insert, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact import conversation as conversations
from contact import log
from contact.consent import chain, suppression
from contact.consent.purpose import Purpose
from contact.consent.said import ADDRESS, PERSON, How, Said
from contact.conversation import Conversation, Talk
from contact.db import Base, Id, Utc
from contact.directory import Address, Contact
from contact.messages import Wish
from contact.prepared import Among, Prepared


class Consent(Base):
    """One wish, as it was said. Erasing a person empties `words`, `proof` and `salt`; nothing else ever changes."""

    __tablename__ = "consent"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    at: Mapped[datetime] = mapped_column(Utc)
    address_id: Mapped[int] = mapped_column(Id, ForeignKey("address.id"))
    contact_id: Mapped[int | None] = mapped_column(Id, ForeignKey("contact.id"))
    """Whose address it was."""
    channel: Mapped[str] = mapped_column(String(20))
    """Where it was said."""
    purpose: Mapped[str] = mapped_column(String(20), default="")
    """A `Purpose`, or "" for all of them."""
    night: Mapped[bool] = mapped_column(Boolean, default=False)
    """It is about advertising at night, and about nothing else."""
    scope: Mapped[str] = mapped_column(String(10), default=ADDRESS)
    given: Mapped[bool] = mapped_column(Boolean)
    how: Mapped[str] = mapped_column(String(20))
    words: Mapped[str] = mapped_column(Text, default="")
    proof: Mapped[str] = mapped_column(Text, default="")
    """Where it can be seen again: an IP address and browser, the number of a form, a recording."""
    text_id: Mapped[int | None] = mapped_column(Id, ForeignKey("consent_text.id"))
    """The very words that were agreed to."""
    said_at: Mapped[datetime] = mapped_column(Utc)
    """When the person said so; `at` is when we wrote it down."""
    user_id: Mapped[int | None] = mapped_column(Id)
    interaction_id: Mapped[int | None] = mapped_column(Id)
    """The row of the log that says so."""
    salt: Mapped[str] = mapped_column(String(32), default="")
    sealed: Mapped[str] = mapped_column(String(64), default="")
    hash: Mapped[str] = mapped_column(String(64), default="")

    __table_args__ = (
        Index("ix_consent_address_id", "address_id", "id", "purpose", "night", "given", "said_at"),
        Index(
            "ix_consent_person",
            "contact_id",
            "id",
            sqlite_where=text("scope = 'person'"),
            postgresql_where=text("scope = 'person'"),
        ),
        Index("ix_consent_said_at", "purpose", "said_at"),
    )


_TABLE: Any = Consent.__table__
_ADD = Prepared(
    insert(_TABLE).values({one.name: bindparam(one.name, type_=one.type) for one in _TABLE.columns if one.name != "id"})
)


_OF_ALL = (Consent.address_id, Consent.id, Consent.given)
_ABOUT_ALL = Among(select(*_OF_ALL).where(Consent.purpose == ""), Consent.address_id, _OF_ALL)


def latest(session: Session, address_id: int) -> Consent | None:
    """What was wished last about everything we could write to this address; None when nothing ever was."""
    query = select(Consent).where(Consent.address_id == address_id, Consent.purpose == "")
    return session.scalar(query.order_by(Consent.id.desc()).limit(1))


def withdrawn(session: Session, address_id: int) -> bool:
    """Whether we must not write to this address, whatever for."""
    return address_id in refused(session, [address_id])


def refused(session: Session, address_ids: Collection[int]) -> set[int]:
    """Those of the addresses that we must not write to, whatever for; `verdicts` asks for a purpose."""
    session.flush()
    newest: dict[int, tuple[int, bool]] = {}
    for address_id, number, given in _ABOUT_ALL.rows(session, address_ids):
        newest[address_id] = max(newest.get(address_id, (0, True)), (number, given))
    return {address_id for address_id, (_, given) in newest.items() if not given}


def state(
    session: Session, address_id: int, purpose: Purpose | None, *, night: bool = False, scope: str = ""
) -> Consent | None:
    """The newest row about this purpose (None: about all of them) at this address, in this scope (any: "")."""
    query = select(Consent).where(Consent.address_id == address_id, Consent.purpose == _name(purpose))
    if scope:
        query = query.where(Consent.scope == scope)
    return session.scalar(query.where(Consent.night.is_(night)).order_by(Consent.id.desc()).limit(1))


def record(
    session: Session,
    now: datetime,
    address: Address,
    wish: Wish,
    *,
    channel: str,
    talk: Talk | Conversation | None = None,
    about_id: int | None = None,
    user_id: int | None = None,
    purpose: Purpose | None = None,
    night: bool = False,
    scope: str = ADDRESS,
    text_id: int | None = None,
    proof: str = "",
    said_at: datetime | None = None,
) -> bool:
    """Write a wish down; returns whether it changed anything. The same wish again is no news.

    Said in a conversation (`talk`) it stands there, too. What still waits in the outbox is
    held when its turn comes. `purpose` None: about everything. `said_at`: when it was said, if not
    now. What an import says never lifts a refusal: it changes nothing then.
    """
    log.lock(session)
    said_at = min(said_at or now, now)
    if not _news(session, address, wish, purpose, night, scope, text_id, said_at):
        return False
    said = Said(wish, channel, said_at, _name(purpose), night, scope, user_id, proof, text_id)
    name, row = said.logged(address.contact_id, address.id, address.value)
    row["about_id"] = about_id
    written = conversations.record(session, now, talk, name, **row) if talk else log.append(session, now, name, **row)
    values = said.row(now, written.id)
    add(session, [values | {"address_id": address.id, "contact_id": address.contact_id}])
    if scope == PERSON and purpose is None:
        _everywhere(session, address, values)
    session.flush()
    return True


def add(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Rows at the end of the chain; the caller holds the lock of the log, so nobody else adds any now."""
    session.flush()
    before = session.scalar(select(Consent.hash).order_by(Consent.id.desc()).limit(1)) or ""
    chained = []
    for one in rows:
        salt = secrets.token_hex(16)
        row = one | {"salt": salt, "sealed": chain.seal(salt, one["words"], one["proof"])}
        before = chain.link(before, row)
        chained.append(row | {"hash": before})
    _ADD.many(session, chained)


def _news(
    session: Session, address: Address, wish: Wish, purpose: Purpose | None, night: bool, scope: str,
    text_id: int | None, said_at: datetime,
) -> bool:  # fmt: skip
    if wish.given and wish.how == How.IMPORT and _stands_refused(session, address, purpose):
        return False
    if purpose is None and scope == ADDRESS:
        return withdrawn(session, address.id) == wish.given
    before = state(session, address.id, purpose, night=night, scope=PERSON if scope == PERSON else "")
    if before is None or before.given != wish.given:
        return True
    if not wish.given:
        return False
    newer = before.text_id != text_id or said_at.date() > before.said_at.date()
    return newer or _refused_since(session, address, purpose, before.id)


def _stands_refused(session: Session, address: Address, purpose: Purpose | None) -> bool:
    """Whether anything was ever refused that this consent would lift: only the person takes that back."""
    erased = suppression.since(session, [(address.kind, address.value)])
    return bool(erased) or _refused_since(session, address, purpose, 0)


def _refused_since(session: Session, address: Address, purpose: Purpose | None, number: int) -> bool:
    """Whether a row behind this one refused it, here or for the whole person."""
    family = select(Contact.root_id).where(Contact.id == address.contact_id).scalar_subquery()
    members = select(Contact.id).where(Contact.root_id == family)
    said = select(Consent.id).where(Consent.purpose.in_(["", _name(purpose)]), Consent.given.is_(False))
    said = said.where(Consent.id > number).limit(1)
    own = said.where(Consent.address_id == address.id)
    person = said.where(Consent.contact_id.in_(members), Consent.scope == PERSON)
    return session.scalar(own) is not None or session.scalar(person) is not None


def _everywhere(session: Session, address: Address, values: dict[str, Any]) -> None:
    """A wish about everything is written down for every address of the person: whoever asks about one sees it."""
    family = select(Contact.root_id).where(Contact.id == address.contact_id).scalar_subquery()
    others = session.execute(
        select(Address.id, Address.contact_id)
        .join(Contact, Contact.id == Address.contact_id)
        .where(Contact.root_id == family, Address.id != address.id)
        .order_by(Address.id)
    ).all()
    for number, holder in others:
        if withdrawn(session, number) == values["given"]:
            add(session, [values | {"address_id": number, "contact_id": holder, "scope": ADDRESS}])


def _name(purpose: Purpose | None) -> str:
    return purpose.value if purpose else ""
