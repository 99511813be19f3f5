"""Canned answers on screen: the page with its list, search and editor; and what the composer asks for."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session

from contact import conversation as conversations
from contact import directory
from contact import users as people
from contact.conversation import Conversation
from contact.db import utcnow
from contact.desk import traits
from contact.desk.told import back, notice
from contact.directory import Contact
from contact.errors import HanmaruError, Invalid
from contact.inbox import Inbox
from contact.limits import Steady
from contact.response import queues
from contact.response.answers import fields, find, form, sheet, use, values
from contact.response.answers.answer import (
    LANGUAGES,
    CannedAnswer,
    Variant,
    Wording,
    add,
    change,
    checked,
    choose,
    get,
    remove,
    variants,
)
from contact.response.answers.fields import Filled
from contact.users import Role, audit
from contact.web import here
from contact.web.forms import refused, told
from contact.web.security import Rule, client_ip, guarding, me, rule_for

pages = Blueprint("answers", __name__, url_prefix="/desk/answers")
rule_for(pages, Rule(role=Role.AGENT))

ASKED = Steady("answers.find", burst=60, every=0.1)
"""How often one agent may search: some times a second while typing."""
WHOSE = ("all", "shared", "mine")
PEOPLE = 30
"""Contacts a preview may be made for: those who wrote last."""
SNIPPET = 160


# -- the page ---------------------------------------------------------------------------------------


@pages.get("")
def index() -> Any:
    return _index()


@pages.route("/new", methods=["GET", "POST"])
def new() -> Any:
    if request.method == "GET":
        return _editor(None, form.blank(request.args.get("text", "")), "mine" if not me().may(Role.SUPERVISOR) else "")
    wording, shared = form.read(request.form), form.is_shared(request.form)
    try:
        with here().db.write() as session:
            ready, owner = checked(wording, _channels()), None if shared else me().id
            made = add(session, utcnow(), ready, user_id=owner, by=me().id, may_share=_may_share())
            _audit(session, "answer.added", made)
    except HanmaruError as error:
        return _editor(None, wording, "" if shared else "mine", error)
    return back("answers.index", "saved")


@pages.route("/<int:number>", methods=["GET", "POST"])
def one(number: int) -> Any:
    with here().db.read() as session:
        answer = get(session, number, me().id)
        wording = form.of(answer, variants(session, [number]).get(number, []))
    if request.method == "GET":
        return _editor(answer, wording, "" if answer.user_id is None else "mine")
    wording = form.read(request.form)
    try:
        with here().db.write() as session:
            answer = get(session, number, me().id)
            change(session, utcnow(), answer, checked(wording, _channels()), by=me().id, may_share=_may_share())
            _audit(session, "answer.changed", answer)
    except HanmaruError as error:
        return _editor(answer, wording, "" if answer.user_id is None else "mine", error)
    return back("answers.index", "saved")


@pages.post("/<int:number>/remove")
def forget(number: int) -> Any:
    with here().db.write() as session:
        answer = get(session, number, me().id)
        remove(utcnow(), answer, by=me().id, may_share=_may_share())
        _audit(session, "answer.removed", answer)
    return back("answers.index", "saved")


@pages.post("/import")
def bring() -> Any:
    """A table: what came in, and each row that did not, with its reason."""
    given, shared = request.files.get("file"), form.is_shared(request.form)
    try:
        content = given.read(sheet.MOST_BYTES + 1) if given else b""
        if not content:
            raise Invalid("Choose a table first.")
        with here().db.write() as session:
            done = sheet.bring_in(
                session, utcnow(), sheet.read(content), _channels(), user_id=None if shared else me().id, by=me().id,
                may_share=_may_share(),
            )  # fmt: skip
            after = {"count": done.added + done.changed}
            audit.append(session, utcnow(), "answer.imported", by=me().id, ip=client_ip(), after=after)
    except HanmaruError as error:
        return _index(error)
    return _index(done=done)


@pages.post("/preview")
def preview() -> Any:
    """Words as they would stand in a composer, for a chosen contact on a chosen channel."""
    asked = _json()
    known, contact_id = list(form.words_of(asked.get("variants"))), str(asked.get("contact") or "")
    channel, service = str(asked.get("channel", "")), here()
    with service.db.read() as session:
        contact = directory.get(session, int(contact_id)) if contact_id.isdecimal() else None
        talk, chosen = _newest(session, contact), str(asked.get("language") or "")
        language = chosen or _spoken(session, talk, contact)
        found = choose(known, language, channel) if known else Variant("")
        said = values.of_contact(session, service.settings, contact, language, utcnow(), me().name)
        said |= {"number": "#1234", "subject": "…", "inbox": "…"}
        if talk is not None:
            said = values.of_conversation(session, service.settings, talk, language, utcnow(), me().name)
    bad = fields.wrong(found.text)
    filled = fields.fill(found.text, said, korean=language == "ko")
    return {
        "text": filled.text,
        "empty": filled.empty,
        "wrong": bad,
        "language": found.language,
        "channel": found.channel,
    }


# -- the composer -----------------------------------------------------------------------------------


@pages.get("/find")
def seek() -> Any:
    """What matches `q`, for the composer at `place` and its channel."""
    guarding().limits.take(ASKED, str(me().id), utcnow())
    place, channel = request.args.get("place", 0, type=int), request.args.get("channel", "")
    with here().db.read() as session:
        talk = _talk(session, place)
        language, said = _known(session, talk, place)
        queue = talk.queue_id if talk else None
        found = find.search(session, me().id, request.args.get("q", ""), queue_id=queue, every_queue=talk is None)
        return {"answers": [_line(one, language, channel, said) for one in found]}


@pages.post("/<int:number>/take")
def take(number: int) -> Any:
    """Words for the composer at `place`, to go out by `way` (inbox:address); remembered until they are sent."""
    asked = _json()
    place, channel = int(asked.get("place") or 0), str(asked.get("channel") or "")
    with here().db.write() as session:
        answer = get(session, number, me().id)
        language, said = _known(session, _talk(session, place), place)
        found = choose(variants(session, [answer.id]).get(answer.id, []), language, channel)
        medium = traits.find(here().channels, channel)
        rich = found.html if found.rich and medium is not None and medium.can.html else ""
        filled = fields.fill(found.text, said, rich, korean=language == "ko")
        use.take(session, utcnow(), answer.id, me().id, place, filled.text)
        return {"text": filled.text, "html": filled.html, "empty": filled.empty}


def _talk(session: Session, place: int) -> Conversation | None:
    return conversations.top(session, conversations.get(session, place)) if place > 0 else None


def _known(session: Session, talk: Conversation | None, place: int) -> tuple[str, dict[str, str]]:
    """The language, and the fields' values, where a letter stands."""
    settings, now = here().settings, utcnow()
    if talk is not None:
        box = session.get(Inbox, talk.inbox_id)
        language = values.spoken_in(session, talk, box.language if box else settings.language)
        return language, values.of_conversation(session, settings, talk, language, now, me().name)
    contact = directory.root(session, directory.get(session, -place)) if place < 0 else None
    language = values.language_of(contact, "", settings.language)
    return language, values.of_contact(session, settings, contact, language, now, me().name)


def _line(one: find.Found, language: str, channel: str, said: dict[str, str]) -> dict[str, Any]:
    found = choose(one.variants, language, channel) if one.variants else Variant("")
    filled: Filled = fields.fill(found.text, said, korean=language == "ko")
    return {
        "id": one.answer.id,
        "name": one.answer.name,
        "title": one.answer.title,
        "text": " ".join(filled.text.split())[:SNIPPET],
        "language": found.language,
        "channel": found.channel,
        "own": one.answer.user_id is not None,
        "uses": one.usage.sent,
    }


# -- parts ------------------------------------------------------------------------------------------


def _index(error: HanmaruError | None = None, done: sheet.Outcome | None = None) -> Any:
    whose, folder, wanted = request.args.get("whose", "all"), request.args.get("folder"), request.args.get("q", "")
    with here().db.read() as session:
        found = find.search(session, me().id, wanted, every_queue=True, limit=2000)
        folders = sorted({one.answer.folder for one in found if one.answer.folder})
        shown = [one for one in found if _fits(one.answer, whose, folder)]
        page = render_template(
            "response/answers.html",
            found=shown,
            whose=whose if whose in WHOSE else "all",
            folder=folder,
            folders=folders,
            wanted=wanted,
            queues=queues.names(session),
            done=done,
            told=told,
            may_share=_may_share(),
            notice=notice(),
            error=told(error),
        )
    return refused(page, error)


def _fits(answer: CannedAnswer, whose: str, folder: str | None) -> bool:
    if folder and answer.folder != folder:
        return False
    return whose not in ("shared", "mine") or (answer.user_id is None) == (whose == "shared")


def _editor(answer: CannedAnswer | None, wording: Wording, whose: str, error: HanmaruError | None = None) -> Any:
    with here().db.read() as session:
        users = {user.id: user.name for user in people.everybody(session)} if answer else {}
        page = render_template(
            "response/answer.html",
            answer=answer,
            wording=wording,
            whose=whose,
            own=whose == "mine",
            may_change=answer is None or answer.user_id == me().id or _may_share(),
            may_share=_may_share(),
            languages=LANGUAGES,
            fields=fields.FIELDS,
            queues=queues.every(session),
            contacts=_contacts(session),
            uses=[(users.get(each.user_id, "?"), each) for each in use.by_agent(session, answer.id)] if answer else [],
            preview=url_for("answers.preview"),
            error=told(error),
        )
    return refused(page, error)


def _contacts(session: Session) -> list[directory.Person]:
    """Who wrote last: somebody to look at the words with."""
    newest = select(Conversation.contact_id).order_by(Conversation.id.desc()).limit(PEOPLE * 2)
    numbers = list(dict.fromkeys(session.scalars(newest)))
    known = directory.people(session, numbers)
    return list({known[n].id: known[n] for n in numbers if n in known and not known[n].erased_at}.values())[:PEOPLE]


def _spoken(session: Session, talk: Conversation | None, contact: Contact | None) -> str:
    otherwise = here().settings.language
    return values.spoken_in(session, talk, otherwise) if talk else values.language_of(contact, "", otherwise)


def _newest(session: Session, contact: Contact | None) -> Conversation | None:
    if contact is None:
        return None
    family = [member.id for member in directory.family(session, contact.root_id)]
    query = select(Conversation).where(Conversation.contact_id.in_(family)).order_by(Conversation.id.desc()).limit(1)
    return session.scalar(query)


def _channels() -> list[str]:
    return [channel.name for channel in here().channels]


def _may_share() -> bool:
    return me().may(Role.SUPERVISOR)


def _json() -> dict[str, Any]:
    asked = request.get_json(silent=True)
    return asked if isinstance(asked, dict) else {}


def _audit(session: Session, what: str, answer: CannedAnswer) -> None:
    after = {"name": answer.name}
    audit.append(session, utcnow(), what, by=me().id, ip=client_ip(), subject=f"answer:{answer.id}", after=after)
