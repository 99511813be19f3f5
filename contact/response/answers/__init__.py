"""Prepared words: canned answers that people choose, automatic answers that go out by themselves.

fields.py    `{{ name }}` and the sign of an empty one     answer.py     the nouns and their variants
find.py      the search behind `/`                         use.py        what is used, sent as it was or changed
values.py    what fields are filled with                   sheet.py      canned answers from a table
automatic.py what an inbox says by itself, and when        first.py      how long first answers really take
acting.py    the reader of the log
"""
