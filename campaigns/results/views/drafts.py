"""A campaign once more as a draft, and a draft that goes."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from campaigns.results import again
from campaigns.results.views import door
from contact.db import utcnow
from contact.desk.told import back
from contact.users import audit
from contact.web import here
from contact.web.security import client_ip, me


@door.pages.post("/<int:campaign_id>/again")
def repeat(campaign_id: int) -> Any:
    """A new draft of the same kind, to be said to others, or once more."""
    with here().db.write() as session:
        made = again.copy(session, utcnow(), campaign_id, me().id, str(_("%(name)s, again", name="%(name)s"))).id
        _audit(session, "campaign.made", made)
    return back("campaigns.one", "saved", campaign_id=made)


@door.pages.post("/<int:campaign_id>/delete")
def delete(campaign_id: int) -> Any:
    """A draft goes; what was ever started stays."""
    with here().db.write() as session:
        again.delete(session, campaign_id)
        _audit(session, "campaign.deleted", campaign_id)
    return back("campaigns.index", "saved")


def _audit(session: Session, word: str, campaign_id: int) -> None:
    audit.append(session, utcnow(), word, by=me().id, ip=client_ip(), subject=f"campaign:{campaign_id}")
