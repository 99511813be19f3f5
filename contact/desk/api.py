"""The console's verbs as JSON. Every answer is small; what changed comes back through the log."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request
from flask_babel import gettext as _
from sqlalchemy import select, update

from contact import consent, directory, files, outbox, users
from contact import conversation as conversations
from contact.conversation import Mention
from contact.db import utcnow
from contact.desk import (
    acts,
    beginning,
    counted,
    deliveries,
    draft,
    live,
    parcel,
    seek,
    seen,
    sheets,
    undo,
    weighing,
    writing,
)
from contact.desk.fields import fields_of
from contact.desk.uploads import Uploads, content_id
from contact.desk.writing import Letter
from contact.errors import Invalid, NotFound, TooLarge
from contact.limits import Steady
from contact.messages import AddressKind, Wish
from contact.outbox import Delivery
from contact.users import Role
from contact.web import here
from contact.web.files import clean_name, safe_file_headers
from contact.web.headers import FILE, headed
from contact.web.security import Rule, guarding, me, role, rule_for

pages = Blueprint("desk_api", __name__, url_prefix="/desk/api")
rule_for(pages, Rule(role=Role.AGENT))

WEIGHINGS = Steady("desk.preview", burst=60, every=0.2)
"""How often one agent may have a message weighed: a few times a second while typing."""
WATCHED = 50
"""Messages on their way that one page asks about."""
TOLD = "phone"
"""Where a wish was said that an agent was told."""


@pages.post("/act")
def act() -> Any:
    """`verb`, `ids`, `value`: assign, resolve, snooze, tag, merge ... one or many conversations."""
    asked, now = _json(), utcnow()
    ids = [int(number) for number in asked.get("ids", []) if str(number).isdecimal()]
    with here().db.write() as session:
        acts.act(session, now, str(asked.get("verb", "")), ids, asked.get("value"), me())
        if asked.get("note") and len(ids) == 1:
            writing.note(session, now, conversations.get(session, ids[0]), str(asked["note"]), me())
    return {"done": len(ids)}


@pages.post("/conversations/<int:number>/messages")
def send(number: int) -> Any:
    """A reply. `then`: `resolve` or `pend` along with it."""
    asked, now, service = _json(), utcnow(), here()
    letter = _letter(asked)
    _weigh(letter)
    with service.db.write() as session:
        conversation = conversations.top(session, conversations.get(session, number))
        delivery = writing.reply(session, now, service, conversation, letter, me())
    _spread_draft(conversation.id, None, str(asked.get("device", "")))
    return _promised(delivery)


@pages.post("/conversations")
def begin() -> Any:
    """A letter that begins a conversation. `place` is where its draft stands."""
    asked, now, service = _json(), utcnow(), here()
    place, letter, to = int(asked.get("place") or 0), _letter(asked), str(asked.get("to", ""))
    _weigh(letter, to)
    with service.db.write() as session:
        delivery = beginning.begin(session, now, service, letter, to, place, me())
    _spread_draft(place, None, str(asked.get("device", "")))
    return _promised(delivery)


@pages.post("/preview")
def preview() -> Any:
    """How the channel counts what is being written: a line, and what cannot be sent, by position."""
    asked, service = _json(), here()
    guarding().limits.take(WEIGHINGS, str(me().id), utcnow())
    with service.db.read() as session:
        weighed = weighing.gather(session, service, _letter(asked), me(), str(asked.get("to", "")))
    return weighing.told(weighed, weighing.weigh(weighed, service.store))


@pages.post("/preview/pages")
def preview_pages() -> Any:
    """Its pages as pictures, `from` up to `limit`; see `contact/desk/sheets.py`."""
    asked, service = _json(), here()
    first, limit = sheets.span(_whole(asked.get("from")), _whole(asked.get("limit")))
    with service.db.read() as session:
        weighed = weighing.gather(session, service, _letter(asked), me(), str(asked.get("to", "")))
    return sheets.answer(lambda most: weighing.pages(weighed, service.store, most), first, limit)


@pages.post("/conversations/<int:number>/notes")
def write_note(number: int) -> Any:
    asked, now = _json(), utcnow()
    with here().db.write() as session:
        conversation = conversations.top(session, conversations.get(session, number))
        row = writing.note(session, now, conversation, str(asked.get("text", "")), me(), _key(asked))
    _spread_draft(conversation.id, None, str(asked.get("device", "")))
    return {"row": row.id}


@pages.put("/conversations/<int(signed=True):number>/draft")
def keep_draft(number: int) -> Any:
    """Within half a second of the last key; 409 with the other draft when it moved elsewhere."""
    asked, now = _json(), utcnow()
    given = asked.get("fields")
    fields = fields_of(given, _uploads()) if isinstance(given, dict) else {}
    words = draft.Words(
        mode=str(asked.get("mode", "reply")),
        text=str(asked.get("text", "")),
        fields=fields,
        seen_id=int(asked.get("seen") or 0),
    )
    try:
        with here().db.write() as session:
            beginning.place_of(session, number)
            kept = draft.save(session, now, me().id, number, words, int(asked.get("version") or 0))
    except draft.Moved as moved:
        return {"error": moved.code, "message": _(moved.message), "draft": moved.draft}, moved.status
    _spread_draft(number, draft.as_json(kept), str(asked.get("device", "")))
    return {"draft": draft.as_json(kept)}


@pages.get("/conversations/<int:number>/draft")
def show_draft(number: int) -> Any:
    with here().db.read() as session:
        return {"draft": draft.as_json(draft.find(session, me().id, number))}


@pages.post("/conversations/<int:number>/seen")
def mark_seen(number: int) -> Any:
    """The agent has row `last` on screen; mentions in it are seen, too."""
    asked, now = _json(), utcnow()
    with here().db.write() as session:
        seen.read_to(session, me().id, number, int(asked.get("last") or 0))
        session.execute(
            update(Mention)
            .where(Mention.user_id == me().id, Mention.seen_at.is_(None))
            .where(Mention.conversation_id.in_(conversations.members(session, number)))
            .values(seen_at=now)
        )
    live.looked(number, int(asked.get("last") or 0))
    return {}


@pages.post("/deliveries/<int:number>/<any(cancel, retry, arrived, lost):what>")
def decide(number: int, what: str) -> Any:
    """Take a message back, send it again, or say what became of it."""
    now, service, user = utcnow(), here(), me()
    with service.db.write() as session:
        if what == "cancel":
            kept = draft.as_json(undo.take_back(session, now, service, number, user))
        elif what == "retry":
            outbox.retry(session, now, number, user.id)
            kept = None
        else:
            outbox.settle_by_hand(session, now, number, what == "arrived", user.id)
            kept = None
    if kept:
        _spread_draft(kept["conversation"], kept, str(_json().get("device", "")))
    return {"draft": kept}


@pages.post("/deliveries/<int:number>/recall")
def recall(number: int) -> Any:
    """Ask the provider to stop a message it has."""
    deliveries.call_back(number)
    return {}


@pages.get("/deliveries/progress")
def progress() -> Any:
    """How far messages on their way have come: `ids` between commas."""
    ids = [int(one) for one in request.args.get("ids", "").split(",") if one.isascii() and one.isdecimal()][:WATCHED]
    with here().db.read() as session:
        found = session.execute(select(Delivery.id, Delivery.state, Delivery.progress).where(Delivery.id.in_(ids)))
        return {str(one): {"state": state, "text": counted.progress(kept)} for one, state, kept in found}


@pages.post("/addresses/<int:number>/consent")
def consented(number: int) -> Any:
    """An agent was told whether messages to this address are welcome; `words` are the owner's, the proof."""
    asked, now = _json(), utcnow()
    wish = Wish(bool(asked.get("given")), "agent", _field(asked.get("words")))
    with here().db.write() as session:
        address = session.get(directory.Address, number)
        if address is None:
            raise NotFound("This address does not exist.")
        changed = consent.record(session, now, address, wish, channel=TOLD, user_id=me().id)
    return {"changed": changed}


@pages.post("/files")
def upload() -> Any:
    """One file for a draft; stored before anything speaks of it."""
    service = here()
    given = request.files.get("file")
    if given is None:
        raise Invalid("There is no file.")
    limit = service.settings.files_limit_mb * 1024 * 1024
    if (request.content_length or 0) > limit + 64 * 1024:
        raise TooLarge("Files may have up to %(mb)s MB.", mb=service.settings.files_limit_mb)
    kept = service.store.put(files.chunks_of(given.stream), limit)  # type: ignore[arg-type]
    kind = (given.mimetype or "application/octet-stream")[:120]
    item = files.Item(kept.sha256, kept.size, clean_name(given.filename or "file"), kind)
    about = {"token": _uploads().token(item), "name": item.name, "size": item.size, "type": item.content_type}
    return about | {"cid": content_id(item)}


@pages.get("/files/<token>")
@headed(FILE)
def uploaded(token: str) -> Any:
    """A picture that waits in a draft, so that every device of the agent can show it."""
    item = _uploads().picture(token)
    response = Response(parcel.stream(here().store.open(item.sha256)), direct_passthrough=True)
    response.headers.update(safe_file_headers(item.content_type, item.name))
    response.content_length = item.size
    return response


@pages.post("/contacts/<int:number>")
def change_contact(number: int) -> Any:
    """Name, organisation, language, zone, note."""
    asked = _json()
    fields = {name: _field(asked[name]) for name in ("name", "organisation", "note") if name in asked}
    fields |= {name: (_field(asked[name]) or None) for name in ("language", "zone") if name in asked}  # type: ignore[misc]
    with here().db.write() as session:
        directory.change(session, utcnow(), directory.get(session, number), me().id, **fields)
    return {}


@pages.post("/contacts/<int:number>/addresses")
def add_address(number: int) -> Any:
    asked = _json()
    try:
        kind = AddressKind(str(asked.get("kind", "")))
    except ValueError:
        raise Invalid("Choose a kind of address.") from None
    with here().db.write() as session:
        contact = directory.get(session, number)
        directory.add_address(session, utcnow(), contact, kind, str(asked.get("value", "")), me().id)
    return {}


@pages.post("/addresses/<int:number>/remove")
def remove_address(number: int) -> Any:
    with here().db.write() as session:
        directory.remove_address(session, utcnow(), number, me().id)
    return {}


@pages.post("/contacts/<int:number>/merge")
def merge_contact(number: int) -> Any:
    """`other` is shown as part of this contact from now on."""
    other = int(_json().get("other") or 0)
    with here().db.write() as session:
        winner, loser = directory.get(session, number), directory.get(session, other)
        directory.merge(session, utcnow(), loser, winner, me().id)
    return {}


@pages.post("/contacts/<int:number>/unmerge")
def unmerge_contact(number: int) -> Any:
    with here().db.write() as session:
        directory.unmerge(session, utcnow(), directory.get(session, number), me().id)
    return {}


@pages.post("/contacts/<int:number>/dismiss")
def dismiss_hint(number: int) -> Any:
    """These two are not one person."""
    other = int(_json().get("other") or 0)
    with here().db.write() as session:
        directory.dismiss(session, utcnow(), directory.get(session, number), directory.get(session, other), me().id)
    return {}


@pages.post("/contacts/<int:number>/erase")
@role(Role.ADMIN)
def erase_contact(number: int) -> Any:
    """Content and identity go, the rows stay. `name` must be typed again, so that no slip erases anybody."""
    from contact.desk import erasing

    erasing.erase(here(), utcnow(), number, str(_json().get("confirm", "")), me())
    return {}


@pages.post("/theme")
def theme() -> Any:
    """Light, dark, or as the system."""
    with here().db.write() as session:
        users.prefer(users.get(session, me().id), theme=str(_json().get("theme", "auto")))
    return {}


@pages.get("/contacts")
def find_contacts() -> Any:
    """Whom a name or an address may mean: for merging, newest first."""
    with here().db.read() as session:
        found = seek.people_like(session, request.args.get("q", ""), limit=12)
        return {
            "contacts": [
                {
                    "id": person.id,
                    "name": person.shown,
                    "addresses": [each.shown for each in person.addresses],
                    "reached": [
                        {"kind": each.kind, "value": each.value, "shown": each.shown} for each in person.addresses
                    ],
                }
                for person in found
            ]
        }


def _weigh(letter: Letter, to: str = "") -> None:
    """Refuse what holds something its channel cannot send, before anything is promised."""
    service = here()
    with service.db.read() as session:
        weighed = weighing.check(session, service, letter, me(), to)
    weighing.refuse(weighed, service.store)


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _promised(delivery: Delivery) -> dict[str, Any]:
    return {
        "delivery": delivery.id,
        "row": delivery.interaction_id,
        "conversation": delivery.conversation_id,
        "state": delivery.state,
        "leaves": delivery.next_at.isoformat(),
    }


def _letter(asked: dict[str, Any]) -> Letter:
    """`way` is `INBOX:ADDRESS`, or both stand apart as `inbox` and `address`; without the address it begins a talk."""
    box, _colon, address = str(asked.get("way", "")).partition(":")
    box, address = box or str(asked.get("inbox", "")), address or str(asked.get("address", ""))
    if not (box.isdecimal() and (address or "0").isdecimal()):
        raise Invalid("Choose an address to write to.")
    seen_id = asked.get("seen")
    later = asked.get("later")
    return Letter(
        key=_key(asked),
        text=str(asked.get("text", "")),
        inbox_id=int(box),
        address_id=int(address or 0),
        subject=str(asked.get("subject", "")),
        cc=str(asked.get("cc", "")),
        bcc=str(asked.get("bcc", "")),
        files=tuple(str(token) for token in asked.get("files", ())),
        html=str(asked.get("html") or ""),
        images=tuple(str(token) for token in asked.get("images", ())),
        seen=int(seen_id) if seen_id is not None else None,
        later=acts.moment(later) if later else None,
        then=str(asked.get("then") or ""),
    )


def _key(asked: dict[str, Any]) -> str:
    """What makes a message or note the same one when it is sent again; empty = each is its own."""
    return f"desk:{me().id}:{asked['key']}"[:120] if asked.get("key") else ""


def _uploads() -> Uploads:
    return Uploads(here().settings.secret())


def _json() -> dict[str, Any]:
    found = request.get_json(silent=True)
    return found if isinstance(found, dict) else {}


def _field(value: Any) -> str:
    return str(value or "").strip()[:4000]


def _spread_draft(number: int, kept: dict[str, Any] | None, device: str) -> None:
    """To the agent's other devices, through every web process."""
    live.spread_draft(me().id, {"conversation": number, "draft": kept, "device": device})
