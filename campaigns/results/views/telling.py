"""How results read: shares, reasons and the titles of lists, in the language of whoever looks."""

from __future__ import annotations

from flask_babel import format_decimal, format_percent
from flask_babel import gettext as _

from campaigns.results import words
from campaigns.results.people import Asked, Listed
from campaigns.results.views import door
from contact.desk import reasons
from contact.desk.words import ERASED


def whole(n: int) -> str:
    return str(format_decimal(n))


def share(n: int, of: int) -> str:
    """A share never stands alone: "12.5 % (1 of 8)"."""
    if not of:
        return ""
    return str(
        _(
            "%(share)s (%(n)s of %(of)s)",
            share=format_percent(n / of, "#,##0.0%" if n * 1000 >= of or not n else "#,##0.00#%"),
            n=whole(n),
            of=whole(of),
        )
    )


def failure(code: str) -> str:
    known = words.failure(code)
    return str(_(known)) if known else code or str(_("No reason was given."))


def why(asked: Asked, one: Listed) -> str:
    if one.reason in words.WHY:
        return str(_(words.WHY[one.reason]))
    if asked.of in ("failed", "returned", "unknown"):
        return reasons.told(one.reason) if one.reason else failure(one.code) if one.code else ""
    return reasons.told(str(_(one.reason))) if one.reason else ""


def value(one: Listed) -> str:
    return str(_(ERASED)) if one.value.startswith("erased-") else one.value


def title(asked: Asked) -> str:
    """What the list is of."""
    first, _dot, rest = asked.of.partition(".")
    if first == "link":
        linked, _dot, who = rest.partition(".")
        told = str(_("link %(n)s: %(who)s", n=linked, who=_(words.WHO.get(who, ""))))
    elif first == "goal" and rest:
        told = str(_("goal: %(name)s", name=rest))
    else:
        fates = {**words.FATES, "planned": words.FATES["waiting"], "sending": "on their way"}
        told = str(_(words.DEEDS.get(asked.of) or fates.get(asked.of, "")))
    if asked.domain is not None:
        told += f" · {asked.domain}"
    if asked.why is not None:
        told += f" · {_(words.WHY[asked.why]) if asked.why in words.WHY else failure(asked.why)}"
    return told


@door.pages.app_template_filter("left_out_reason")
def reason(key: str) -> str:
    """Why somebody was left out: a msgid of ours."""
    return str(_(key)) if key else str(_("No reason was given."))
