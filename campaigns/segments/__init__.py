"""Segments (세그먼트): saved rules that say whom something concerns, over the directory, consent and the log.

fields.py      what may be asked                    compiled.py  one SQL select
definition.py  groups of tests, checked             family.py    the persons asked about
conditions.py  what each test asks, as SQL          summed.py    all sets at once, for PostgreSQL
segment.py     the table and its versions           order.py     which part is asked about first
touch.py       when they and we last wrote, folded  preview.py   count, sample, reasons
"""

from campaigns.segments.compiled import KIND_OF, select_count
from campaigns.segments.compiled import select_people as select
from campaigns.segments.definition import Known, Tree, parse
from campaigns.segments.segment import Segment, SegmentVersion, every, get, version

__all__ = [
    "KIND_OF",
    "Known",
    "Segment",
    "SegmentVersion",
    "Tree",
    "every",
    "get",
    "parse",
    "select",
    "select_count",
    "version",
]
