"""Rules to begin with, for a house that has none: opened in the editor, never switched on by themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from contact.text import N_


@dataclass(frozen=True, slots=True)
class Starter:
    """`body` makes the rule, given how sentences are translated."""

    name: str
    why: str
    icon: str
    body: Callable[[Callable[[str], str]], dict[str, Any]]


def _test(field: str, op: str, value: Any) -> dict[str, Any]:
    return {"field": field, "op": op, "value": value}


STARTERS: Final[Mapping[str, Starter]] = {
    "vip": Starter(
        N_("Mail of important customers is urgent"),
        N_("Set the priority by the sender's domain."),
        "flag",
        lambda _: {
            "when": {"on": "received"},
            "if": {"any": [_test("sender_domain", "is", ["partner.example"]), _test("tags", "has", ["VIP"])]},
            "then": [{"do": "priority", "value": "urgent"}, {"do": "tag", "value": "VIP"}],
        },
    ),
    "returns": Starter(
        N_("Returns and refunds into one queue"),
        N_("Find the words in subject or text and sort by them."),
        "bullets",
        lambda _: {
            "when": {"on": "opened"},
            "if": {
                "any": [
                    _test("subject", "has", ["반품", "환불", "교환", "return", "refund"]),
                    _test("text", "has", ["반품", "환불", "return", "refund"]),
                ]
            },
            "then": [{"do": "tag", "value": _("Returns")}, {"do": "queue", "value": None}],
        },
    ),
    "bounce": Starter(
        N_("Automatic mail out of sight"),
        N_("Resolve what machines answer, unless somebody waits."),
        "robot",
        lambda _: {
            "when": {"on": "automatic"},
            "if": {"all": [_test("messages", "at_most", 0)]},
            "then": [{"do": "resolve"}],
        },
    ),
    "idle": Starter(
        N_("Resolve what has been quiet for a week"),
        N_("Pending conversations nobody has answered for seven days."),
        "clock",
        lambda _: {
            "when": {"on": "idle", "detail": 168},
            "if": {"all": [_test("state", "is", ["pending"])]},
            "then": [{"do": "resolve"}],
        },
    ),
    "overdue": Starter(
        N_("Raise what is overdue"),
        N_("When the due time has passed, make it urgent and leave a note."),
        "bell",
        lambda _: {
            "when": {"on": "overdue"},
            "then": [{"do": "priority", "value": "urgent"}, {"do": "note", "value": _("The due time has passed.")}],
        },
    ),
    "contract": Starter(
        N_("Contracts and invoices get a tag"),
        N_("Look at the names and types of attachments."),
        "attach",
        lambda _: {
            "when": {"on": "received"},
            "if": {
                "all": [
                    _test("file_type", "is", ["application/pdf"]),
                    _test("file_name", "has", ["계약", "세금계산서", "invoice", "contract"]),
                ]
            },
            "then": [{"do": "tag", "value": _("Documents")}],
        },
    ),
}
