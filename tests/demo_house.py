"""`python wsgi.py` with one more channel, for the tests of the console in a browser."""

from __future__ import annotations

import sys
from pathlib import Path

ROLE = (sys.argv[1] if len(sys.argv) > 1 else "all") if __name__ == "__main__" else ""
if ROLE in ("all", "web"):
    from gevent import monkey

    monkey.patch_all()

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

from demo_channel import Pigeon

import wsgi
from contact import run
from contact.channel import Channels
from contact.settings import Settings

USUAL = wsgi.channels


def channels(settings: Settings) -> Channels:
    return Channels(*USUAL(settings), Pigeon())


if __name__ == "__main__":
    wsgi.channels = channels
    run.WSGI = Path(__file__)
    sys.exit(run.main(ROLE, sys.argv[2:], wsgi.compose, wsgi.create_app, wsgi.parts, wsgi.first_start))
