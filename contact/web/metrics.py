"""`/metrics` for Prometheus: requests as they pass, and what the database knows at the moment."""

from __future__ import annotations

import hmac
import ipaddress
import time
from collections.abc import Iterable

from flask import Blueprint, Flask, Response, abort, current_app, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import select
from sqlalchemy.orm import Session

from contact import log as spine
from contact import pulse
from contact.db import utcnow
from contact.following import ReaderState
from contact.service import Service
from contact.web import KEY, figures, here
from contact.web.live import Live
from contact.web.requests import is_watched

pages = Blueprint("metrics", __name__)


class House(Collector):
    """Figures read from the database when somebody asks."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def collect(self) -> Iterable[Metric]:
        service: Service = self._app.extensions[KEY]
        tail: Live | None = self._app.extensions.get("live")
        with service.db.read() as session:
            head = spine.head(session)
            yield GaugeMetricFamily("hanmaru_log_rows", "Id of the newest row of the log", head)
            yield _readers(session, head)
            yield from _parts(session)
            yield from figures.waiting(session, utcnow())
        if tail and tail.position is not None:
            yield GaugeMetricFamily("hanmaru_tail_lag_rows", "Rows not yet shown live", head - tail.position)
            sockets = len(tail.server.eio.sockets)
            yield GaugeMetricFamily("hanmaru_sockets", "Open live connections", sockets)


def install(app: Flask) -> None:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    seconds = Histogram(
        "hanmaru_request_seconds", "Time to answer", ["route"], registry=registry,
        buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
    )  # fmt: skip
    answers = Counter("hanmaru_requests", "Requests answered", ["method", "status"], registry=registry)
    registry.register(House(app))
    app.extensions["metrics"] = registry

    @app.after_request
    def count(response: Response) -> Response:
        if not is_watched():
            return response
        answers.labels(request.method, str(response.status_code)).inc()
        if request.url_rule and "began" in g:
            seconds.labels(str(request.url_rule)).observe(time.perf_counter() - g.began)
        return response


@pages.get("/metrics")
def show() -> Response:
    if not _allowed():
        abort(404)
    return Response(generate_latest(current_app.extensions["metrics"]), mimetype="text/plain; version=0.0.4")


def _allowed() -> bool:
    token = here().settings.metrics_token
    if token:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(given.encode(), token.encode())
    return ipaddress.ip_address(request.remote_addr or "255.255.255.255").is_loopback


def _readers(session: Session, head: int) -> Metric:
    lag = GaugeMetricFamily("hanmaru_reader_lag_rows", "Rows a reader has not read", labels=["reader"])
    for state in session.scalars(select(ReaderState)):
        lag.add_metric([state.name], head - state.position)
    return lag


def _parts(session: Session) -> Iterable[Metric]:
    up = GaugeMetricFamily("hanmaru_part_up", "1 = this part of a worker runs", labels=["part"])
    failures = GaugeMetricFamily("hanmaru_part_failures", "Failures since its process started", labels=["part"])
    for row in pulse.living(session, utcnow()):
        up.add_metric([row.part], row.state == "running")
        failures.add_metric([row.part], row.failures)
    return up, failures
