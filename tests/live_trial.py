"""A web process with one trial door, for tests/test_live.py: `live_trial.py DATA_DIR REDIS_URL`. Prints its port."""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import sys
from pathlib import Path
from typing import Any

import gevent
from flask import request
from flask_socketio import join_room
from sqlalchemy.exc import OperationalError

sys.path.insert(0, str(Path(__file__).parents[1]))

from contact import logs
from contact.channel import Channels
from contact.service import Service
from contact.settings import Settings
from contact.web import app as web
from contact.web.live import Live
from contact.web.server import Server


def door(live: Live) -> None:
    @live.socketio.on("connect", namespace="/trial")
    def connect(auth: dict[str, str] | None) -> bool | None:
        if not auth or auth.get("word") != "maru":
            return False
        live.server.save_session(request.sid, {"who": auth.get("who", "")}, namespace="/trial")  # type: ignore[attr-defined]
        join_room("all", namespace="/trial")
        return None

    def slow(sid: str, data: dict[str, Any]) -> dict[str, Any]:
        if data["n"] % 2 == 0:
            gevent.sleep(0.05)  # in greenlets of their own, odd ones would overtake
        return {"n": data["n"], "who": live.server.get_session(sid, namespace="/trial")["who"]}

    def typing(sid: str, data: dict[str, Any]) -> None:
        live.spread("typing", data, room="all", namespace="/trial", skip=sid)

    def fail(sid: str, data: dict[str, Any]) -> None:
        raise ZeroDivisionError

    def shaky(sid: str, environ: dict[str, Any], auth: Any = None) -> bool | None:
        live.server.enter_room(sid, "all", namespace="/shaky")
        raise OperationalError("the database is away", None, ValueError())

    live.admit("/shaky", shaky, lambda *_: None)
    live.server.on("slow", slow, namespace="/trial")
    live.server.on("typing", typing, namespace="/trial")
    live.server.on("fail", fail, namespace="/trial")
    live.follow(broken)
    live.follow(lambda rows: live.show("rows", [row.id for row in rows], room="all", namespace="/trial"))


def broken(rows: Any) -> None:
    raise RuntimeError("one follower's mistake must not stop the other")


if __name__ == "__main__":
    settings = Settings(  # type: ignore[call-arg]
        _env_file=None, data_dir=Path(sys.argv[1]), redis_url=sys.argv[2], listen=("127.0.0.1", 0), log_format="json"
    )
    logs.configure(settings, "web")
    service = Service.of(settings, Channels())
    app = web.make(service)
    live = Live(app, service)
    door(live)
    server = Server(app, live, settings)
    server.serve(lambda: print(server.port, flush=True))
