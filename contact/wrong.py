"""Wrong: what a person wrote into a rule, a macro or a segment cannot be used, and where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contact.errors import HanmaruError, Invalid


class Wrong(Invalid):
    """This value cannot be used."""

    code = "wrong_rule"

    # `what` is the name of a field or an action (a msgid), `inner` the reason: pages translate both.

    def __init__(self, message: str, *, what: str = "", inner: HanmaruError | None = None, **facts: Any) -> None:
        self.what, self.inner = what, inner
        why = {"why": inner.message % inner.facts if inner.facts else inner.message} if inner else {}
        super().__init__(message, **({"what": what} if what else {}), **why, **facts)

    def told(self, translate: Callable[[str], str]) -> str:
        """The whole sentence in a reader's language."""
        facts = dict(self.facts)
        if self.what:
            facts["what"] = translate(self.what)
        if self.inner is not None:
            why = translate(self.inner.message)
            facts["why"] = why % self.inner.facts if self.inner.facts else why
        message = translate(self.message)
        return message % facts if facts else message
