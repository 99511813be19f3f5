"""Hanmaru's web process as it is, and one door more: `/bench`, where the load's agents watch.

python bench/chat_server.py PORT FOLDER
"""

# ruff: noqa: E402, ARG001
from gevent import monkey

monkey.patch_all()

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import wsgi
from contact import logs, migrations, opening
from contact.db import utcnow
from contact.log import Interaction, Name
from contact.settings import Settings
from contact.web.live import Live
from contact.web.server import Server, raise_file_limit

NAMESPACE = "/bench"


def agents(live: Live) -> None:
    """An agent's socket joins a conversation and is shown what the log says of it, as in the console."""
    server = live.server

    def connect(sid: str, environ: dict[str, Any], auth: object = None) -> None:
        return None

    def watch(sid: str, data: dict[str, int]) -> dict[str, bool]:
        with live.service.db.read() as session:
            row = session.get_one(Interaction, data["n"])
        server.enter_room(sid, f"conversation:{row.conversation_id}", namespace=NAMESPACE)
        return {"ok": True}

    def follow(rows: Sequence[Interaction]) -> None:
        for row in rows:
            if row.name == Name.MESSAGE_RECEIVED and row.key:
                item = {"n": row.id, "id": row.key.rpartition(":")[2], "text": row.body, "at": row.at.isoformat()}
                live.show("item", item, room=f"conversation:{row.conversation_id}", namespace=NAMESPACE)

    server.on("connect", connect, namespace=NAMESPACE)
    server.on("watch", watch, namespace=NAMESPACE)
    live.follow(follow)


def main(port: int, folder: Path) -> None:
    settings = Settings(_env_file=None, data_dir=folder, listen=("127.0.0.1", port), log_level="warning")  # type: ignore[call-arg]
    raise_file_limit()
    service = wsgi.compose(settings)
    logs.configure(settings, "web")
    migrations.upgrade(service.db.engine)
    opening.welcome(service, utcnow())
    app = wsgi.create_app(service=service)
    live = app.extensions["live"]
    agents(live)
    Server(app, live, settings).serve(lambda: print("ready", flush=True))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
