"""Which files visitors may send: what people show and read, never what a computer runs."""

from __future__ import annotations

from pathlib import PurePosixPath

BY_ENDING = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".heic": "image/heic",
    ".avif": "image/avif",
    ".pdf": "application/pdf",
    ".txt": "text/plain",
    ".csv": "text/csv",
    ".doc": "application/msword",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".xls": "application/vnd.ms-excel",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".ppt": "application/vnd.ms-powerpoint",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".hwp": "application/x-hwp",
    ".hwpx": "application/hwp+zip",
    ".zip": "application/zip",
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".wav": "audio/wav",
    ".ogg": "audio/ogg",
}
ACCEPT = list(BY_ENDING)
"""For the widget's file picker."""

_PASTED = {"image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif", "image/webp": ".webp"}


def accepted(name: str, claimed: str) -> tuple[str, str] | None:
    """Name and content type a file is kept under; None when it is not accepted.

    The ending decides, not what the browser claims; a pasted picture without one gets its own.
    """
    ending = PurePosixPath(name).suffix.lower()
    if not ending and claimed in _PASTED:
        name, ending = name + _PASTED[claimed], _PASTED[claimed]
    kind = BY_ENDING.get(ending)
    return (name, kind) if kind else None
