"""A process that echoes over our WebSocket class on pywsgi, as engineio would use it. Prints its port."""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from gevent import pywsgi

sys.path.insert(0, str(Path(__file__).parents[1]))

from contact.web.server import Handler
from contact.web.socket import EngineSocket

LIMIT = 1_000_000


def echo(socket: EngineSocket) -> None:
    while (message := socket.wait()) is not None:
        if message == "say goodbye":
            socket.close()
        else:
            socket.send(message)


def app(environ: dict[str, Any], start_response: Any) -> Any:
    return EngineSocket(echo, SimpleNamespace(max_http_buffer_size=LIMIT))(environ, start_response)


if __name__ == "__main__":
    server = pywsgi.WSGIServer(("127.0.0.1", 0), app, handler_class=Handler, log=None, environ={"SERVER_NAME": "test"})
    server.start()
    print(server.server_port, flush=True)
    server.serve_forever()
