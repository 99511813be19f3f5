"""Satisfaction: one question after a matter is done, by the channel that was used.

setting.py   whether, when and how often   ask.py      a question that waits, is asked, is answered
token.py     signed links                  asking.py   the clock's part: put it into the outbox
rating.py    answers as reports read them  reader.py   the log's part
"""
