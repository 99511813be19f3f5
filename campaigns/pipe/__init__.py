"""The pipe: what a running campaign still has to say leaves, once to each.

claim a window of recipients, re-check, mark `sending`, commit; send, with a journal around the step nobody
can take back; settle in groups. `recover` decides what became of the windows of workers that died.
"""
