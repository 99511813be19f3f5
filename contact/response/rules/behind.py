"""Which rule did it: asked by pages, for the rows of the log they show."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from contact.log import Interaction, Name


def behind(session: Session, rows: Sequence[Interaction]) -> dict[int, str]:
    """By number of a `rule.applied` row that some of `rows` were done along with: the rule's name then."""
    about = {row.about_id for row in rows if row.about_id and row.user_id is None}
    if not about:
        return {}
    query = select(Interaction.id, Interaction.data).where(
        Interaction.id.in_(about), Interaction.name == Name.RULE_APPLIED.value
    )
    return {number: str((data or {}).get("name", "")) for number, data in session.execute(query)}
