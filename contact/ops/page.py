"""`docs/settings.md`, written from the descriptions in `contact/settings.py`; a test keeps them equal.

python -m contact.ops.page > docs/settings.md
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from contact import settings
from contact.settings import PREFIX, Settings

HEAD = """\
# Settings

Each is an environment variable. The same names may stand in a file `hanmaru.env` in the folder where Hanmaru is
started (or in the file that `HANMARU_FILE` names), one `NAME=value` a line; the environment wins. Everything has a
default, so that nothing need be set to try it. A wrong value stops the start with a sentence that says which and why.

This page is written from the code: `make docs`.
"""


def page() -> str:
    """The whole page in Markdown."""
    groups = _groups()
    lines = [HEAD]
    for name, field in Settings.model_fields.items():
        if title := groups.get(name):
            lines.append(f"\n## {title}\n\n| name | default | what it does |\n|---|---|---|")
        lines.append(f"| `{PREFIX}{name.upper()}` | {_shown(field.default)} | {field.description} |")
    return "\n".join(lines) + "\n"


def _groups() -> dict[str, str]:
    """Field name to the heading that begins there: the comments between the fields."""
    source = Path(settings.__file__).read_text()
    body = source[source.index("class Settings(") :]
    return {name: title.capitalize() for title, name in re.findall(r"^    # (.+)\n    (\w+):", body, re.MULTILINE)}


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return "`{}:{}`".format(*value)
    if isinstance(value, bool):
        return "`true`" if value else "`false`"
    return f"`{value}`" if value not in ("", None) else ""


if __name__ == "__main__":
    sys.stdout.write(page())
