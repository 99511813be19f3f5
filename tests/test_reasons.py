"""Every sentence by which mail says why it failed is read in Korean, with the server's own words as they came."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from flask import Flask
from flask_babel import Babel, force_locale

from contact.desk import reasons
from contact.desk.filters import reason

ROOT = Path(__file__).parents[1]
DOCTORS = {ROOT / "channels/email/check.py", ROOT / "channels/fax/check.py", ROOT / "channels/post/fonts.py"}
"""They speak English, to whoever sits at the server; names of fonts are no sentences."""
ROOMS = ("channels", "channels/email", "channels/sms", "channels/fax", "channels/post")
SAID = {
    *(path for room in ROOMS for path in (ROOT / room).glob("*.py")),
    ROOT / "contact/outbox/settle.py",
}


@pytest.fixture(scope="module")
def korean() -> Iterator[None]:
    app = Flask("reasons")
    Babel(app, default_translation_directories=str(ROOT / "templates/locale"))
    with app.test_request_context(), force_locale("ko"):
        yield


def sentences() -> Iterator[tuple[str, str]]:
    """Every sentence in the code of mail that is no docstring: where, and the text with a word in each field.

    Sentences for people begin with a capital; the words of logs and of SMTP do not.
    """
    for path in sorted(SAID - DOCTORS):
        tree = ast.parse(path.read_text("utf-8"))
        quiet = {
            id(node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                quiet |= {id(part) for part in node.values}
        for node in ast.walk(tree):
            text = _text(node) if id(node) not in quiet else ""
            if re.match(r"(?:[A-Z][a-z]+|FIELD) [a-zA-Z'-]*[a-z][\w'-]* ", text):
                yield f"{path.name}: {text}", text.replace("FIELD", "7")


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "FIELD" for part in node.values)
    return ""


def test_every_sentence_of_mail_is_known() -> None:
    with (ROOT / "templates/locale/ko/LC_MESSAGES/messages.po").open("rb") as file:
        known = read_po(file, locale="ko")
    found = list(sentences())
    assert len(found) > 30
    missing = [where for where, text in found if not reasons.shape_of(text) and text not in known]
    assert not missing, "\n" + "\n".join(missing)


def test_each_shape_fits_itself_alone() -> None:
    for shape in reasons.SHAPES:
        assert reasons.shape_of(re.sub(r"%\((\w+)\)s", "7", shape)) == shape


def test_the_servers_own_words_stand_as_they_came(korean: None) -> None:
    hostile = "550 5.1.1 <b>no</b> 100% %(relay)s %s\n{x} The mail is empty."
    assert reason(f"The relay mx.example:25 said: {hostile}") == f"발송 서버(릴레이) mx.example:25의 답: {hostile}"
    assert reason(f"The relay said: {hostile}") == f"발송 서버(릴레이)의 답: {hostile}"
    assert reason("The relay a:1 cannot be reached: The relay b:2 cannot be reached: x") == (
        "발송 서버(릴레이) a:1에 연결할 수 없습니다: The relay b:2 cannot be reached: x"
    )
    assert reason(hostile) == hostile
    assert reason("The relay a:1 said:") == "The relay a:1 said:"
    assert reason(None) == reason("") == ""


@pytest.mark.parametrize(
    ("kept", "read"),
    [
        ("The mail server refuses the sign-in: NO wrong", "메일 서버가 거절합니다(로그인): NO wrong"),
        ("The mail server refuses the folder 문의: NO none", "메일 서버가 메일함 문의 열기를 거절합니다: NO none"),
        ("The mail server does not answer.", "메일 서버가 응답하지 않습니다."),
        (
            "The mail is too large for the relay: 31 of 30 bytes.",
            "발송 서버(릴레이)가 받기에 메일이 너무 큽니다: 한도 30바이트, 메일 31바이트.",
        ),
        ("by hand", "by hand"),
    ],
)
def test_in_korean(korean: None, kept: str, read: str) -> None:
    assert reason(kept) == read


def test_in_english_nothing_changes(korean: None) -> None:
    with force_locale("en"):
        for shape in reasons.SHAPES:
            text = re.sub(r"%\((\w+)\)s", "7", shape)
            assert reason(text) == text
