"""Automatic answers in the chat, over the visitors' real sockets: one line, marked, and never two greetings."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from chat_kit import Chat, running
from sqlalchemy import select

from contact import following, inbox
from contact.db import utcnow
from contact.log import Name
from contact.outbox import Delivery
from contact.response import hours
from contact.response.answers import automatic
from contact.response.answers.acting import Answering
from contact.response.answers.automatic import Kind

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(scope="module")
def chat() -> Iterator[Chat]:
    """A chat whose house is closed for days; the test itself is the worker that reads the log."""
    with running() as chat:
        now = utcnow()
        with chat.service.db.write() as session:
            week: list[list[list[str]]] = [[] for _ in range(7)]
            week[(now.weekday() + 3) % 7] = [["09:00", "18:00"]]
            hours.add(session, now, "shop", "Asia/Seoul", week=week)
            box = inbox.find(session, "chat", "demo")
            assert box is not None
            for kind in Kind:
                words = automatic.standard(kind, subject=False)
                automatic.keep(session, now - timedelta(hours=1), box.id, kind, on=True, texts=words)
        yield chat


def read(chat: Chat) -> list[Delivery]:
    reader = following.Reader("answers", Answering(chat.service).read)
    with chat.service.db.write() as session:
        while following.advance(session, reader):
            pass
    with chat.service.db.read() as session:
        return list(session.scalars(select(Delivery).where(Delivery.automatic).order_by(Delivery.id)))


def test_a_visitor_at_night_reads_when_we_are_back_once(chat: Chat) -> None:
    with chat.visitor() as visitor:
        visitor.send("계세요?")
        (delivery,) = read(chat)
        words = chat.bodies(Name.MESSAGE_QUEUED)[0] or ""
        assert words.startswith("[자동응답] 지금은 상담 시간이 아닙니다.")
        assert visitor.wait_item(words)["from"] != "visitor"
        assert delivery.state in ("wired", "delivered", "read")
        visitor.send("여보세요?")
        visitor.send("아무도 없나요?")
        assert len(read(chat)) == 1
        assert len(chat.rows(Name.MESSAGE_QUEUED)) == 1
