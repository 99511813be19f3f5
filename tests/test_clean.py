"""A stranger's HTML: nothing runs, nothing loads, nothing is sent; what it says stays."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mail_kit import labels

from contact.clean import Cleaned, clean_html
from contact.legible import text_of_html

ALLOWED_SCHEMES = ("http://", "https://", "mailto:", "tel:", "/files/")
SAFE_DATA = re.compile(r"data:image/(png|gif|jpe?g|webp|bmp);base64,")


def safe(markup: str, *, remote: bool = False) -> Cleaned:
    return clean_html(markup, remote_images=remote, cid_url=lambda cid: f"/files/{len(cid)}" if cid else None)


class _Inspector(HTMLParser):
    """Finds everything in markup that could act."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self.images: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {
            "script",
            "style",
            "iframe",
            "object",
            "embed",
            "form",
            "input",
            "button",
            "textarea",
            "select",
            "meta",
            "link",
            "base",
            "svg",
            "math",
            "template",
            "frame",
            "frameset",
            "applet",
            "video",
            "audio",
            "source",
            "portal",
            "marquee",
        }:
            self.found.append(f"<{tag}>")
        for name, value in attrs:
            self._attribute(tag, name.lower(), value or "")

    def _attribute(self, tag: str, name: str, value: str) -> None:
        if name.startswith("on") or name in {
            "id",
            "name",
            "class",
            "srcdoc",
            "srcset",
            "action",
            "formaction",
            "background",
        }:
            self.found.append(f"{name}=")
        if name in ("href", "src") and not value.lower().startswith(ALLOWED_SCHEMES) and not SAFE_DATA.match(value):
            self.found.append(f"{name}={value[:60]}")
        if name == "href" and tag != "a":
            self.found.append(f"<{tag} href>")
        if name == "style" and re.search(
            r"url|expression|import|behaviou?r|binding|position|\\|-\d", value, re.IGNORECASE
        ):
            self.found.append(f"style={value[:60]}")
        if name == "src":
            self.images.append(value)


def inspected(markup: str) -> _Inspector:
    inspector = _Inspector()
    inspector.feed(markup)
    inspector.close()
    return inspector


def test_nothing_executable_survives_of_the_html_corpus() -> None:
    hostile = [case for case in labels("html-sanitise").values() if case["label"]["hostile"]]
    assert len(hostile) > 250
    for case in hostile:
        for remote in (False, True):
            out = safe(case["html"], remote=remote).html
            seen = inspected(out)
            assert seen.found == [], (case["html"][:200], out[:300])
            assert remote or not [image for image in seen.images if image.startswith(("http", "//"))]


def test_nothing_executable_survives_of_the_security_vectors() -> None:
    tried = 0
    for case in labels("security-vectors").values():
        for value in (case.get("input"), case.get("input_json")):
            if isinstance(value, str):
                tried += 1
                assert inspected(safe(value, remote=True).html).found == [], value[:200]
    assert tried > 250


def test_a_second_cleaning_changes_nothing() -> None:
    """What a browser reads is what was cleaned: no second parse brings a new meaning (mXSS)."""
    for case in labels("html-sanitise").values():
        once = safe(case["html"], remote=True).html
        again = safe(once, remote=True).html
        assert inspected(again).found == []
        assert _words(again) == _words(once), case["html"][:200]
        assert len(inspected(again).images) <= len(inspected(once).images)


def test_harmless_mail_keeps_its_words_and_marks() -> None:
    for name, case in labels("html-sanitise").items():
        if case["label"]["hostile"]:
            continue
        out = safe(case["html"], remote=True).html
        kept = _words(out)
        assert [word for word in _words(case["html"]) if word not in kept] == [], name
        for mark in ("p", "b", "table", "ul", "blockquote"):
            assert out.lower().count(f"<{mark}>") + out.lower().count(f"<{mark} ") >= (
                f"<{mark}>" in case["html"].lower()
            ), name


def _words(markup: str) -> list[str]:
    """Visible words, read by another parser."""

    class Visible(HTMLParser):
        hidden = 0
        words: list[str] = []

        def handle_starttag(self, tag: str, attrs: Any) -> None:
            self.hidden += tag in ("style", "script", "title", "xml")

        def handle_endtag(self, tag: str) -> None:
            self.hidden -= tag in ("style", "script", "title", "xml") and self.hidden > 0

        def handle_data(self, data: str) -> None:
            if not self.hidden:
                self.words = [*self.words, *data.split()]

    parser = Visible(convert_charrefs=True)
    parser.feed(re.sub(r"(?s)<!\[if.*?\]>|<!\[endif\]>", "", markup))
    parser.close()
    return parser.words


def test_remote_images_wait_to_be_asked_for() -> None:
    markup = '<p>a<img src="https://x.example/pixel.gif"><img src="//y.example/z.png" alt="logo"></p>'
    held = safe(markup)
    assert held.blocked_images == 2
    assert "example" not in held.html
    assert 'alt="logo"' in held.html
    shown = safe(markup, remote=True)
    assert shown.blocked_images == 0
    assert inspected(shown.html).images == ["https://x.example/pixel.gif", "https://y.example/z.png"]


def test_remote_backgrounds_are_counted_and_never_loaded() -> None:
    markup = (
        '<table background="http://x.example/a.gif"><tr><td style="background:url(http://x.example/b.gif)">a</table>'
    )
    for remote in (False, True):
        assert "x.example" not in safe(markup, remote=remote).html
    assert safe(markup).blocked_images == 2


def test_images_of_the_mail_itself_are_mapped() -> None:
    asked: list[str] = []

    def url(cid: str) -> str | None:
        asked.append(cid)
        return "/files/1" if cid == "logo@x" else None

    out = clean_html('<img src="cid:logo@x"><img src="CID:lost@x">', remote_images=False, cid_url=url)
    assert asked == ["logo@x", "lost@x"]
    assert inspected(out.html).images == ["/files/1"]
    assert out.blocked_images == 0


@pytest.mark.parametrize(
    "source",
    ["/logout", "logout", "?a=b", "../x", "data:image/svg+xml;base64,PHN2Zz4=", "javascript:x", "file:///a", "blob:x"],
)
def test_an_image_asks_nothing_of_our_own_server(source: str) -> None:
    assert inspected(safe(f'<img src="{source}">', remote=True).html).images == []


def test_links_leave_safely_or_not_at_all() -> None:
    out = safe('<a href="https://x.example/?a=1&amp;b=2" target="_self" rel="opener">x</a>').html
    assert 'href="https://x.example/?a=1&amp;b=2"' in out
    assert 'target="_blank"' in out
    assert 'rel="noopener noreferrer nofollow"' in out
    for href in ("/admin", "#top", "javascript:alert(1)", "data:text/html,x", " java\nscript:x", "vbscript:x"):
        assert "href" not in safe(f'<a href="{html.escape(href)}">x</a>').html


def test_styles_dress_but_neither_load_nor_cover() -> None:
    out = safe(
        '<p style="color:#f00;FONT-WEIGHT:bold;position:fixed;top:0;margin:-50px 0;background:url(x);width:100px">x</p>'
    ).html
    assert out == '<p style="color:#f00;font-weight:bold;width:100px">x</p>'
    assert (
        safe('<p style="color:red;c\\6f lor:x;width:expression(alert(1))">x</p>').html == '<p style="color:red">x</p>'
    )


def test_deep_nesting_is_flattened_and_keeps_its_words() -> None:
    out = safe("<div>" * 50_000 + "words" + "</div>" * 50_000 + "<p>after</p>").html
    assert "words" in out
    assert "<p>after</p>" in out
    assert out.count("<div") <= 300


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "markup",
    [
        "<p style='" + "a:" * 300_000 + "'>",
        "<p style='a:" + "- " * 300_000 + "'>",
        "<p style='" + "url(//" * 100_000 + "'>",
        "<p " + "style=a:b " * 100_000 + ">",
        "<img src=http://x>" * 50_000,
        "<a style= " * 100_000,
        "<!--" * 300_000,
        "<b><i>" * 100_000,
        "<table><tr><td>" * 30_000,
    ],
    ids=lambda markup: markup[:12],
)
def test_malicious_markup_costs_little(markup: str) -> None:
    safe(markup)
    text_of_html(markup)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_any_text_can_be_cleaned(markup: str) -> None:
    assert inspected(safe(markup).html).found == []
    text_of_html(markup)


_PIECES = st.sampled_from(
    [
        "<",
        ">",
        '"',
        "'",
        "=",
        " ",
        "/",
        "<img src=",
        "onerror=",
        "javascript:",
        "<svg>",
        "<style>",
        "</style>",
        "<a href=",
        "<!--",
        "-->",
        "<title>",
        "<math>",
        "<mtext>",
        "<table>",
        "<noscript>",
        "&lt;",
        "&#x3c;",
        "url(",
        "style=",
        "<p ",
        "cid:x",
        "<textarea>",
        "\x00",
        "<![CDATA[",
        "]]>",
        "data:text/html,",
        "<form>",
        "x",
        "<xmp>",
        "<plaintext>",
        "<template>",
        "<select>",
        "<b>",
        "</b>",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(_PIECES, max_size=30))
def test_any_scramble_of_markup_is_safe(pieces: list[str]) -> None:
    out = safe("".join(pieces), remote=True).html
    assert inspected(out).found == []
    assert inspected(safe(out, remote=True).html).found == []


def test_html_reads_as_plain_text() -> None:
    markup = (
        "<html><head><title>t</title><style>p{}</style></head><body><h1>견적</h1><p>안녕&nbsp;하세요,<br>고객님.</p>"
        "<ul><li>하나</li><li>둘</li></ul><table><tr><td>품목</td><td>수량</td></tr><tr><td>의자</td><td>2</td></tr></table>"
        '<p><a href="https://x.example/a">여기</a> <a href="https://x.example">x.example</a> '
        '<img alt="로고" src="x"></p>'
        "<blockquote>인용<br>두 줄</blockquote><pre>a\n  b</pre></body></html>"
    )
    assert text_of_html(markup) == (
        "견적\n\n안녕 하세요,\n고객님.\n\n- 하나\n- 둘\n\n품목\t수량\n의자\t2\n\n"
        "여기 <https://x.example/a> x.example [로고]\n\n> 인용\n> 두 줄\n\na\n  b"
    )


def test_text_of_html_keeps_every_visible_word_of_the_corpus() -> None:
    for name, case in labels("html-sanitise").items():
        if case["label"]["hostile"]:
            continue
        kept = text_of_html(case["html"])
        assert [word for word in _words(case["html"]) if word not in kept and not re.search(r"[<>&]", word)] == [], name
