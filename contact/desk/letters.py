"""Letters that people carry: take what waits, print it, say "posted"; note what came back, correct the address."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session

from contact import inbox, letters, outbox, postmark
from contact.bundle import Bundle
from contact.channel import Binds
from contact.db import utcnow
from contact.desk import words
from contact.desk.filters import reason
from contact.desk.told import back, notice, number
from contact.directory import Address
from contact.errors import HanmaruError, Invalid, NotFound
from contact.inbox import Inbox
from contact.letters import LetterBatch, Returned
from contact.messages import DeliveryState, InboxFacts, Outbound
from contact.outbox import Delivery
from contact.users import Role, audit
from contact.web import here
from contact.web.errors import wants_json
from contact.web.files import disposition
from contact.web.forms import refused, told
from contact.web.headers import FILE, headed
from contact.web.offload import apart
from contact.web.security import Rule, client_ip, me, rule_for

pages = Blueprint("letters", __name__, url_prefix="/desk/letters")
rule_for(pages, Rule(role=Role.AGENT))

GONE = (DeliveryState.CANCELLED, DeliveryState.HELD, DeliveryState.FAILED, DeliveryState.EXPIRED)
"""Not in the pile."""
KINDS = {"json": "application/json", "csv": "text/csv; charset=utf-8"}


@pages.get("")
def index() -> Any:
    """Every inbox of ours that people post for; the field for a letter that came back."""
    return _index()


@pages.post("/<int:inbox_id>/take")
def take(inbox_id: int) -> Any:
    """What waits becomes a batch; what cannot be printed fails, with its reason."""
    wrong = _hindered(inbox_id)
    try:
        with here().db.write() as session:
            batch = letters.take(session, utcnow(), inbox_id, me().id, without=wrong)
            _audit(session, "letters.taken", batch)
            made = batch.id
    except HanmaruError as error:
        return _index(error)
    return back("letters.batch", "some_failed" if wrong else "batch_taken", batch_id=made)


@pages.get("/batches/<int:batch_id>")
def batch(batch_id: int) -> Any:
    return _batch(batch_id)


@pages.get("/batches/<int:batch_id>/letters.pdf")
@headed(FILE)
def pdf(batch_id: int) -> Any:
    return _file(_bundle(batch_id).pdf, "application/pdf", f"letters-{batch_id}.pdf")


@pages.get("/batches/<int:batch_id>/manifest.<any(json, csv):kind>")
@headed(FILE)
def manifest(batch_id: int, kind: str) -> Any:
    """The list: sequence, recipient, pages, sha256, delivery."""
    bundle = _bundle(batch_id)
    with here().db.read() as session:
        one = letters.batch_of(session, batch_id)
        channel, box = _channel(inbox.get(session, one.inbox_id))
        facts = {"batch": batch_id, "inbox": box.name, "taken_at": one.taken_at.isoformat()}
    return _file(channel.manifest(bundle, kind, facts), KINDS[kind], f"letters-{batch_id}.{kind}")


@pages.get("/batches/<int:batch_id>/labels.pdf")
@headed(FILE)
def labels(batch_id: int) -> Any:
    """Address labels; `sheet` is their size, `skip` how many of the first sheet are used up."""
    channel, box, messages = _messages(batch_id)
    sheet, skip = request.args.get("sheet", ""), number("skip") or 0
    made = apart(lambda: channel.labels(messages, box, sheet or next(iter(channel.sheets)), min(skip, 100)))
    return _file(made, "application/pdf", f"labels-{batch_id}.pdf")


@pages.post("/batches/<int:batch_id>/<any(posted, back):what>")
def end(batch_id: int, what: str) -> Any:
    """The pile is in the box, or it was never posted."""
    try:
        with here().db.write() as session:
            batch = letters.batch_of(session, batch_id)
            if what == "posted":
                count = letters.posted(session, utcnow(), batch_id, me().id)
                _audit(session, "letters.posted", batch, count=count)
            else:
                letters.put_back(session, utcnow(), batch_id, me().id)
                _audit(session, "letters.back", batch)
    except HanmaruError as error:
        return _batch(batch_id, error)
    return back("letters.batch", "batch_posted" if what == "posted" else "batch_put_back", batch_id=batch_id)


@pages.get("/returned")
def find() -> Any:
    """The letter of a number that was scanned or typed from a returned envelope."""
    written = request.args.get("number", "")[:60]
    found = postmark.delivery_of(written, here().settings.secret())
    if found is None:
        return _index(NotFound("No letter of ours has the number %(number)s. Look for a slip.", number=written))
    if found < 0:
        return redirect(url_for("campaign_letters.one", recipient_id=-found))
    return back("letters.one", delivery_id=found)


@pages.get("/<int:delivery_id>")
def one(delivery_id: int) -> Any:
    return _one(delivery_id)


@pages.post("/<int:delivery_id>/returned")
def come_back(delivery_id: int) -> Any:
    """`why`: moved, unknown, refused. A machine gets the new state as JSON."""
    try:
        why = _why(request.form.get("why", ""))
        with here().db.write() as session:
            delivery = letters.returned(session, utcnow(), delivery_id, why, me().id)
            audit.append(session, utcnow(), "letter.returned", by=me().id, ip=client_ip(),
                         subject=f"delivery:{delivery_id}", after={"why": why.value})  # fmt: skip
            state = delivery.state
    except HanmaruError as error:
        if wants_json():
            raise
        return _one(delivery_id, error)
    if wants_json():
        return {"delivery": delivery_id, "state": state}
    return back("letters.one", "return_noted", delivery_id=delivery_id)


@pages.post("/<int:delivery_id>/address")
def correct(delivery_id: int) -> Any:
    """Where the recipient of a returned letter really lives."""
    try:
        with here().db.write() as session:
            delivery = _letter(session, delivery_id)
            value = request.form.get("value", "")[:1000]
            letters.correct(session, utcnow(), delivery.address_id, value, me().id)
    except HanmaruError as error:
        return _one(delivery_id, error)
    return back("letters.one", "address_corrected", delivery_id=delivery_id)


def _why(word: str) -> Returned:
    try:
        return Returned(word)
    except ValueError:
        raise Invalid("Say why the letter came back.") from None


def _channel(box: Inbox) -> tuple[Binds, InboxFacts]:
    channel = here().channels[box.channel]
    if not isinstance(channel, Binds):
        raise NotFound("This inbox has no letters for a person to post.")
    return channel, inbox.facts(box)


def _hindered(inbox_id: int) -> set[int]:
    """Letters that cannot be printed fail now, before the others are taken; their ids."""
    with here().db.read() as session:
        channel, box = _channel(inbox.get(session, inbox_id))
        messages = _read(session, letters.waiting(session, utcnow(), inbox_id))
    found = apart(lambda: {each.delivery_id: channel.hindrance(each, box) for each in messages})
    wrong = {delivery: error for delivery, error in found.items() if error}
    if wrong:
        with here().db.write() as session:
            for delivery_id, error in wrong.items():
                outbox.fail(session, utcnow(), session.get_one(Delivery, delivery_id), error)
    return set(wrong)


def _read(session: Session, deliveries: Sequence[Delivery]) -> list[Outbound]:
    return [outbox.outbound(session, each.id, here().store) for each in deliveries]


def _messages(batch_id: int) -> tuple[Binds, InboxFacts, list[Outbound]]:
    """The letters of a batch that are, or were, in the pile; raises `NotFound` when none is left."""
    with here().db.read() as session:
        channel, box = _channel(inbox.get(session, letters.batch_of(session, batch_id).inbox_id))
        pile = [each for _, each in letters.letters(session, batch_id) if each.message and each.state not in GONE]
        if not pile:
            raise NotFound("No letter of this batch is left.")
        return channel, box, _read(session, pile)


def _bundle(batch_id: int) -> Bundle:
    channel, box, messages = _messages(batch_id)
    return apart(lambda: channel.bind(messages, box, lambda _: None))


def _file(content: bytes, kind: str, name: str) -> Response:
    response = Response(content, content_type=kind)
    response.headers["Content-Disposition"] = disposition(name, inline=False)
    return response


def _index(error: HanmaruError | None = None) -> Any:
    now = utcnow()
    with here().db.read() as session:
        boxes = letters.hand_inboxes(session)
        batches = {box.id: letters.batches(session, box.id) for box in boxes}
        numbers = [each.id for found in batches.values() for each in found]
        page = render_template(
            "desk/letters.html",
            boxes=boxes,
            waiting={box.id: len(letters.waiting(session, now, box.id)) for box in boxes},
            batches=batches,
            counts=letters.counts(session, numbers),
            written=request.args.get("number", "")[:60],
            error=told(error),
            notice=notice(),
        )
    return refused(page, error)


def _batch(batch_id: int, error: HanmaruError | None = None) -> Any:
    with here().db.read() as session:
        one = letters.batch_of(session, batch_id)
        box = inbox.get(session, one.inbox_id)
        rows = letters.letters(session, batch_id)
        addresses = _addresses(session, [each.address_id for _, each in rows])
        pulled = set(letters.pulled(session, batch_id)) if one.open else set()
        page = render_template(
            "desk/letter_batch.html",
            batch=one,
            box=box,
            rows=[(place, each, addresses.get(each.address_id, ""), _number(each)) for place, each in rows],
            pulled=pulled,
            going=len([each for _, each in rows if each.state not in GONE]),
            sheets=_channel(box)[0].sheets,
            words=words,
            states=DeliveryState,
            error=told(error),
            notice=notice(),
        )
    return refused(page, error)


def _one(delivery_id: int, error: HanmaruError | None = None) -> Any:
    with here().db.read() as session:
        delivery = _letter(session, delivery_id)
        address = session.get_one(Address, delivery.address_id)
        page = render_template(
            "desk/letter_returned.html",
            delivery=delivery,
            address=address,
            number=_number(delivery),
            reasons=letters.RETURNED,
            may=outbox.may_follow(DeliveryState(delivery.state), DeliveryState.BOUNCED),
            stage=words.DELIVERY[DeliveryState(delivery.state)],
            reason=reason,
            conversation=url_for("desk.conversation", number=delivery.conversation_id),
            error=told(error),
            notice=notice(),
        )
    return refused(page, error)


def _letter(session: Session, delivery_id: int) -> Delivery:
    delivery = session.get(Delivery, delivery_id)
    if delivery is None or not _posts(delivery.channel):
        raise NotFound("There is no letter of this number.")
    return delivery


def _posts(channel: str) -> bool:
    """Whether its messages are letters that a person may carry."""
    return channel in here().channels and isinstance(here().channels[channel], Binds)


def _number(delivery: Delivery) -> str:
    return postmark.number(delivery.id, here().settings.secret())


def _addresses(session: Session, ids: Sequence[int]) -> dict[int, str]:
    found = session.execute(select(Address.id, Address.value).where(Address.id.in_(set(ids))))
    return dict(iter(found))


def _audit(session: Session, what: str, batch: LetterBatch, **facts: Any) -> None:
    audit.append(
        session, utcnow(), what, by=me().id, ip=client_ip(), subject=f"letter_batch:{batch.id}", after=facts or None
    )
