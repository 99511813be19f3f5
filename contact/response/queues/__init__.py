"""Queues: agents' waiting work, and how it is given.

queue.py   Queue: a name, its place, its ways
ways.py    the settings of a queue. Pure
member.py  who works for it, whose turn it is, which inboxes feed it
agent.py   skills, languages, capacity, "I take work"
choose.py  who gets what. Pure
work.py    what waits and what is in hand, read from the conversations
router.py  the worker's part that gives
back.py    what comes back, and what goes over into another queue
reader.py  new conversations into the queue of their inbox
board.py   the figures of the wallboard
by_hand.py what a person does; said.py: why, in a sentence; views.py: the pages
"""

from contact.response.queues.by_hand import put
from contact.response.queues.queue import Queue, add, change, close, every, get, move, names, reopen

__all__ = ["Queue", "add", "change", "close", "every", "get", "move", "names", "put", "reopen"]
