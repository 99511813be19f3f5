"""Contents for supervisors: the list, the editor with its preview and problems, the versions, the trial."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Any, Final

from flask import Blueprint, Response, render_template, request
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.content import content as contents
from campaigns.content import footer, look, names, pictures, trial
from campaigns.content.content import Content, ContentVersion, Wording
from campaigns.content.look import Look
from campaigns.content.wording import Draft, silent
from contact import directory, inbox
from contact.channel import Capabilities
from contact.consent import Purpose
from contact.conversation import Conversation
from contact.db import utcnow
from contact.desk import beginning, sheets, traits, weighing
from contact.desk.parcel import FRAME
from contact.desk.told import back, notice, number
from contact.directory import fields as own_fields
from contact.errors import HanmaruError, NotFound
from contact.limits import Steady
from contact.users import Role, audit, everybody
from contact.web import here
from contact.web.forms import refused, told
from contact.web.headers import MAIL, headed
from contact.web.security import Rule, client_ip, guarding, me, rule_for

pages = Blueprint("contents", __name__, url_prefix="/desk/contents")
rule_for(pages, Rule(role=Role.SUPERVISOR))

LOOKS: Final = Steady("contents.look", burst=60, every=0.2)
"""How often one person may have a draft looked at: a few times a second while typing."""
TRIALS: Final = Steady("contents.trial", burst=10, every=30)
PEOPLE: Final = 30
_OF_EDITOR = re.compile(
    r"<table [^<>]*><tbody><tr><td bgcolor=[^<>]*><a [^<>]*>[^<>]*</a></td></tr></tbody></table>"
    r'|<div style="font-size:13px;[^<>"]*">',
)
"""Buttons and small print, as the editor writes them (`client/editor/schema.ts`)."""


@pages.get("")
def index() -> Any:
    with here().db.read() as session:
        found = contents.every(session)
        newest = _newest(session, found)
        return render_template(
            "campaigns/contents.html", found=[(one, newest.get(one.id)) for one in found], starts=_channels(session),
            users=_users(session), notice=notice(),
        )  # fmt: skip


@pages.route("/new", methods=["GET", "POST"])
def new() -> Any:
    channel = request.values.get("channel", "")
    with here().db.read() as session:
        known = _channels(session)
    channel = channel if channel in known else next(iter(known), "email")
    if request.method == "GET":
        return _editor(None, channel, Wording("", Draft(auto=_can(channel).html, frame=_can(channel).html)))
    wording = _wording()
    try:
        with here().db.write() as session:
            made = contents.add(session, utcnow(), wording, channel, _can(channel), me().id, _public())
            _audit(session, "content.made", made.content_id, after={"name": wording.name})
    except HanmaruError as error:
        return _editor(None, channel, wording, error)
    return back("contents.one", "saved", content_id=made.content_id)


@pages.get("/<int:content_id>")
def one(content_id: int) -> Any:
    with here().db.read() as session:
        content = contents.get(session, content_id)
        draft = contents.version(session, content_id, number("version") or content.version).draft
    return _editor(content, content.channel, Wording(content.name, draft))


@pages.post("/<int:content_id>")
def save(content_id: int) -> Any:
    wording, seen = _wording(), request.form.get("seen", "")
    with here().db.read() as session:
        content = contents.get(session, content_id)
    try:
        with here().db.write() as session:
            made = contents.save(
                session, utcnow(), content_id, wording, _can(content.channel), me().id,
                seen=int(seen) if seen.isdecimal() and len(seen) < 10 else None, public=_public(),
            )  # fmt: skip
            if made.number != content.version:
                after = {"name": wording.name, "version": made.number}
                _audit(session, "content.saved", content_id, before={"version": content.version}, after=after)
    except HanmaruError as error:
        return _editor(content, content.channel, wording, error)
    return back("contents.one", "saved", content_id=content_id)


@pages.get("/<int:content_id>/versions")
def versions(content_id: int) -> Any:
    with here().db.read() as session:
        content, found = contents.get(session, content_id), contents.versions(session, content_id)
        pairs = zip(found, [*found[1:], None], strict=True)
        return render_template(
            "campaigns/content_versions.html", content=content, users=_users(session), notice=notice(),
            found=[(after, _difference(before, after)) for after, before in pairs],
        )  # fmt: skip


@pages.post("/<int:content_id>/versions/<int:version>/restore")
def restore(content_id: int, version: int) -> Any:
    with here().db.write() as session:
        content = contents.get(session, content_id)
        made = contents.restore(session, utcnow(), content_id, version, _can(content.channel), me().id, _public())
        _audit(session, "content.restored", content_id, after={"version": made.number})
    return back("contents.versions", "saved", content_id=content_id)


@pages.post("/<int:content_id>/remove")
def remove(content_id: int) -> Any:
    with here().db.write() as session:
        name = contents.get(session, content_id).name
        contents.remove(session, utcnow(), content_id)
        _audit(session, "content.removed", content_id, before={"name": name})
    return back("contents.index", "saved")


# -- looking at a draft -----------------------------------------------------------------------------


@pages.post("/look")
def see() -> Any:
    """What a recipient would get, what it weighs, and what is wrong with it, as JSON."""
    guarding().limits.take(LOOKS, str(me().id), utcnow())
    with here().db.read() as session:
        found, box = _look(session)
        weight = None
        if found.error is None and box is not None and (known := traits.find(here().channels, box.channel)):
            weight = look.weighed(session, here(), box, found.filled, _contact()) if known.measured else None
    said: dict[str, Any] = {
        "problem": told(found.error), "line": found.line, "empty": found.empty, "auto": found.draft.text,
        "subject": found.filled.subject, "text": found.filled.text, "html": bool(found.filled.html),
        "pages": False, "weight": None, "law": [] if found.error else _law(found, box),
        "hints": "" if found.error else " ".join(_hints(found)),
    }  # fmt: skip
    if weight is not None:
        said["weight"] = weighing.told(weight, weighing.weigh(weight, here().store))
        said["pages"] = bool((one := traits.find(here().channels, weight.channel.name)) and one.renders)
    return said


def _hints(found: look.Look) -> list[str]:
    """What can be sent as it is, and is not seen as it was meant."""
    hints = []
    if pictures := silent(found.draft.html):
        hints.append(
            ngettext(
                "%(num)s picture has no words for those who do not see it.",
                "%(num)s pictures have no words for those who do not see them.",
                pictures,
            )
        )
    if look.is_cut(found.filled):
        hints.append(_("Gmail shows no more than 102 kB of a mail: the end, with the way to refuse, is cut off."))
    return [str(one) for one in hints]


@pages.post("/facts")
def facts() -> Any:
    """What the law wants of the sender, ready to stand at the end; for advertising with its label, too."""
    with here().db.read() as session:
        wanted = request.form.get("inbox", "")
        box = inbox.get(session, int(wanted)) if wanted.isdecimal() and len(wanted) < 19 else None
        own = (box.settings or {}) if box else {}
        made = footer.footer(
            request.form.get("channel", ""), str(own.get("sender_phone", "")), str(own.get("sender_address", "")),
            box.address if box else "",
        )  # fmt: skip
    advertising = request.form.get("purpose") == "advertising"
    subject = footer.labelled(request.form.get("subject", "")) if advertising and made.html else ""
    return {"html": made.html, "text": made.text, "subject": subject}


def _law(found: Look, box: inbox.Inbox | None) -> list[list[str]]:
    """What the law says of these words, and how to mend it."""
    purpose = Purpose.ADVERTISING if request.form.get("purpose") == "advertising" else Purpose.INFORMATIONAL
    channel = box.channel if box else request.form.get("channel", "")
    problems = look.law(found.filled, channel, purpose, box, here().settings.organisation)
    return [[str(_(words)) % one.values if one.values else str(_(words)) for words in (one.sentence, one.mend)]
            for one in problems]  # fmt: skip


@pages.post("/pages")
def as_pages() -> Any:
    """The pages a recipient would get, as pictures."""
    with here().db.read() as session:
        found, box = _look(session)
        if found.error is not None:
            raise found.error
        if box is None:
            raise NotFound("This inbox does not exist.")
        weight = look.weighed(session, here(), box, found.filled, _contact())
    first, limit = sheets.span(request.form.get("from", 0, type=int), request.form.get("limit", 1, type=int))
    store = here().store  # the pages are made in a thread that knows no request
    return sheets.answer(lambda most: weighing.pages(weight, store, most), first, limit)


@pages.post("/frame")
@headed(MAIL)
def frame() -> Any:
    """The HTML a recipient would get, in a document that can neither run nor load anything."""
    with here().db.read() as session:
        found, _box = _look(session)
    response = Response(f"{FRAME}{found.filled.html}</body></html>", mimetype="text/html")
    policy = MAIL["Content-Security-Policy"]
    response.headers["Content-Security-Policy"] = policy.replace("sandbox ", "sandbox allow-same-origin ", 1)
    return response


@pages.post("/try")
def send_trial() -> Any:
    """To an address of one's own; `{"message": ..., "good": ...}` for the button's place."""
    guarding().limits.take(TRIALS, str(me().id), utcnow())
    try:
        with here().db.write() as session:
            found, box = _look(session, _public())
            if found.error is not None:
                raise found.error
            if box is None:
                raise NotFound("This inbox does not exist.")
            trial.send(
                session, utcnow(), box=box, can=_can(box.channel), to=request.form.get("to", ""), filled=found.filled,
                mark=str(_("[Test]")), user_id=me().id, domain=here().settings.mail_domain,
            )  # fmt: skip
            _audit(session, "content.tried", number("content") or 0, after={"inbox": box.id})
    except HanmaruError as error:
        return {"good": False, "message": told(error)}
    return {"good": True, "message": str(_("It is on its way. It stands among resolved conversations, too."))}


def _look(session: Session, public: str = "") -> tuple[Look, inbox.Inbox | None]:
    """The form's draft for the chosen recipient from the chosen inbox. `public`: where pictures are fetched."""
    channel, wanted = request.form.get("channel", ""), request.form.get("inbox", "")
    box = inbox.get(session, int(wanted)) if wanted.isdecimal() and len(wanted) < 19 else None
    own = _can(channel)
    can = _can(box.channel) if box else own
    draft = _wording().draft
    if box is not None and box.channel != channel:  # written for one channel, seen on another
        draft = look.on(draft, can)
    fields = own_fields.every(session)
    shown = frozenset(pictures.known(session, pictures.tokens(draft.html)))
    given = look.values_of(session, _contact(), can, fields) | (_ours(box) if box else {})
    return look.look(draft, can, given, frozenset(field.name for field in fields), shown, public), box


def _ours(box: inbox.Inbox) -> dict[str, str]:
    """What the house and the inbox put in, for everybody the same: what is not there is seen to be missing."""
    return {
        "sender": here().settings.organisation,
        "refusal_number": str((box.settings or {}).get("refusal_number", "")),
    }


def _contact() -> int | None:
    wanted = request.form.get("contact", "")
    return int(wanted) if wanted.isdecimal() and len(wanted) < 19 else None


# -- parts ------------------------------------------------------------------------------------------


def _editor(content: Content | None, channel: str, wording: Wording, error: HanmaruError | None = None) -> Any:
    with here().db.read() as session:
        page = render_template(
            "campaigns/content.html", content=content, channel=channel, medium_of=traits.find(here().channels, channel),
            wording=wording, can=_can(channel), channels=_channels(session), fields=names.FIELDS, links=names.LINKS,
            own=own_fields.every(session), hosted=_hosted(),
            boxes=beginning.starts(session, here().channels), contacts=_contacts(session), chosen=number("version"),
            rich=_plain_enough(wording.draft.html), advertises=_advertises(wording.draft),
            notice=notice(), error=told(error),
        )  # fmt: skip
    return refused(page, error)


def _plain_enough(html: str) -> bool:
    """Whether the formatting editor would keep all of it: nothing styled of somebody's own, no table."""
    rest = _OF_EDITOR.sub("", html)
    return not any(mark in rest for mark in ("style=", "<table", "<font", "<h3", "<center", "<span", "{%"))


def _public() -> str:
    return here().settings.public


def _hosted() -> bool:
    """Whether mail programs elsewhere can fetch our pictures."""
    return _public().startswith("https://")


def _advertises(draft: Draft) -> bool:
    """What its words are checked as at first: whoever labels them, or tries to, means advertising."""
    return "광고" in f"{draft.subject}{draft.text}"[:40]


def _wording() -> Wording:
    given = request.form
    auto = given.get("auto") == "1"
    draft = Draft(
        given.get("subject", ""), given.get("text", ""), given.get("html", ""), auto, given.get("preheader", ""),
        given.get("frame") == "1",
    )  # fmt: skip
    return Wording(given.get("name", ""), draft)


def _can(channel: str) -> Capabilities:
    return here().channels[channel].capabilities


def _channels(session: Session) -> dict[str, str]:
    """Channels one may write first on, and their names (msgids); all of them in a house that has no inbox yet."""
    starts = [one.traits for one in beginning.starts(session, here().channels)]
    every = starts or [traits.of(one) for one in here().channels if one.capabilities.starts]
    return {one.name: one.label for one in every}


def _contacts(session: Session) -> list[directory.Person]:
    """Who wrote last: somebody to look at the words with."""
    newest = select(Conversation.contact_id).order_by(Conversation.id.desc()).limit(PEOPLE * 2)
    numbers = list(dict.fromkeys(session.scalars(newest)))
    known = directory.people(session, numbers)
    return list({known[n].id: known[n] for n in numbers if n in known and not known[n].erased_at}.values())[:PEOPLE]


def _newest(session: Session, found: Sequence[Content]) -> dict[int, ContentVersion]:
    query = select(ContentVersion).join(
        Content, (Content.id == ContentVersion.content_id) & (Content.version == ContentVersion.number)
    )
    return {one.content_id: one for one in session.scalars(query.where(Content.id.in_([each.id for each in found])))}


def _users(session: Session) -> dict[int, str]:
    return {user.id: user.name for user in everybody(session)}


def _difference(before: ContentVersion | None, after: ContentVersion) -> list[tuple[str, str]]:
    """(sign, line): subject, text and HTML, what is new and what is gone with a little around it."""
    lines = difflib.unified_diff(_lines(before) if before else [], _lines(after), lineterm="", n=2)
    return [(line[0], line[1:]) for line in lines if not line.startswith(("+++", "---", "@@"))][:400]


def _lines(one: ContentVersion) -> list[str]:
    html = one.draft.html.replace("</div>", "</div>\n").replace("</p>", "</p>\n").replace("</tr>", "</tr>\n")
    return [line for line in (one.subject, one.preheader, *one.text.split("\n"), *html.split("\n")) if line.strip()]


def _audit(session: Session, what: str, content_id: int, **facts: Any) -> None:
    subject = f"content:{content_id}"
    audit.append(session, utcnow(), what, by=me().id, ip=client_ip(), subject=subject, **facts)
