"""The quotation of an HTML mail is folded where it is shown, and own words never are."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mail_kit import INBOX, KEY, envelope, labels, raw_of
from test_email_quote import HTML

from channels.email.parse import parse
from channels.email.quote import split_html
from contact.channel import Unreadable
from contact.clean import clean_html
from contact.folding import fold
from contact.legible import text_of_html
from contact.messages import Inbound

LABEL = "QUOTEDTEXT"
FOLD = f"<details><summary>{LABEL}</summary>"


def safe(html: str) -> str:
    return clean_html(html, remote_images=False, cid_url=lambda _cid: None).html


def letters(html: str) -> str:
    return re.sub(r"[\W_]+", "", text_of_html(html))


FOLDED = ["gmail", "outlook", "outlook desktop", "apple", "thunderbird", "naver", "yahoo"]


@pytest.mark.parametrize("style", FOLDED)
def test_programs_that_quote(style: str) -> None:
    html, own = HTML[style]
    found = split_html(html)
    shown, cut, rest = fold(safe(html), found.text, found.quoted, LABEL).partition(FOLD)
    assert cut
    assert letters(shown) == re.sub(r"[\W_]+", "", own)
    assert letters(rest)
    assert letters(shown) + letters(rest) == letters(safe(html))


@pytest.mark.parametrize("style", sorted(HTML.keys() - set(FOLDED)))
def test_who_answers_below_or_inside_is_shown_whole(style: str) -> None:
    html, _ = HTML[style]
    found = split_html(html)
    assert fold(safe(html), found.text, found.quoted, LABEL) == safe(html)


def test_the_corpora_lose_nothing_and_hide_no_own_word() -> None:
    quoting = folded = 0
    for corpus in ("mime", "reply-stripping", "threading"):
        for name, case in labels(corpus).items():
            if "file" not in case:
                continue
            if case.get("input") == "html":
                html = raw_of(corpus, case).decode("utf-8", "replace")
                own, quoted = split_html(html)
            else:
                try:
                    mail = parse(raw_of(corpus, case), envelope(), INBOX, key=KEY)[0]
                except Unreadable:
                    continue
                assert isinstance(mail, Inbound)
                html, own, quoted = mail.html, mail.text, mail.quoted
            if not html or not quoted:
                continue
            quoting += 1
            shown, cut, rest = fold(safe(html), own, quoted, LABEL).partition(FOLD)
            folded += bool(cut)
            assert letters(shown) + letters(rest) == letters(safe(html)), name
            if cut:
                assert letters(own)[-10:] in letters(shown), name
    assert folded >= 15, (folded, quoting)
    assert quoting == 19


WORDS = st.text(alphabet="가나다abc \n<>&\"'", min_size=1, max_size=40)
MARKUP = st.recursive(
    WORDS.map(lambda text: text.replace("<", "&lt;")),
    lambda inner: st.tuples(st.sampled_from(["div", "p", "b", "blockquote", "td"]), st.lists(inner, max_size=4)).map(
        lambda pair: f'<{pair[0]} style="color:red">{"<br>".join(pair[1])}</{pair[0]}>'
    ),
    max_leaves=12,
)  # fmt: skip


@given(MARKUP, MARKUP)
def test_a_fold_only_adds_itself_and_stays_well_formed(own: str, quoted: str) -> None:
    page = safe(f"{own}<hr>{quoted}")
    shown = fold(page, text_of_html(own), text_of_html(quoted), LABEL)
    assert letters(shown.replace(f"<summary>{LABEL}</summary>", "")) == letters(page)
    opened = Counter(re.findall(r"<([a-z0-9]+)", shown))
    closed = Counter(re.findall(r"</([a-z0-9]+)", shown))
    assert {tag: count for tag, count in opened.items() if tag not in ("br", "hr")} == closed
