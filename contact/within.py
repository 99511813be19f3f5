"""What somebody knows or gathers for as long as one transaction lasts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.orm import Session

T = TypeVar("T")


def one(session: Session, kind: Callable[[], T]) -> T:
    """The `kind` of this transaction, made when it is asked for first."""
    transaction = session.get_transaction()
    key = ("within", kind)
    of, found = session.info.get(key, (None, None))
    if of is None or of is not transaction:
        found = kind()
        session.info[key] = (transaction, found)
    return found  # type: ignore[no-any-return]
