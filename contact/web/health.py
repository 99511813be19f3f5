"""`/health/live`: the process answers. `/health/ready`: everything it needs is there, and why not."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, current_app, jsonify, make_response
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from contact import log as spine
from contact import migrations, pulse
from contact.db import utcnow
from contact.web import here
from contact.web.live import BATCH, Live

pages = Blueprint("health", __name__, url_prefix="/health")


@pages.get("/live")
def live() -> Response:
    return make_response(jsonify({"live": True}))


@pages.get("/ready")
def ready() -> Response:
    """200 when all checks are true, else 503; names of checks, no secrets, no details."""
    checks = look()
    fine = all(value is True for value in checks.values())
    return make_response(jsonify({"ready": fine, "checks": checks}), 200 if fine else 503)


def look() -> dict[str, Any]:
    try:
        with here().db.read() as session:
            session.execute(text("SELECT 1"))
            new = migrations.current(here().db.engine) == migrations.HEAD
            return {"database": True, "migrations": new, **(_moving(session) if new else {})}
    except SQLAlchemyError as error:
        return {"database": type(error).__name__}


def _moving(session: Session) -> dict[str, bool]:
    tail: Live | None = current_app.extensions.get("live")
    lag = spine.head(session) - tail.position if tail and tail.position is not None else 0
    return {
        "worker": bool(pulse.living(session, utcnow())),
        "parts": open_parts(session),
        "tail": lag < 4 * BATCH,
    }


def open_parts(session: Session) -> bool:
    """Whether no part of a worker is in trouble, and each that has a door has it open somewhere."""
    parts = pulse.living(session, utcnow())
    closed, open_ = ({part.part for part in parts if part.state == state} for state in ("starting", "running"))
    return closed <= open_ and all(part.state != "waiting" for part in parts)
