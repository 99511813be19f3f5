"""People found page by page, each once; and a reason in both languages for each suggestion."""

from __future__ import annotations

import re
from pathlib import Path

import people_kit
import sqlalchemy as sa
from flask_babel import force_locale, gettext
from hall_kit import Hall

from contact import directory, following, search
from contact.desk import contacts, words
from contact.directory import Contact
from contact.directory.hints import Reason


def crowd(hall: Hall, count: int) -> list[int]:
    """People called Kim, each third merged into the one before; returns the roots, newest match first."""
    with hall.db.write() as session:
        first = session.scalar(sa.select(sa.func.max(Contact.id))) or 0
        made = [
            {"name": f"김하나{n}", "organisation": "", "note": "", "root_id": first + n, "created_at": hall.now}
            for n in range(1, count + 1)
        ]
        session.execute(sa.insert(Contact), made)
        numbers = session.scalars(sa.select(Contact.id).where(Contact.id > first).order_by(Contact.id)).all()
        for number in numbers[2::3]:
            directory.merge(session, hall.tick(), directory.get(session, number), directory.get(session, number - 1), 3)
        for number in numbers:
            search.index_contact(session, number)
        families = {number: session.get_one(Contact, number).root_id for number in numbers}
        while following.advance(session, search.reader):
            pass
    return list(dict.fromkeys(families[number] for number in reversed(numbers)))


def test_every_page_goes_on_where_the_last_one_ended(hall: Hall) -> None:
    roots = crowd(hall, 25)
    with hall.db.read() as session:
        for limit in (1, 2, 3, 7, len(roots), 100):
            told, before = list[int](), None
            while True:
                page = search.page_of_contacts(session, "김하나", limit=limit, before=before)
                assert len(page.people) <= limit
                told += [person.id for person in page.people]
                if page.more is None:
                    break
                assert len(page.people) == limit
                before = page.more
            assert told == roots, limit
        assert search.page_of_contacts(session, "없는사람", limit=5) == search.page_of_contacts(session, " ", limit=5)


def test_the_page_of_contacts_leads_to_all_who_are_found(tmp_path: Path) -> None:
    house = people_kit.house(tmp_path / "data")
    hall = Hall(house.db, tmp_path / "data")
    roots = crowd(hall, contacts.PAGE * 3)
    mina, _ = house.signed_in()
    told, path = list[int](), "/desk/contacts?q=김하나"
    while path:
        page = mina.get(path).text
        told += [int(number) for number in re.findall(r'class="box-name" href="/desk/contacts/(\d+)"', page)]
        more = re.search(r'href="(/desk/contacts\?[^"]*before=\d+)"', page)
        path = more[1].replace("&amp;", "&") if more else ""
    assert told == roots
    assert len(told) > contacts.PAGE
    house.close()


def test_each_suggestion_has_its_reason_in_both_languages(tmp_path: Path) -> None:
    house = people_kit.house(tmp_path / "data")
    assert set(words.HINT) == set(Reason)
    with house.app.test_request_context():
        for reason in Reason:
            said = []
            for language in ("en", "ko"):
                with force_locale(language):
                    said.append(str(gettext(words.HINT[reason])) % {"detail": "kim@a.example"})
            assert said[0] != said[1]
            assert all("kim@a.example" in sentence for sentence in said)
            assert re.search("[가-힣]", said[1])
    house.close()
