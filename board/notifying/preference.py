"""Preference: what one user chose for one event on one channel. No row: as the event has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, String, func, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from board.notifying.event import FACTS, Channel, Event, Mode
from board.notifying.notification import SENT, Notification
from contact.db import Base, Id
from contact.directory import Address
from contact.errors import Invalid
from contact.messages import AddressKind
from contact.users import User

Modes = Mapping[Event, Mapping[Channel, Mode]]


class NotificationPreference(Base):
    """One choice."""

    __tablename__ = "notification_preference"

    user_id: Mapped[int] = mapped_column(Id, primary_key=True)
    event: Mapped[str] = mapped_column(String(20), primary_key=True)
    channel: Mapped[str] = mapped_column(String(4), primary_key=True)
    mode: Mapped[str] = mapped_column(String(6))


def of(session: Session, user_id: int) -> Modes:
    """What counts for one user, for each event on each channel."""
    query = select(NotificationPreference).where(NotificationPreference.user_id == user_id)
    chosen = {(one.event, one.channel): Mode(one.mode) for one in session.scalars(query)}
    return {
        event: {channel: chosen.get((event, channel), facts.mode(channel)) for channel in Channel}
        for event, facts in FACTS.items()
    }


def has_number(session: Session, user: User) -> bool:
    """Whether a text message would find this user."""
    query = select(Address.id).where(Address.contact_id == user.contact_id, Address.kind == AddressKind.TEL.value)
    return session.scalar(query.limit(1)) is not None


def choose(session: Session, user_id: int, event: Event, channel: Channel, mode: Mode) -> None:
    """From now on, and for what has not gone yet; raises `Invalid` for what cannot be."""
    if FACTS[event].mandatory:
        raise Invalid("This cannot be switched off.")
    if channel is Channel.PAGE and mode not in (Mode.NOW, Mode.OFF):
        raise Invalid("On the page it stands at once, or not at all.")
    dialect: Any = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    keys = {"user_id": user_id, "event": event.value, "channel": channel.value}
    adding = dialect.insert(NotificationPreference).values(**keys, mode=mode.value)
    session.execute(adding.on_conflict_do_update(index_elements=list(keys), set_={"mode": mode.value}))
    if channel is not Channel.PAGE:
        _pending(session, user_id, event, channel, mode)


def _pending(session: Session, user_id: int, event: Event, channel: Channel, mode: Mode) -> None:
    """What waits goes the new way; what was switched off stays off: nobody wants it late."""
    column = getattr(Notification, channel.value)
    waiting = update(Notification).where(Notification.user_id == user_id, Notification.event == event.value)
    session.execute(waiting.where(column.not_in([SENT, Mode.OFF.value])).values({column: mode.value}))


def mode_of(event: Event, channel: Channel) -> ColumnElement[str]:
    """The same for each row of `users` in a statement. Mandatory: no choice counts. Carried: nothing goes from here."""
    facts, default = FACTS[event], FACTS[event].mode(channel)
    if facts.carried and channel is not Channel.PAGE:
        return literal(Mode.OFF.value)
    if facts.mandatory:
        return literal(default.value)
    chosen = select(NotificationPreference.mode).where(
        NotificationPreference.user_id == User.id,
        NotificationPreference.event == event.value,
        NotificationPreference.channel == channel.value,
    )
    return func.coalesce(chosen.scalar_subquery(), default.value)
