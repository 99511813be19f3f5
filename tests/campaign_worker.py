"""`python campaign_worker.py SECONDS`: the pipe and the clock alone, with leases of so many seconds."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

from campaign_kit import Large, Words, anything

import wsgi
from campaigns import starting
from campaigns.house import House
from campaigns.pipe import window
from campaigns.pipe.part import Pipe
from contact import logs, worker
from contact.jobs import Clock
from contact.service import Service
from contact.settings import load
from contact.worker import Part

if __name__ == "__main__":
    window.LEASE = timedelta(seconds=float(sys.argv[1]))
    settings = load()
    logs.configure(settings, "worker")
    service = Service.of(settings, wsgi.channels(settings))
    ports = House(settings) if sys.argv[2] == "house" else Words(Large() if sys.argv[2] == "large" else None)
    worker.main(
        service,
        [
            Part("campaigns", Pipe(ports).run),
            Part("clock", Clock(starting.jobs(anything)).run),
        ],
    )
