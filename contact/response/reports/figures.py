"""The figures: what each is called, what it is made of, and what it means in words. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from contact.response.reports.measure import Kind
from contact.text import N_


class How(StrEnum):
    """What is made of the rows of a kind."""

    COUNT = "count"
    MEDIAN = "median"
    P80 = "p80"
    P95 = "p95"
    WITHIN = "within"
    """The share that took no longer than the target."""
    RETURNED = "returned"
    RETURN_RATE = "return_rate"
    AVERAGE = "average"
    SCORED = "scored"
    """How many gave a certain score."""
    RATE = "rate"
    """Ratings for each resolved conversation."""
    KEPT = "kept"
    """Promises that were kept, of these and those that were missed."""
    BACKLOG = "backlog"
    """Open at the end of a part."""


class Unit(StrEnum):
    COUNT = "count"
    TIME = "time"
    """Milliseconds."""
    SHARE = "share"
    SCORE = "score"


@dataclass(frozen=True, slots=True)
class Figure:
    """One column of a report."""

    key: str
    name: str
    kind: Kind
    how: How
    explained: str
    score: int = 0

    @property
    def unit(self) -> Unit:
        if self.how in (How.MEDIAN, How.P80, How.P95):
            return Unit.TIME
        if self.how in (How.WITHIN, How.RETURN_RATE, How.RATE, How.KEPT):
            return Unit.SHARE
        return Unit.SCORE if self.how is How.AVERAGE else Unit.COUNT

    @property
    def wants_values(self) -> bool:
        return self.kind in VALUED


OF = {How.RATE: Kind.RESOLVED, How.KEPT: Kind.BREACHED}
"""The other kind a share is made with."""
VALUED = (Kind.FIRST, Kind.NEXT, Kind.RESOLVED, Kind.SCORE, Kind.BREACHED, Kind.KEPT)
"""Kinds whose rows carry a value."""


TIMED = (Kind.FIRST, Kind.NEXT, Kind.RESOLVED)
"""Kinds whose value is a time."""


@dataclass(slots=True)
class Heap:
    """What was measured of one kind in one group: how many, their values, how many came back."""

    count: int = 0
    values: list[int] = field(default_factory=list)
    returned: int = 0

    def add(self, other: Heap) -> None:
        self.count += other.count
        self.values += other.values
        self.returned += other.returned


NOTHING = Heap()


def made(figure: Figure, heap: Heap, other: Heap, target: int) -> int | float | None:
    """The figure of a heap whose values are sorted; None where there is nothing to say. `other`: what a share is
    made with (`OF`), `target` in seconds."""
    match figure.how:
        case How.COUNT | How.BACKLOG:
            return heap.count
        case How.RETURNED:
            return heap.returned
        case How.SCORED:
            return heap.values.count(figure.score)
        case How.RATE:
            return heap.count / other.count if other.count else None
        case How.KEPT:
            ended = heap.count + other.count
            return heap.count / ended if ended else None
    if not heap.count:
        return None
    match figure.how:
        case How.MEDIAN:
            return median(heap.values)
        case How.P80:
            return percentile(heap.values, 80)
        case How.P95:
            return percentile(heap.values, 95)
        case How.WITHIN:
            return sum(value <= target * 1000 for value in heap.values) / heap.count
        case How.RETURN_RATE:
            return heap.returned / heap.count
        case _:
            return sum(heap.values) / heap.count


def median(values: Sequence[int]) -> float:
    """The middle one, or the mean of the middle two, of sorted values."""
    return statistics.median(values)


def percentile(values: Sequence[int], percent: int) -> int:
    """The smallest of sorted values that at least so many percent do not exceed (nearest rank)."""
    return values[max(0, -(-len(values) * percent // 100) - 1)]


_WAIT = N_("From the customer's first message that nobody has answered yet to the answer's leaving. The "
           "seconds for taking a message back, and a later time to send, count as waiting.")  # fmt: skip
_RANK = N_("So many of a hundred took this long or less.")


def _timed(prefix: str, kind: Kind, explained: str, within: str) -> tuple[Figure, ...]:
    return (
        Figure(f"{prefix}_median", N_("Median"), kind, How.MEDIAN, explained),
        Figure(f"{prefix}_p80", N_("80 %"), kind, How.P80, _RANK),
        Figure(f"{prefix}_p95", N_("95 %"), kind, How.P95, _RANK),
        Figure(f"{prefix}_within", N_("Within target"), kind, How.WITHIN, within),
    )


_WITHIN = N_("The share that took no longer than the target chosen above.")
IN = Figure("received", N_("Received"), Kind.IN, How.COUNT,
            N_("Messages of customers. Automatic replies and mails that came back are none."))  # fmt: skip
OUT = Figure("sent", N_("Answers written"), Kind.OUT, How.COUNT,
             N_("Messages that people of ours wrote. What was taken back before it left does not count."))  # fmt: skip
AUTO = Figure("automatic", N_("Automatic"), Kind.AUTO, How.COUNT,
              N_("Messages that nobody wrote: automatic answers and those of rules. They are no answers."))  # fmt: skip
OPENED = Figure("opened", N_("New conversations"), Kind.OPENED, How.COUNT,
                N_("Conversations whose first message was received or sent in this time. One that is merged into "
                   "another is counted once, there."))  # fmt: skip
BACKLOG = Figure("backlog", N_("Backlog"), Kind.OPEN, How.BACKLOG,
                 N_("Conversations not resolved at the end of this time: open, pending and snoozed."))  # fmt: skip
FIRST = Figure("first", N_("First answers"), Kind.FIRST, How.COUNT,
               N_("Conversations in which a person of ours answered for the first time."))  # fmt: skip
NEXT = Figure("next", N_("Next answers"), Kind.NEXT, How.COUNT,
              N_("Every later answer to a customer who waited for it."))  # fmt: skip
RESOLVED = Figure("resolved", N_("Resolved"), Kind.RESOLVED, How.COUNT,
                  N_("How often a conversation was resolved; one that was opened again may be so twice."))  # fmt: skip
RETURNED = Figure("returned", N_("Reopened"), Kind.RESOLVED, How.RETURNED,
                  N_("Of these, conversations that were opened again later, up to now."))  # fmt: skip
RETURN_RATE = Figure("return_rate", N_("Reopen rate"), Kind.RESOLVED, How.RETURN_RATE,
                     N_("Reopened for each resolved. Younger ones have had less time to come back."))  # fmt: skip
SCORES = Figure("scores", N_("Ratings"), Kind.SCORE, How.COUNT,
                N_("Ratings of customers; the last one counts until the conversation is opened again. It is that of "
                   "the agent who wrote last."))  # fmt: skip
AVERAGE = Figure("average", N_("Average"), Kind.SCORE, How.AVERAGE, N_("The mean of all ratings, 1 to 5."))
RATE = Figure("rate", N_("Rated share"), Kind.SCORE, How.RATE,
              N_("Ratings for each resolved conversation of the same time."))  # fmt: skip
BREACHED = Figure("breached", N_("Missed targets"), Kind.BREACHED, How.COUNT,
                  N_("Service levels whose time ran out."))  # fmt: skip
KEPT = Figure("kept", N_("Kept targets"), Kind.KEPT, How.COUNT,
              N_("Service levels that were answered or resolved in time."))  # fmt: skip
KEPT_SHARE = Figure("kept_share", N_("Kept share"), Kind.KEPT, How.KEPT,
                    N_("Kept targets of those kept and missed. What was resolved in time without an answer is "
                       "neither."))  # fmt: skip
ASKED = Figure("asked", N_("Asked"), Kind.ASKED, How.COUNT,
               N_("Customers who were asked after a resolution; a chat can be rated unasked."))  # fmt: skip
TAKEN = Figure("taken", N_("Assigned"), Kind.TAKEN, How.COUNT,
               N_("How often a conversation was given to an agent, or taken by one."))  # fmt: skip
_LASTED = N_("From the first message, or from being opened again, to being resolved.")


@dataclass(frozen=True, slots=True)
class Spec:
    """One report: its columns, and which of them its picture draws as bars and as a line."""

    key: str
    name: str
    figures: tuple[Figure, ...]
    bars: tuple[str, ...]
    line: str = ""
    by: str = ""
    """How it is cut when nobody says; empty: by time."""
    target: int = 0
    """Seconds; 0: it knows no target."""


_FIRST = _timed("first", Kind.FIRST, _WAIT, _WITHIN)
_NEXT = _timed("next", Kind.NEXT, _WAIT, _WITHIN)
_RESOLUTION = _timed("resolved", Kind.RESOLVED, _LASTED, _WITHIN)
_STARS = tuple(
    Figure(f"score{n}", N_("%(n)s stars"), Kind.SCORE, How.SCORED, N_("How many gave this rating."), n)
    for n in range(1, 6)
)
_MISSED = (
    Figure("breached_first", N_("Missed: first answer"), Kind.BREACHED, How.SCORED, BREACHED.explained, 1),
    Figure("breached_next", N_("Missed: next answer"), Kind.BREACHED, How.SCORED, BREACHED.explained, 2),
    Figure("breached_resolution", N_("Missed: resolution"), Kind.BREACHED, How.SCORED, BREACHED.explained, 3),
)
_HELD = (
    Figure("kept_first", N_("Kept: first answer"), Kind.KEPT, How.SCORED, KEPT.explained, 1),
    Figure("kept_next", N_("Kept: next answer"), Kind.KEPT, How.SCORED, KEPT.explained, 2),
    Figure("kept_resolution", N_("Kept: resolution"), Kind.KEPT, How.SCORED, KEPT.explained, 3),
)
_SHORT = {
    "first": Figure("first_median", N_("First answer, median"), Kind.FIRST, How.MEDIAN, _WAIT),
    "next": Figure("next_median", N_("Next answer, median"), Kind.NEXT, How.MEDIAN, _WAIT),
    "resolved": Figure("resolved_median", N_("Resolution, median"), Kind.RESOLVED, How.MEDIAN, _LASTED),
    "average": Figure("average", N_("Satisfaction"), Kind.SCORE, How.AVERAGE, AVERAGE.explained),
}

REPORTS: dict[str, Spec] = {
    spec.key: spec
    for spec in (
        Spec("summary", N_("Summary"),
             (IN, OUT, OPENED, _SHORT["first"], _SHORT["next"], RESOLVED, _SHORT["resolved"], RETURN_RATE,
              _SHORT["average"], KEPT_SHARE, BREACHED), ("received", "sent")),
        Spec("volume", N_("Volume"), (IN, OUT, AUTO, OPENED, RESOLVED, BACKLOG), ("received", "sent"), "backlog"),
        Spec("first", N_("First answer"), (FIRST, *_FIRST), ("first_median",), "first_p80", target=3600),
        Spec("next", N_("Next answer"), (NEXT, *_NEXT), ("next_median",), "next_p80", target=3600),
        Spec("resolution", N_("Resolution time"), (RESOLVED, *_RESOLUTION, RETURNED, RETURN_RATE), ("resolved_median",),
             "resolved_p80", target=86_400),
        Spec("satisfaction", N_("Satisfaction"), (ASKED, SCORES, RATE, AVERAGE, *_STARS), ("average",)),
        Spec("levels", N_("Service levels"), (KEPT_SHARE, KEPT, BREACHED, *_HELD, *_MISSED), ("kept", "breached")),
        Spec("agents", N_("Agents"),
             (TAKEN, OUT, FIRST, _SHORT["first"], _SHORT["next"], RESOLVED, RETURN_RATE, _SHORT["average"], BREACHED),
             ("sent", "resolved"), by="agent"),
    )
}  # fmt: skip
TARGETS = (60, 300, 600, 1800, 3600, 14_400, 28_800, 86_400, 172_800, 604_800)
"""Seconds a person may choose as a target."""
