"""The sockets of the widgets: namespace /chat on the raw python-socketio server.

A message is answered when it is in the log; what the log says is shown to every tab by the
tail, in the log's order. What a visitor's browser missed it asks for by `since`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import structlog
from sqlalchemy.exc import SQLAlchemyError

from channels.chat import speech
from channels.chat.lobby import NAMESPACE, Answer, Lobby
from channels.chat.peers import Peer, Peers
from channels.chat.shown import Shown
from channels.chat.speech import failure, say
from channels.chat.talk import Talk
from channels.chat.welcome import Welcome
from channels.chat.wishes import Wishes
from contact.errors import HanmaruError
from contact.web.live import Live
from contact.web.security import guarding

log = structlog.stdlib.get_logger(__name__)
Handler = Callable[[Peer, object], Answer]


def door(live: Live) -> None:
    """Open the namespace."""
    with live.app.app_context():
        lobby = Lobby(live, guarding().limits)
    welcome, talk, wishes = Welcome(lobby), Talk(lobby), Wishes(lobby)
    live.admit(NAMESPACE, welcome.connect, welcome.disconnect)
    events: dict[str, Handler] = {
        "message": talk.message,
        "since": talk.since,
        "before": talk.before,
        "typing": wishes.typing,
        "got": wishes.got,
        "seen": wishes.seen,
        "end": wishes.end,
        "rate": wishes.rate,
        "address": wishes.address,
        "transcript": wishes.transcript,
        "page": wishes.page,
        "consent": wishes.consent,
    }
    for name, handler in events.items():
        live.server.on(name, _answered(lobby.peers, handler), namespace=NAMESPACE)
    shown = Shown(lobby, talk)
    lobby.presence.listen(shown.changed)
    live.follow(shown.follow)


def _answered(peers: Peers, handler: Handler) -> Callable[..., Answer]:
    """Each event gets an answer, whatever happens: a widget that hears nothing tries again for ever."""

    @functools.wraps(handler)
    def answer(sid: str, data: object = None, *_: object) -> Answer:
        peer = peers.by_sid.get(sid)
        if peer is None:
            return {"ok": False, "error": "gone", "message": "", "retry_after": 1}
        try:
            return handler(peer, data)
        except HanmaruError as error:
            return failure(error, peer.language)
        except SQLAlchemyError:
            log.exception("chat: the database is away")
            return {"ok": False, "error": "busy", "message": say(peer.language, speech.BUSY), "retry_after": 3}

    return answer
