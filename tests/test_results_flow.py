"""The whole way: sent by a real worker, answered through the real doors, counted as a walk over the log counts it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from campaign_kit import Shop
from post_office import HELP
from results_kit import count_now
from sqlalchemy import select

import wsgi
from campaigns import evidence
from campaigns import recipient as recipients
from campaigns.campaign import Campaign
from campaigns.recipient import Recipient
from campaigns.responses import code as codes
from campaigns.responses import link as links
from campaigns.responses import views, visit
from campaigns.responses.replies import Replies
from campaigns.results import recount
from campaigns.results.counted import Counted
from contact import following, intake
from contact import inbox as inboxes
from contact.consent import Purpose, token
from contact.db import utcnow
from contact.log import Interaction
from contact.messages import AddressKind, Inbound, Party, Thread

pytestmark = pytest.mark.heavy
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
)
MANY = 60


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_was_sent_and_what_came_back(
    make_shop: Callable[..., Shop], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = make_shop(MANY, kind)
    for n in (7, 8, 9):
        shop.refuse(n)
    number = shop.launch()
    worker = shop.worker().start()
    shop.finished(number)
    worker.stop()
    db = shop.office.service.db
    with db.write() as session:
        links.keep(session, number, ["https://shop.example/a", "https://shop.example/b"])
        who = list(session.scalars(select(Recipient).where(Recipient.state == "accepted").order_by(Recipient.id)))
        launch = session.get_one(Campaign, number).launch_id
        assert launch is not None
    _answer(shop, [who[n] for n in (0, 1, 2)], twice=who[0])
    _visit(shop, who, monkeypatch)
    _refuse(shop, [who[n] for n in (20, 21)])
    _read(shop)
    wanted = _walk(db, launch)
    assert wanted["replied"] == 3
    assert wanted["clicked.human"] == 10
    assert wanted["clicked.machine"] == 4
    for _times in range(2):  # the page's own counting, then the worker's
        with db.read() as session:
            counted = Counted.read(session, launch)
            shown = {name: n for name, n in recount._shown(counted).items() if n}
            assert shown == wanted | {"refused": 2}
            assert recount.numbers(session, launch) == shown
            assert (counted.fate("accepted"), counted.fate("suppressed"), counted.ended) == (MANY - 3, 3, MANY)
            assert list(recount.check(session, session.get_one(Campaign, number))) == []
        count_now(db)


def _answer(shop: Shop, who: list[Recipient], twice: Recipient) -> None:
    """Mails that name our Message-IDs, through the intake."""
    settings = shop.office.service.settings
    for n, one in enumerate([*who, twice]):
        thread = Thread(
            f"in{n}@customer.example", (recipients.message_id(settings.secret(), one.id, settings.mail_domain),)
        )
        with shop.office.service.db.write() as session:
            box = inboxes.find(session, "email", HELP)
            assert box
            party = Party(AddressKind.EMAIL, one.value)
            intake.take(session, utcnow(), Inbound("email", f"k{n}", f"f{n}", party, "살게요", thread=thread), box)


def _visit(shop: Shop, who: list[Recipient], monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten people and four scanners at the door of the links, an hour later."""
    later = utcnow() + timedelta(hours=1)
    monkeypatch.setattr(views, "utcnow", lambda: later)
    key = shop.office.service.settings.secret()
    client = wsgi.create_app(service=shop.office.service).test_client()
    for n in range(10):
        for _again in range(1 + n % 2):
            answer = client.get(
                f"/r/{codes.make('r', who[n].id, key)}/{1 + n % 2}",
                headers={"User-Agent": CHROME, "Accept-Language": "ko"},
            )
            assert answer.status_code == 302
    for n in range(8, 12):
        assert client.head(f"/r/{codes.make('r', who[n].id, key)}/1").status_code == 302
    with shop.office.service.db.write() as session:
        while visit.judge_due(session, later + timedelta(minutes=1)):
            pass


def _refuse(shop: Shop, who: list[Recipient]) -> None:
    """The button of the mail program (RFC 8058)."""
    settings = shop.office.service.settings
    client = wsgi.create_app(service=shop.office.service).test_client()
    for one in who:
        link = token.link("https://shop.example", settings.secret(), one.address_id, Purpose.ADVERTISING)
        path = link.removeprefix("https://shop.example")
        assert client.post(path, data={"List-Unsubscribe": "One-Click"}).status_code == 200


def _read(shop: Shop) -> None:
    for reader in (Replies(shop.office.service.settings.secret()).reader(), evidence.READER):
        with shop.office.service.db.write() as session:
            while following.advance(session, reader):
                pass


def _walk(db: Any, launch: int) -> dict[str, int]:
    rows: Counter[str] = Counter()
    people: defaultdict[str, set[int]] = defaultdict(set)
    with db.read() as session:
        for row in session.scalars(select(Interaction).order_by(Interaction.id)):
            if row.about_id != launch:
                continue
            if row.name.startswith("recipient."):
                rows[row.name] += 1
            elif row.name == "response.replied":
                people["replied"].add(row.data["recipient"])
            elif row.name == "response.clicked":
                people[f"clicked.{row.data['who']}"].add(row.data["recipient"])
                people[f"link.{row.data['link']}.{row.data['who']}"].add(row.data["recipient"])
    return dict(rows) | {deed: len(whom) for deed, whom in people.items()}
