"""Files of the rooms under /static/ROOM/PATH: cached for ever by content, gzip made by the build."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from flask import Blueprint, Flask, Response, abort, request, send_from_directory, url_for

YEAR = 365 * 24 * 3600
TAG_LENGTH = 10


class Assets:
    """The static folders, and a tag of each file's content. A tag is taken anew when the file changes."""

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self.folders = dict(folders)
        self._tags: dict[Path, tuple[int, str]] = {}

    def tag(self, room: str, name: str) -> str:
        """Ten hex digits of the content's hash; empty when there is no such file."""
        path = self.folders[room] / name
        try:
            changed = path.stat().st_mtime_ns
        except OSError:
            return ""
        known = self._tags.get(path)
        if known is None or known[0] != changed:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()[:TAG_LENGTH]
            known = self._tags[path] = (changed, digest)
        return known[1]

    def url(self, room: str, name: str) -> str:
        """The address of a file, with its tag: for templates, as `asset("desk", "dist/desk.js")`."""
        return url_for("static.file", room=room, name=name, v=self.tag(room, name) or None)

    def send(self, room: str, name: str, *, forever: bool = False) -> Response:
        """A file as a response; `forever` when its address names its content."""
        folder = self.folders.get(room)
        if folder is None or any(part.startswith(".") for part in Path(name).parts):
            abort(404)
        zipped = request.accept_encodings.quality("gzip") > 0 and (folder / f"{name}.gz").is_file()
        response = send_from_directory(folder, f"{name}.gz" if zipped else name, mimetype=_type(name))
        if zipped:
            response.headers["Content-Encoding"] = "gzip"
        response.headers["Vary"] = "Accept-Encoding"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.cache_control.clear()
        response.cache_control.public = True
        response.cache_control.max_age = YEAR if forever else 300
        response.cache_control.immutable = forever
        return response


def install(app: Flask, folders: Mapping[str, Path]) -> None:
    assets = Assets(folders)
    pages = Blueprint("static", __name__)

    @pages.get("/static/<room>/<path:name>")
    def file(room: str, name: str) -> Response:
        tag = request.args.get("v", "")
        return assets.send(room, name, forever=bool(tag) and room in folders and tag == assets.tag(room, name))

    app.register_blueprint(pages)
    app.extensions["assets"] = assets
    app.jinja_env.globals["asset"] = assets.url


def _type(name: str) -> str | None:
    return {
        ".js": "text/javascript",
        ".css": "text/css",
        ".svg": "image/svg+xml",
        ".map": "application/json",
        ".woff2": "font/woff2",
        ".webmanifest": "application/manifest+json",
    }.get(Path(name).suffix)
