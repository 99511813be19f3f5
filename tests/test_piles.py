"""Letters of a campaign that people carry: one pile in the order of the addresses, each letter once, come what may."""

from __future__ import annotations

import csv
import io
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pypdf
import pytest
import sqlalchemy as sa
import zxingcpp
from campaign_kit import Words, anything
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from page_kit import browse, home, text, town  # noqa: F401 - fixtures
from people_kit import House
from PIL import Image
from post_kit import words
from printers import poppler

from campaigns import audience, stall
from campaigns import campaign as campaigns
from campaigns import recipient as recipients
from campaigns.campaign import Campaign
from campaigns.content import content as contents
from campaigns.content.content import Wording
from campaigns.content.wording import Draft
from campaigns.piles import pile as piles
from campaigns.piles.pile import Pile, PiledLetter
from campaigns.pipe import part
from campaigns.recipient import Recipient
from contact import consent, directory, inbox, log, postmark
from contact.channel import HAND
from contact.consent import Purpose, token
from contact.db import Database, utcnow
from contact.directory import Address
from contact.errors import Conflict, NotFound
from contact.log import Interaction
from contact.messages import AddressKind, Party, Wish

OURS = "04524 서울특별시 중구 세종대로 110"
STREETS = (
    "63322 제주특별자치도 제주시 첨단로 {n}",
    "06236 서울특별시 강남구 테헤란로 {n}",
    "48058 부산광역시 해운대구 센텀로 {n}",
)
PORTS = Words()


@dataclass
class Post:
    """A house with one inbox that people post for, and a campaign to everybody who has a letter box."""

    db: Database
    number: int = 0
    addresses: list[int] = field(default_factory=list)

    def people(self, many: int) -> None:
        with self.db.write() as session:
            log.lock(session)
            for n in range(many):
                value = f"{STREETS[n % 3].format(n=n + 10)} | 사람 {n}"
                _, address = directory.find_or_create(session, utcnow(), Party(AddressKind.POST, value, f"사람 {n}"))
                self.addresses.append(address.id)

    def launch(self, purpose: str = "informational", version_id: int = 1) -> int:
        with self.db.write() as session:
            box = inbox.find(session, "post", OURS) or inbox.add(
                session, utcnow(), "post", OURS, "한마루 상점", provider=HAND
            )
            made = campaigns.create(
                session,
                utcnow(),
                "봄맞이 안내",
                inbox_id=box.id,
                channel="post",
                purpose=purpose,
                version_id=version_id,
            )
            campaigns.launch(session, utcnow(), made.id, None, check=anything)
            self.number = made.id
        with self.db.read() as session:
            kept = session.get_one(Campaign, self.number)
            who = PORTS.audience({}, channel="post", now=utcnow())
            session.expunge(kept)
        audience.freeze(self.db, utcnow(), kept, who, waits=True)
        return self.number

    def take(self, **more: Any) -> int:
        with self.db.write() as session:
            made = piles.take(session, utcnow(), self.number, None, PORTS, **more)
            return made.id if made else 0

    def do(self, verb: Callable[..., Any], *given: Any) -> Any:
        with self.db.write() as session:
            return verb(session, utcnow(), *given)

    def posted(self, pile: int) -> int:
        return int(self.do(piles.posted, pile, None, PORTS))

    def refuse(self, address: int) -> None:
        with self.db.write() as session:
            one = session.get_one(Address, address)
            consent.record(session, utcnow(), one, Wish(False, "keyword", "STOP"), channel="post")

    def counts(self) -> Counter[str]:
        with self.db.read() as session:
            return +Counter(dict(recipients.counts(session, self.number)))

    def values(self, pile: int) -> list[str]:
        with self.db.read() as session:
            return [one.value for _, one in piles.letters(session, pile)]

    def places_out(self, pile: int) -> dict[int, str]:
        with self.db.read() as session:
            return piles.out(session, utcnow(), piles.of(session, pile), PORTS)

    def sound(self) -> None:
        """Ended once each, nobody in two piles, accepted only who lay in a pile that left, the log says the same."""
        with self.db.read() as session:
            states = dict(iter(session.execute(sa.select(Recipient.id, Recipient.state))))
            lying = session.execute(sa.select(PiledLetter.recipient_id, Pile.posted_at).join(Pile)).all()
            names = session.execute(
                sa.select(Interaction.name, sa.func.count()).where(Interaction.name.startswith("recipient."))
                .group_by(Interaction.name)
            ).all()  # fmt: skip
        assert len(states) == len(self.addresses)
        left = {number for number, at in lying if at is not None}
        assert {one for one, state in states.items() if state == "accepted"} <= left
        assert len(lying) == len({number for number, _ in lying})
        ended = Counter(f"recipient.{state}" for state in states.values() if state in recipients.ENDS)
        assert dict(iter(names)) == ended

    def sweep(self) -> None:
        while self.do(part.sweep):
            pass


@pytest.fixture(params=["sqlite", "postgresql"])
def post(request: pytest.FixtureRequest, new_db: Callable[[str], Database]) -> Post:
    made = Post(new_db(request.param))
    made.people(9)
    made.launch()
    return made


def test_one_pile_in_the_order_of_the_addresses_settles_its_recipients(post: Post) -> None:
    pile = post.take()
    assert post.values(pile) == sorted(post.values(pile))
    assert [one[:3] for one in post.values(pile)] == ["062"] * 3 + ["480"] * 3 + ["633"] * 3
    assert post.counts() == {"planned": 9}, "taken is not sent"
    with pytest.raises(Conflict):
        post.take()
    post.do(piles.printed, pile)
    assert post.counts() == {"planned": 9}, "nor is printed"
    assert post.posted(pile) == 9
    assert post.counts() == {"accepted": 9}
    with pytest.raises(Conflict):
        post.posted(pile)
    with pytest.raises(Conflict):
        post.do(piles.put_back, pile, None)
    post.sound()
    post.sweep()
    with post.db.read() as session:
        assert session.get_one(Campaign, post.number).state == "finished"
        assert not session.scalars(sa.select(Recipient).where(Recipient.waits)).all(), "nobody asks a post box"


def test_what_was_put_back_waits_again_and_the_unprintable_fail(post: Post) -> None:
    first = post.take()
    post.do(piles.put_back, first, None)
    with post.db.read() as session:
        bad = session.scalars(sa.select(Recipient.id).order_by(Recipient.value)).first()
    assert bad is not None
    second = post.take(unprintable={bad: "No font has these characters"})
    assert post.counts() == {"planned": 8, "failed": 1}
    assert len(post.values(second)) == 8
    assert post.posted(second) == 8
    post.sound()


def test_a_refusal_while_it_lies_there_is_pulled_out(post: Post) -> None:
    pile = post.take()
    post.refuse(post.addresses[1])
    (place,) = post.places_out(pile)
    assert "테헤란로" in post.values(pile)[place - 1]
    assert post.posted(pile) == 8
    assert post.counts() == {"accepted": 8, "suppressed": 1}
    post.sound()


def test_an_end_and_a_pause_count_to_the_last_moment(post: Post) -> None:
    pile = post.take()
    post.do(campaigns.pause, post.number, None)
    with pytest.raises(Conflict):
        post.take()
    post.do(campaigns.cancel, post.number, None)
    assert len(post.places_out(pile)) == 9, "before the worker has swept"
    post.sweep()
    assert len(post.places_out(pile)) == 9
    assert post.posted(pile) == 0
    assert post.counts() == {"cancelled": 9}
    post.sound()


def test_two_who_take_at_once_get_different_letters(post: Post) -> None:
    made: list[int] = []
    gate = threading.Barrier(4)

    def take() -> None:
        gate.wait()
        try:
            made.append(post.take())
        except Conflict:
            made.append(0)

    hands = [threading.Thread(target=take) for _ in range(4)]
    for one in hands:
        one.start()
    for one in hands:
        one.join(60)
    assert len([one for one in made if one]) == 1
    post.sound()


def test_a_pile_of_a_person_is_no_stall(post: Post) -> None:
    late = utcnow() + timedelta(hours=2)
    with post.db.read() as session:
        assert stall.why(session, late, session.get_one(Campaign, post.number)) is None


DEEDS = ["take", "back", "post", "refuse", "print", "pause", "resume", "sweep"]
STEPS = st.lists(
    st.tuples(st.sampled_from(DEEDS), st.integers(0, 8)),
    max_size=14,
)  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, ends=st.booleans())
def test_whatever_people_do_each_letter_leaves_once(
    new_db: Callable[[str], Database], steps: list[tuple[str, int]], ends: bool
) -> None:
    post = Post(new_db("sqlite"))
    post.people(9)
    post.launch()
    open_: list[int] = []
    left = 0
    for step, n in steps:
        try:
            match step:
                case "take":
                    if number := post.take(unprintable={n: "no"} if n else None):
                        open_.append(number)
                case "refuse":
                    post.refuse(post.addresses[n])
                case "pause" | "resume":
                    post.do(getattr(campaigns, step), post.number, None)
                case "sweep":
                    post.sweep()
                case _ if open_:
                    pile = open_[n % len(open_)]
                    if step == "print":
                        post.do(piles.printed, pile)
                    elif step == "back":
                        post.do(piles.put_back, pile, None)
                    else:
                        left += post.posted(pile)
        except Conflict:
            pass
    if ends:
        with post.db.read() as session:
            state = session.get_one(Campaign, post.number).state
        if state in ("running", "paused"):
            post.do(campaigns.cancel, post.number, None)
            post.sweep()
            assert not post.counts()["planned"]
    assert post.counts()["accepted"] == left
    post.sound()


# -- on paper and on screen -----------------------------------------------------------------


@pytest.fixture
def house(home: House, town: Any) -> tuple[House, Post]:  # noqa: F811
    made = Post(home.db)
    made.people(6)
    with home.db.write() as session:
        can = home.service.channels["post"].capabilities
        draft = Draft("봄 소식", "{{ name }} 님, 봄 소식을 전합니다.\n{{ sender }} 02-555-0100")
        version = contents.add(session, utcnow(), Wording("봄", draft), "post", can, None).id
    made.launch(version_id=version)
    return home, made


def seen(pdf: bytes, page: int, tmp_path: Path) -> set[str]:
    raw = poppler("pdftoppm", "-r", "200", "-gray", "-f", str(page), "-l", str(page), document=pdf)
    return {one.text for one in zxingcpp.read_barcodes(Image.open(io.BytesIO(raw)))}


def test_cover_letters_list_and_labels_of_a_pile(house: tuple[House, Post], tmp_path: Path) -> None:
    at, post = house
    clerk, key = browse(at, "mina"), at.service.settings.secret()
    page = clerk.get("/desk/letters/piles")
    assert "6 letters wait" in text(page)
    assert clerk.post(f"/desk/letters/piles/{post.number}/take").status_code == 303
    path = "/desk/letters/piles/1"
    pdf = clerk.client.get(f"{path}/letters.pdf").data
    assert clerk.client.get(f"{path}/letters.pdf").data == pdf, "the same again"
    paper = pypdf.PdfReader(io.BytesIO(pdf))
    assert len(paper.pages) == 7
    said = [words(page.extract_text()) for page in paper.pages]
    assert "봄맞이안내" in said[0]
    assert "서울특별시강남구" in said[0]
    assert "1–2" in said[0]
    assert seen(pdf, 1, tmp_path) == {f"{at.service.settings.public}{path}"}
    rows = list(csv.DictReader(io.StringIO(clerk.client.get(f"{path}/manifest.csv").data.decode("utf-8-sig"))))
    assert len(rows) == 6
    with at.db.read() as session:
        letters = piles.letters(session, 1)
        for (place, one), page_words in zip(letters, said[1:], strict=True):
            purpose = Purpose.INFORMATIONAL
            link = token.short_link(at.service.settings.public, key, one.address_id, purpose)
            number = postmark.number(-one.id, key)
            assert number in page_words
            assert words(one.value.split(" | ")[1]) in page_words
            if place == 1:
                assert seen(pdf, 2, tmp_path) == {link, number}
    assert clerk.client.get(f"{path}/labels.pdf?sheet=3x7&skip=2").data.startswith(b"%PDF")
    assert clerk.client.get(f"{path}/manifest.json").json["letters"] == 6
    assert clerk.post(f"{path}/printed").status_code == 303
    post.refuse(post.addresses[0])
    assert "pull it out" in text(clerk.get(path))
    assert len(pypdf.PdfReader(io.BytesIO(clerk.client.get(f"{path}/letters.pdf").data)).pages) == 6
    assert clerk.post(f"{path}/posted").status_code == 303
    assert post.counts() == {"accepted": 5, "suppressed": 1}
    assert "must not hand it in again" in text(clerk.get(path))
    assert "handed in already" not in text(clerk.get(path))
    assert clerk.post(f"{path}/back").status_code != 303, "what has left is not put back"
    post.sound()


def test_a_letter_of_a_pile_that_came_back_is_found_by_its_number(house: tuple[House, Post]) -> None:
    at, post = house
    clerk, key = browse(at, "mina"), at.service.settings.secret()
    clerk.post(f"/desk/letters/piles/{post.number}/take")
    with at.db.read() as session:
        one = piles.letters(session, 1)[0][1].id
    found = f"/desk/letters/of-campaigns/{one}"
    assert clerk.post(f"{found}/returned", {"why": "moved"}).status_code != 303, "it has not left"
    clerk.post("/desk/letters/piles/1/posted")
    answer = clerk.get(f"/desk/letters/returned?number={postmark.number(-one, key)}")
    assert answer.location.endswith(found)
    assert clerk.post(f"{found}/returned", {"why": "moved"}).status_code == 303


def test_only_campaigns_that_people_carry_have_piles(house: tuple[House, Post]) -> None:
    at, post = house
    clerk = browse(at, "mina")
    assert clerk.post("/desk/letters/piles/999/take").status_code in (200, 404)
    assert clerk.get("/desk/letters/piles/999").status_code == 404
    with at.db.write() as session, pytest.raises(NotFound):
        box = inbox.add(session, utcnow(), "post", OURS.replace("110", "111"), "다른 곳", provider="sandbox")
        made = campaigns.create(session, utcnow(), "x", inbox_id=box.id, channel="post", purpose="informational")
        piles.take(session, utcnow(), made.id, None, PORTS)
    boss = browse(at, "boss")
    assert "6 letters have to be printed" in text(boss.get(f"/desk/campaigns/{post.number}"))


def test_a_draft_may_choose_an_inbox_people_post_for(house: tuple[House, Post]) -> None:
    at, _ = house
    with at.db.read() as session:
        box = inbox.find(session, "post", OURS)
        assert box
    assert f'value="{box.id}"' in browse(at, "boss").get("/desk/campaigns/new").text
