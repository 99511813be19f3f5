"""Goal: what a campaign is for, and who reached it. Said in the log, once a recipient, with what led to it.

Four kinds: `replied` (answered it), `clicked` (a person followed one of its links), `wrote` (on a channel, or on any)
and `tagged` (a conversation of theirs got a tag), each within so many days after the message was accepted. An
answer and a visit name their campaign themselves. Of writing and tags the last touch counts: of the campaigns
whose goal it would be and whose days are not over, the one that reached the person last. Nobody else claims it,
also when that one had claimed something before. So one event is never counted for two campaigns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.campaign import Campaign
from campaigns.recipient import Recipient
from campaigns.responses import link as links
from campaigns.responses.judging import Who
from campaigns.responses.replies import CAME, is_answer, places_of
from campaigns.responses.tracking import Tracking
from contact import log
from contact.conversation import Conversation
from contact.errors import Invalid
from contact.following import Reader
from contact.log import Appended, Interaction, Name
from contact.text import N_


class Kind(StrEnum):
    REPLIED = "replied"
    CLICKED = "clicked"
    WROTE = "wrote"
    TAGGED = "tagged"


TOLD: Final = {
    Kind.REPLIED: N_("They answer"),
    Kind.CLICKED: N_("They follow a link"),
    Kind.WROTE: N_("They write to us"),
    Kind.TAGGED: N_("A conversation of theirs gets a tag"),
}
DAYS, MOST_DAYS = 14, 90


@dataclass(frozen=True, slots=True)
class Goal:
    """`days` after acceptance. `link`: where the link leads, "" any. `channel`: "" any. `tag`: which."""

    kind: Kind
    days: int = DAYS
    link: str = ""
    channel: str = ""
    tag: str = ""

    @property
    def window(self) -> timedelta:
        return timedelta(days=self.days)

    @property
    def kept(self) -> dict[str, Any]:
        """As `campaign.goal`."""
        return {name: value for name, value in asdict(self).items() if value}


def parse(given: Mapping[str, Any] | None) -> Goal | None:
    """What `campaign.goal` or a form says; None: it has none. Raises `Invalid`."""
    if not given or not given.get("kind"):
        return None
    kind, days = str(given["kind"]), str(given.get("days") or DAYS)
    if kind not in TOLD:
        raise Invalid(N_("Choose what the campaign is for."))
    if not (days.isascii() and days.isdecimal() and len(days) < 4 and 1 <= int(days) <= MOST_DAYS):
        raise Invalid(N_("A goal is reached within 1 to %(n)s days."), n=MOST_DAYS)
    tag = " ".join(str(given.get("tag") or "").split()) if kind == Kind.TAGGED else ""
    if kind == Kind.TAGGED and not tag:
        raise Invalid(N_("Say which tag is the goal."))
    return Goal(
        Kind(kind),
        int(days),
        link=str(given.get("link") or "")[: links.LONGEST] if kind == Kind.CLICKED else "",
        channel=str(given.get("channel") or "")[:20] if kind == Kind.WROTE else "",
        tag=tag[:100],
    )


def form(given: Mapping[str, Any]) -> dict[str, Any]:
    """What the fields of a form say, for `parse`."""
    return {name: given.get(f"goal_{name}", "") for name in ("kind", "days", "link", "channel", "tag")}


def shown(goal: Goal | None) -> dict[str, str]:
    """As the fields of the form hold it."""
    return {f"goal_{name}": str(value) for name, value in goal.kept.items()} if goal else {}


def fits(goal: Goal | None, tracking: str) -> None:
    """Raises `Invalid` where nobody could tell who reached it."""
    if goal is not None and goal.kind is Kind.CLICKED and tracking != Tracking.PERSONAL:
        raise Invalid(N_("Who followed a link is known only with links by person."))


class Reached(NamedTuple):
    """`how`: `last touch`, or how the answer or the visit named its campaign."""

    recipient: Recipient
    campaign: Campaign
    goal: Goal
    how: str


NAMES: Final = frozenset(
    {Name.RESPONSE_REPLIED, Name.RESPONSE_CLICKED, Name.MESSAGE_RECEIVED, Name.CONVERSATION_TAGGED}
)


def read(session: Session, row: Appended | Interaction) -> None:
    """What this row of the log reached, said once."""
    found = reached(session, row)
    if found is not None and log.by_key(session, _seen(found.recipient)) is None:
        _say(session, row, found)


READER: Final = Reader("goals", read, names=NAMES)


def reached(session: Session, row: Appended | Interaction) -> Reached | None:
    """Whose goal this is, whether it was said already or not."""
    if row.name in (Name.RESPONSE_REPLIED, Name.RESPONSE_CLICKED):
        return _named(session, row)
    if row.name == Name.CONVERSATION_TAGGED or (row.name == Name.MESSAGE_RECEIVED and is_answer(row)):
        return _last(session, row)
    return None


def recount(session: Session, campaign: Campaign) -> dict[int, int]:
    """Recipients and the rows that reached their goal, from the log anew: what `response.goal` rows must say.

    Contacts that were merged or parted since are seen as they are now.
    """
    found: dict[int, int] = {}
    for row in _rows(session, campaign):
        one = reached(session, row)
        if one is not None and one.campaign.id == campaign.id:
            found.setdefault(one.recipient.id, row.id)
    return found


def _rows(session: Session, campaign: Campaign) -> Iterator[Interaction]:
    query = select(Interaction).where(Interaction.id > (campaign.launch_id or 0))
    yield from session.scalars(query.where(Interaction.name.in_([*NAMES])).order_by(Interaction.id))


def _named(session: Session, row: Appended | Interaction) -> Reached | None:
    recipient = session.get(Recipient, row.data.get("recipient") or 0)
    campaign = session.get(Campaign, recipient.campaign_id) if recipient else None
    goal = parse(campaign.goal) if campaign else None
    if recipient is None or campaign is None or goal is None or not _meets(session, row, goal):
        return None
    return Reached(recipient, campaign, goal, str(row.data.get("how") or "link")) if _in(row, recipient, goal) else None


def _last(session: Session, row: Appended | Interaction) -> Reached | None:
    contact = row.contact_id
    if contact is None and row.conversation_id is not None:
        contact = session.get_one(Conversation, row.conversation_id).contact_id
    if contact is None:
        return None
    query = (
        select(Recipient, Campaign)
        .join(Campaign, Campaign.id == Recipient.campaign_id)
        .where(Campaign.goal.is_not(None), Recipient.address_id.in_(places_of(contact)), Recipient.state.in_(CAME))
        .where(Recipient.settled_at.between(row.at - timedelta(days=MOST_DAYS), row.at))
        .order_by(Recipient.settled_at.desc(), Recipient.id.desc())
    )
    for recipient, campaign in session.execute(query):
        goal = parse(campaign.goal)
        if goal is not None and _in(row, recipient, goal) and _meets(session, row, goal):
            return Reached(recipient, campaign, goal, "last touch")
    return None


def _in(row: Appended | Interaction, recipient: Recipient, goal: Goal) -> bool:
    taken = recipient.settled_at
    return taken is not None and taken <= row.at <= taken + goal.window


def _meets(session: Session, row: Appended | Interaction, goal: Goal) -> bool:
    match goal.kind:
        case Kind.REPLIED:
            return row.name == Name.RESPONSE_REPLIED
        case Kind.CLICKED:
            return row.name == Name.RESPONSE_CLICKED and row.data.get("who") == Who.HUMAN and _link(session, row, goal)
        case Kind.WROTE:
            return row.name == Name.MESSAGE_RECEIVED and goal.channel in ("", row.channel)
        case Kind.TAGGED:
            return row.name == Name.CONVERSATION_TAGGED and _tag(row) == goal.tag.casefold()


def _link(session: Session, row: Appended | Interaction, goal: Goal) -> bool:
    return not goal.link or goal.link == links.url_of(session, row.data["campaign"], row.data["link"])


def _tag(row: Appended | Interaction) -> str:
    return str((row.content or {}).get("tag") or row.data.get("tag") or "").casefold()


def _say(session: Session, row: Appended | Interaction, found: Reached) -> None:
    one = found.recipient
    data = {
        "campaign": one.campaign_id, "recipient": one.id, "goal": found.goal.kind.value, "how": found.how,
        "within": found.goal.days, "message": row.id,
    }  # fmt: skip
    if found.goal.kind is Kind.CLICKED:
        data["link"] = row.data["link"]
    log.append(
        session, row.at, Name.RESPONSE_GOAL, contact_id=one.contact_id, address_id=one.address_id, channel=one.channel,
        about_id=found.campaign.launch_id, key=_seen(one), data=data,
    )  # fmt: skip


def _seen(recipient: Recipient) -> str:
    return f"goal-{recipient.id}"
