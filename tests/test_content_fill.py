"""Filling content: fields, fall-backs, the sandbox, its limits, and what can never get into a header."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import escape

from campaigns.content import compiled, fields_of, fill, grammar, missing, names, values
from campaigns.content.wording import Draft, checked, clean, text_of
from contact.channel import Capabilities
from contact.errors import HanmaruError, Invalid, TooLarge
from contact.messages import AddressKind

VECTORS = Path(__file__).parents[2] / "shared/corpora/security-vectors/labels.json"
MAIL = Capabilities(AddressKind.EMAIL, subject=True, html=True)
SMS = Capabilities(AddressKind.TEL)


@dataclass(frozen=True)
class Words:
    subject: str = ""
    text: str = ""
    html: str = ""


def vectors(kind: str) -> dict[str, str]:
    if not VECTORS.is_file():
        pytest.skip("the security corpus is not here")
    found = json.loads(VECTORS.read_text())
    return {name: case["input"] for name, case in found.items() if name.startswith(kind) and "input" in case}


def test_fields_and_fall_backs() -> None:
    words = Words("{{ name }} 님께", "{{ name | default('고객') }} 100%", "<p>{{ name | default('<고객>') }}</p>")
    with pytest.raises(fill.MissingValues) as caught:
        compiled(words).fill({"name": " "})
    assert caught.value.fields == ("name",)
    assert compiled(words).fill({"name": "김<b>&'\""}) == (
        "김<b>&'\" 님께", "김<b>&'\" 100%", "<p>김&lt;b&gt;&amp;&#39;&#34;</p>",
    )  # fmt: skip
    assert compiled(Words("", words.text, words.html)).fill({}) == ("", "고객 100%", "<p>&lt;고객&gt;</p>")
    assert fields_of(Words("{{ b }}", "{{ a }}{{ b }}", "{% if c %}{% endif %}")) == ("b", "a", "c")


def test_if_and_for() -> None:
    words = Words(
        "",
        "{% if 'VIP' in tags %}VIP {% elif not name %}? {% else %}- {% endif %}"
        "{% for tag in tags if tag != 'x' %}{{ loop.index }}.{{ tag | upper | truncate(3) }}"
        "{% if not loop.last %}, {% endif %}{% else %}none{% endfor %}{{ name if name else 'somebody' }}",
        "{% for n in range(3) %}{{ n }}{{ name }}{% endfor %}",
    )
    ready = compiled(words)
    assert not ready.simple
    assert ready.fill({"tags": "VIP, x, long", "name": "<김>"}) == (
        "", "VIP 1.VIP, 2.LO…<김>", "0&lt;김&gt;1&lt;김&gt;2&lt;김&gt;",
    )  # fmt: skip
    with pytest.raises(fill.MissingValues):
        ready.fill({"tags": "a"})
    assert compiled(Words("", "{% if name %}{{ name }}{% endif %}")).fill({}).text == ""


def test_a_missing_value_is_named_by_row() -> None:
    rows = [(7, {"name": "김", "company": "x"}), (8, {"name": "", "company": "x"}), (9, {"name": "이" * 3000})]
    words = Words("", "{{ name }} {{ company }} {{ email | default('-') }} {{ unsubscribe_url }}")
    assert missing(words, rows) == [(8, "name"), (9, "name"), (9, "company")]
    assert missing(Words("", "{{ refusal_number }}"), [(1, {})], reserved=["address"]) == [(1, "refusal_number")]
    branching = Words("", "{% if company %}{{ name }}{% else %}{{ email }}{% endif %}")
    assert missing(branching, [(1, {"company": "x"}), (2, {"name": "n"})]) == [(1, "name"), (2, "email")]


ENDLESS = [
    "{% for i in range(10**9) %}x{% endfor %}",
    "{% for i in range(1000000000) %}x{% endfor %}",
    "{% for i in range(0, 10000000000000000000000) %}x{% endfor %}",
    "{% for i in range(51) %}x{% endfor %}",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "{% for a in tags recursive %}{{ loop(a) }}{% endfor %}",
    "{% for a in tags %}{% for b in tags %}{% for c in tags %}x{% endfor %}{% endfor %}{% endfor %}",
    "{% for a in tags %}{% for b in tags %}{{ name if 'x' in name or 'y' in name else name }}{% endfor %}{% endfor %}",
    "{{ 'x' * 1000000000 }}",
    "{{ 10 ** 10 ** 10 }}",
    "{% set x = 'x' %}{{ x }}",
    "{{ name ~ name }}",
    "{{ lipsum(1000) }}",
    "{{ cycler() }}",
    "{{ name | center(1000000000) }}",
    "{{ name | truncate(1000000000) }}",
    "{{ name | batch(1) }}",
    "{{ [name] * 100 }}",
    "{% block x %}{{ self.x() }}{% endblock %}",
    "{% include 'x' %}",
    "{% extends 'x' %}",
    "{% import 'x' as y %}",
    "{% call name() %}{% endcall %}",
    "{% filter upper %}x{% endfilter %}",
    "{% with x = name %}{{ x }}{% endwith %}",
    "{{ " + "(" * 3000 + "name" + ")" * 3000 + " }}",
    "{{ name" + " | upper" * 3000 + " }}",
    "{% if " + "not " * 3000 + "name %}x{% endif %}",
    "{% if name %}" * 200 + "{% endif %}" * 200,
    "{{ " + "9" * 6000 + " }}",
    "{{ 1e999 }}",
    "{% for name in tags %}{% endfor %}",
    "{% for loop in tags %}{% endfor %}",
    "{% for _missing in tags %}{% endfor %}",
    "{{ _missing }}",
    "{{ loop }}",
    "{{ name | default }}",
    "{{ name | default(name.x) }}",
    "{{ name is defined }}",
    "{{ name[0] }}",
    "{{ name < 'x' }}",
    "{{ {'a': name} }}",
    "{{ nobody }}",
    "{{ name",
    "{% if name %}",
    "{% endif %}",
    "name }}",
    "{{ }}",
    "{{ name }",
    "{% for i in [" + "'x'," * 51 + "] %}{% endfor %}",
]


@pytest.mark.parametrize("source", ENDLESS, ids=range(len(ENDLESS)))
def test_what_is_not_a_field_is_refused_when_it_is_saved(source: str) -> None:
    for draft in (Draft(text=source), Draft(text="x", subject=source), Draft(text="x", html=f"<p>{source}</p>")):
        with pytest.raises((Invalid, TooLarge)) as caught:
            checked(draft, MAIL)
        assert len(str(caught.value)) < 200


def test_what_comes_out_has_a_limit() -> None:
    """500 fields go through the format string; more are counted on the way out, and stop there."""
    assert compiled(Words("", "{{ name }}" * 500)).simple
    many = compiled(Words("", "{{ name }}" * 9_000))
    assert not many.simple
    assert len(many.fill({"name": "x" * 100}).text) == 900_000
    with pytest.raises(TooLarge):
        many.fill({"name": "x" * 200})
    with pytest.raises(TooLarge):
        compiled(Words("", "{{ name }}")).fill({"name": "x" * 2001})
    with pytest.raises(TooLarge):  # on trial, when it is saved
        checked(Draft(text="{% for t in tags %}" + "{{ company }}" * 190 + "x" * 20_000 + "{% endfor %}"), SMS)


def test_the_most_that_may_run_is_counted_before_it_runs() -> None:
    """Two loops inside each other make 2,500 turns, however long the list is; one piece more in them is refused."""
    double = "{% for a in tags %}{% for b in tags %}{{ a }}PIECE{% endfor %}{% endfor %}"
    long = {"tags": ",".join(f"t{n}" for n in range(400))}
    made = compiled(Words("", double.replace("PIECE", "."))).fill(long).text
    assert made.count(".") == grammar.MOST_TURNS**2
    assert "t50" not in made
    with pytest.raises(grammar.Broken, match="too many turns"):
        compiled(Words("", double.replace("PIECE", ".{{ b }}")))


@pytest.mark.parametrize("name", sorted(vectors("template")) if VECTORS.is_file() else [])
def test_known_attacks_stay_words(name: str) -> None:
    """As words of a template: refused, or printed as they are. As a value: printed as they are."""
    attack = vectors("template")[name]
    for env_html in (False, True):
        words = Words("", "" if env_html else attack, attack if env_html else "")
        try:
            made = fill.Fill(words.subject, words.text, words.html, names.KNOWN).fill(names.samples())
        except HanmaruError:
            continue
        assert (made.html if env_html else made.text) == attack
    value = compiled(Words("{{ name }}", "{{ name }}", "<p>{{ name }}</p>")).fill({"name": attack})
    line = values.one_line(attack)
    assert value == (line, line, f"<p>{escape(line)}</p>")


ENDS = ["\r\n", "\n", "\r", "\0", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]
HOSTILE = [f"Hi{end}Bcc: thief@example.net" for end in ENDS]


@pytest.mark.parametrize("value", [*HOSTILE, "a\r\n\r\nbody", "\ud800x", "x\u202egnp.exe"])
def test_a_subject_is_one_line(value: str) -> None:
    for words in (Words("{{ name }} 님"), Words("{% if name %}{{ name }} 님{% endif %}")):
        subject = compiled(words).fill({"name": value}).subject
        assert len(subject.splitlines()) == 1
        assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202e]", subject)
        mail = EmailMessage()
        mail["Subject"] = subject  # the standard library refuses a line end here
        assert len(mail.keys()) == 1
    kept = checked(Draft(value, "x"), MAIL).subject
    assert len(kept.splitlines()) == 1


def test_published_header_injections_make_no_header() -> None:
    for attack in vectors("header-injection").values():
        subject = compiled(Words("{{ name }}")).fill({"name": attack}).subject
        assert len(subject.splitlines()) == 1
        mail = EmailMessage()
        mail["Subject"] = subject
        assert mail.keys() == ["Subject"]


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=80), st.sampled_from(["{{ name }}", "{{ name | default('x') }}", "{{ name | upper }}"]))
def test_no_value_ever_leaves_its_place(value: str, field: str) -> None:
    """Whatever the value: one line of text, and in HTML no sign that could end a tag or an attribute."""
    made = compiled(Words(field, field, f"<p title='{field}'>{field}</p>"))
    if made.absent({"name": value}):
        return
    subject, text, html = made.fill({"name": value})
    assert subject == text
    assert len(subject.splitlines()) <= 1
    assert "\0" not in html
    subject.encode()
    assert sum(map(html.count, "<>\"'")) == 6


FIELD = st.sampled_from(["name", "company", "email"])
PIECE = st.one_of(
    st.text(alphabet="가a<&\"'%s{ \n", max_size=6).filter(lambda one: "{{" not in one and not one.endswith("{")),
    FIELD.map(lambda name: f"{{{{ {name} }}}}"),
    st.tuples(FIELD, st.text(alphabet="나b<&%", max_size=4)).map(
        lambda one: f"{{{{ {one[0]} | default('{one[1]}') }}}}"
    ),
)
VALUE = st.dictionaries(FIELD, st.text(alphabet="김x<>&\"' \r\n\0%{}", max_size=8))


@settings(max_examples=200, deadline=None)
@given(st.lists(PIECE, max_size=8).map("".join), VALUE)
def test_the_quick_way_says_what_jinja_says(source: str, known: Mapping[str, str]) -> None:
    """The format string against the sandbox, and both against Jinja as it is."""
    try:
        quick = compiled(Words("", source, source))
    except grammar.Broken:
        return
    assert quick.simple
    slow = compiled(Words("", "{% if name %}{% endif %}" + source, "{% if name %}{% endif %}" + source))
    assert not slow.simple
    assert quick.absent(known) == tuple(dict.fromkeys(slow.absent(known)))
    if quick.absent(known):
        return
    assert quick.fill(known) == slow.fill(known)
    plain = ImmutableSandboxedEnvironment(autoescape=True, keep_trailing_newline=True)
    plain.filters["default"] = lambda value, other: value or other
    given_values: dict[str, Any] = {name: values.one_line(known.get(name, "")) for name in ("name", "company", "email")}
    assert quick.fill(known).html == plain.from_string(source).render(given_values)


def test_html_keeps_its_look_and_loses_what_runs() -> None:
    html = (
        '<div style="color: red; position: fixed"><script>x</script><img src="https://t.example/p.gif">'
        '<a href="https://shop.example/?q={{ name | default(&quot;a&quot;) | urlencode }}">go</a> {{ name | '
        'default(“R&amp;D”) }}</div><a href="{{ unsubscribe_url }}">stop</a><a href="javascript:x">no</a>'
    )
    kept = clean(html)
    assert "script" not in kept
    assert "img" not in kept
    assert "position" not in kept
    assert "color:red" in kept
    assert 'href="{{ unsubscribe_url }}"' in kept
    assert "default('a') | urlencode }}\"" in kept
    assert '{{ name | default("R&D") }}' in kept
    assert clean(kept) == kept
    made = compiled(Words("", "", kept)).fill({"name": 'a&b="c"', "unsubscribe_url": "https://u.example/1?a=1&b=2"})
    assert '?q=a%26b%3D%22c%22"' in made.html
    assert 'href="https://u.example/1?a=1&amp;b=2"' in made.html
    assert text_of(kept).startswith("go <https://shop.example/?q={{ name | default('a') | urlencode }}> {{ name")


@pytest.mark.parametrize(
    "html",
    [
        '<a href="{{ name }}">x</a>',
        '<a href="{{ unsubscribe_url | upper }}">x</a>',
        '<a href="https://{{ name }}/">x</a>',
        '<a href="https://x.example/{{ name }}">x</a>',
        '<a href="java{{ name }}:x">x</a>',
        '<p style="color: {{ name }}">x</p>',
        '<p title="{{ name }}">x</p>',
        "<{{ name }}>x",
        "<p {{ name }}>x</p>",
        '<img src="cid:{{ name }}">x',
        "<script>{{ name }}</script>x",
        "<p>{{ <b>name</b> }}</p>",
        '<a title="{% if name %}" href="https://x.example/">{% endif %}x</a>',
    ],
)
def test_a_field_stands_only_between_words(html: str) -> None:
    with pytest.raises(Invalid):
        checked(Draft(text="x", html=html), MAIL)


def test_the_text_is_made_from_the_html_while_nobody_wrote_it() -> None:
    made = checked(Draft(html="<p>안녕 {{ name }}</p><ul><li>하나</li></ul>", auto=True), MAIL)
    assert made.text == "안녕 {{ name }}\n\n- 하나"
    assert checked(Draft(text="own", html="<p>x</p>"), MAIL).text == "own"
    assert checked(Draft("s", "t", "<p>h</p>", auto=True), SMS) == Draft("", "t", "", auto=False)
    with pytest.raises(Invalid):
        checked(Draft(html="<p> </p>", auto=True), MAIL)


def test_hostile_sources_are_read_in_linear_time() -> None:
    """Nothing here is measured; the suite's time limit would be."""
    for piece in ("{{ ", "{% ", "{", "{{ name", "{% if name %}", "{#", "}}", "<{{", "{{ '", "{% raw %}", "{{ a|"):
        with pytest.raises(HanmaruError):
            checked(Draft(text="{{" + piece * 10_000), SMS)
        with pytest.raises(HanmaruError):
            checked(Draft(text="x", html="{{" + piece * 10_000), MAIL)
