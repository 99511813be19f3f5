"""Every link in every mail of the board opens for its receiver, whatever their role, and shows the thing it names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import unescape
from pathlib import Path

import pytest
from links_kit import CASES, ELSEWHERE, OURSELVES, PUBLIC, ROLES, Scene, is_of, links, templates
from people_kit import Browser, house

TEMPLATES = dict(templates())


@pytest.fixture
def scene(tmp_path: Path, _template: Path) -> Iterator[Scene]:
    home = house(tmp_path / "data", _template, public_url=PUBLIC)
    yield Scene(home).furnish()
    home.close()


def test_every_template_has_a_case() -> None:
    assert len(TEMPLATES) > 10, "the walk finds nothing"
    assert set(TEMPLATES) == set(CASES) | set(ELSEWHERE)


@pytest.mark.parametrize("name", sorted(CASES))
def test_its_links_open_for_whoever_gets_it(scene: Scene, name: str) -> None:
    case, texts = CASES[name], TEMPLATES[name]
    if not case.to:
        assert not any("{link}" in body or ("{list}" in body and "http" in body) for _, body in texts.values())
        return
    shown = case.run(scene)
    for role in ROLES:
        _opens(scene, texts, role, shown, role in case.to)


def _opens(scene: Scene, texts: Mapping[str, tuple[str, str]], role: str, shown: str, wanted: bool) -> None:
    mine = [body for subject, body in scene.came(role) if is_of(texts, subject, body)]
    if not wanted:
        return
    assert mine, f"{role} got none"
    found = [link for body in mine for link in links(body)]
    things = [link for link in found if not link.startswith(OURSELVES)]
    assert things, "it names no thing"
    for link in found:
        anybody = not link.startswith("/board")
        browser = scene.home.browser() if anybody else scene.enter(role)
        page = _followed(browser, link)
        assert page[0] == 200, f"{role}: {link} is {page[0]}"
        if link in things:
            assert shown in page[1], f"{role}: {link} does not show {shown}"


def _followed(browser: Browser, path: str) -> tuple[int, str]:
    for _ in range(4):
        answer = browser.get(path)
        if answer.status_code not in (301, 302, 303):
            return answer.status_code, unescape(answer.text)
        path = answer.headers["Location"]
    return answer.status_code, ""
