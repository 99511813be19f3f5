"""What the documents promise is what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from contact.ops.page import page
from contact.settings import PREFIX, Settings

ROOT = Path(__file__).parents[1]


def test_the_page_of_settings_is_written_from_the_code() -> None:
    assert (ROOT / "docs/settings.md").read_text() == page(), "make docs"


@pytest.mark.parametrize("name", ["README.md", "docs/operations.md"])
def test_documents_name_only_settings_that_exist(name: str) -> None:
    known = {PREFIX + field.upper() for field in Settings.model_fields} | {f"{PREFIX}FILE", f"{PREFIX}REAL"}
    named = set(re.findall(rf"{PREFIX}[A-Z_]+[A-Z]", (ROOT / name).read_text()))
    assert not named - known


@pytest.mark.parametrize("name", ["README.md", "docs/operations.md"])
def test_documents_name_only_make_targets_that_exist(name: str) -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(
        re.findall(r"\bmake ([a-z]+)\b", "".join(re.findall(r"`[^`]+`|^    .+$", (ROOT / name).read_text(), re.M)))
    )
    assert not named - targets


def test_documents_name_only_files_that_exist() -> None:
    for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|mailto:|#)([^)#]+)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name}: {target}"
