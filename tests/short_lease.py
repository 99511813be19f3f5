"""`python short_lease.py SECONDS`: a worker of the house whose leases end after so many seconds."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import wsgi
from contact import logs, worker
from contact.outbox import delivery

if __name__ == "__main__":
    delivery.LEASE = timedelta(seconds=float(sys.argv[1]))
    service = wsgi.compose()
    logs.configure(service.settings, "worker")
    worker.main(service, wsgi.parts(service))
