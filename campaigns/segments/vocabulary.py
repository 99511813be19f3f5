"""What the editor of segments offers, a segment in words, and what a condition may name in this house."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.campaign import Campaign
from campaigns.segments import own
from campaigns.segments.compiled import KIND_OF
from campaigns.segments.definition import Known, Span, Test, Tree
from campaigns.segments.fields import CONSENTS, FIELDS, KINDS, OPERATOR_NAMES, VISITORS, Field, Kind
from contact import groups
from contact.desk import words
from contact.directory.fields import every
from contact.field import vocabulary
from contact.groups import GROUP_NAMES
from contact.inbox import Inbox
from contact.response.rules.vocabulary import LANGUAGES
from contact.text import N_

Choice = tuple[str, str]

KIND_NAMES: Mapping[str, str] = {
    "email": N_("E-mail"), "tel": N_("Telephone"), "fax": N_("Fax"), "post": N_("Postal address"),
}  # fmt: skip
CONSENT_NAMES: Mapping[str, str] = {
    "given": N_("advertising allowed"), "refused": N_("advertising refused"), "none": N_("never asked"),
}  # fmt: skip
WORDS: Mapping[str, str] = {
    "always": N_("Without a condition it is everybody."),
    "anywhere": N_("anywhere"), "ever": N_("0 = ever"), "days": N_("days"), "visitors": N_("Who counts"),
}  # fmt: skip
VISITOR_NAMES: Mapping[str, str] = {"people": N_("people only"), "all": N_("machines too")}
CHANNELS = tuple(KIND_OF)
OFFERED = 200
"""Campaigns one may choose from: the newest that were started; those a segment names already stay."""


def known(session: Session) -> Known:
    """The values that exist."""
    boxes = session.execute(select(Inbox.id, Inbox.channel)).all()
    channels = frozenset(channel for _, channel in boxes) | frozenset(CHANNELS)
    inboxes, campaigns = frozenset(number for number, _ in boxes), frozenset(session.scalars(select(Campaign.id)))
    mine = frozenset(own.of(field).name for field in every(session))
    return Known(inboxes, channels, frozenset(("", *LANGUAGES)), campaigns, mine)


def channel_name(name: str) -> str:
    return str(_(words.CHANNEL.get(name, name.capitalize())))


@dataclass(frozen=True, slots=True)
class Teller:
    """Knows the names of this house; one for a page."""

    choices: Mapping[str, list[Choice]]
    fields: Mapping[str, Field]
    """The house's own fields too, by name."""

    @classmethod
    def of(cls, session: Session) -> Teller:
        boxes = session.scalars(select(Inbox).order_by(Inbox.id)).all()
        channels = dict.fromkeys([*CHANNELS, *(box.channel for box in boxes)])
        places = [("", str(_("anywhere")))]
        places += [(f"channel:{name}", channel_name(name)) for name in channels]
        places += [(f"inbox:{box.id}", box.name or box.address) for box in boxes]
        sent = select(Campaign.id, Campaign.name).where(Campaign.launched_at.is_not(None))
        newest = session.execute(sent.order_by(Campaign.launched_at.desc(), Campaign.id.desc()).limit(OFFERED))
        campaigns = [("", str(_("any campaign"))), *((f"campaign:{number}", name) for number, name in newest)]
        languages = [(one, str(_(words.LANGUAGE.get(one, one)))) for one in LANGUAGES]
        mine = every(session)
        return cls(
            {
                "languages": [*languages, ("", str(_("not known")))],
                "kinds": [(one, str(_(KIND_NAMES[one]))) for one in KINDS],
                "consents": [(one, str(_(CONSENT_NAMES[one]))) for one in CONSENTS],
                "places": places,
                "campaigns": campaigns,
                "visitors": [(one, str(_(VISITOR_NAMES[one]))) for one in VISITORS],
                **own.choices(mine),
            },
            FIELDS | {(field := own.of(one)).name: field for one in mine},
        )

    def field(self, name: str) -> Field:
        """Also one that is no more: by its name."""
        return (self.fields if name in self.fields else own.named(name))[name]

    def name(self, of: str, value: str) -> str:
        gone = str(_("#%(n)s, no longer there", n=value.rpartition(":")[2]))
        return next((label for one, label in self.choices[of] if one == value), gone)

    def test(self, test: Test) -> str:
        """“Language is Korean”, in one line."""
        field = self.field(test.field)
        told = {"field": str(_(field.label)), "op": str(_(OPERATOR_NAMES[test.op])), "value": self.value(test)}
        return " ".join(str(_("%(field)s %(op)s %(value)s", **told)).split())

    def value(self, test: Test) -> str:
        field, value = self.field(test.field), test.value
        if test.op in own.WITHOUT:
            return ""
        if isinstance(value, Span):
            days = str(_("%(n)s days", n=value.days)) if value.days else str(_("ever"))
            about = [self.name(field.choices, value.at)] if value.at else []
            about += [self.name("visitors", "all")] if value.machines else []
            return f"{days} ({', '.join(about)})" if about else days
        if isinstance(value, tuple):
            return ", ".join(self.name(field.choices, one) if field.choices else f"“{one}”" for one in value)
        return str(_("%(n)s days", n=value)) if field.kind is Kind.DAYS or test.op in own.DAYS else str(value)

    def group(self, node: Tree) -> str:
        return str(_(GROUP_NAMES[node.kind]))

    def short(self, tree: Tree) -> str:
        """In one line, for a list."""
        return groups.short(tree, self.test, _) if tree.parts else str(_("everybody"))

    def lines(self, name: str, tree: Tree) -> list[str]:
        """All of it, a line a part: what versions are compared by."""
        return [name, *groups.lines(tree, self.test, _)]

    def vocabulary(self) -> dict[str, Any]:
        """What the editor offers, as JSON beside the page."""
        fields = self.fields.values()
        return vocabulary(fields, OPERATOR_NAMES, self.choices, WORDS, _, without=own.WITHOUT)
