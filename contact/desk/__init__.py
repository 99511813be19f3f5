"""The agent console: pages, fragments, sockets.

view.py      saved views               lists.py     the left column
seen.py      what an agent has read    entries.py   rows of the log as people read them
draft.py     unsent words              composer.py  what can be answered, from where, to whom
words.py     sentences of the log      customer.py  the right column
views.py     pages     api.py  verbs   live.py      sockets
"""
