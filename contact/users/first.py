"""The first start: one administrator, whose password is shown once."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from contact.users import audit, passwords
from contact.users.user import Role, User, create


def first_admin(session: Session, now: datetime, mail_domain: str = "shop.example") -> str | None:
    """Make the user `admin` in an empty house; returns the password, or None if somebody is there.

    The password stands on a screen, so after the sign-in another one is asked for before anything else.
    """
    if session.scalar(select(User.id).limit(1)) is not None:
        return None
    password = passwords.made_up()
    user = create(session, now, email=f"admin@{mail_domain}", name="Admin", role=Role.ADMIN, handle="admin")
    passwords.set_hash(user, passwords.hashed(password), now, advised=True)
    audit.append(session, now, audit.What.CREATED, by=None, subject=f"user:{user.id}", after={"role": user.role})
    return password
