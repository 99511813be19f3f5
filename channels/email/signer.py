"""The signing process: texts come in on stdin, signatures go out on stdout. It ends when its parent is gone.

Started by `signing.py` as a script of its own, so that it loads nothing of the house. A frame is four bytes of length
and as many bytes; a group is a frame of frames. The first frame is the key (RSA, DER).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import BinaryIO

_LENGTH = struct.Struct("!I")


def frame(texts: Iterable[bytes]) -> bytes:
    """A group of texts as one frame."""
    inside = b"".join([_LENGTH.pack(len(text)) + text for text in texts])
    return _LENGTH.pack(len(inside)) + inside


def head(text: bytes) -> bytes:
    """A text as a frame of its own."""
    return _LENGTH.pack(len(text)) + text


def parts(group: bytes) -> Iterator[bytes]:
    """The texts of a group."""
    place = 0
    while place < len(group):
        (length,) = _LENGTH.unpack_from(group, place)
        yield group[place + 4 : place + 4 + length]
        place += 4 + length


def length_of(head: bytes) -> int:
    """How many bytes follow the four of a frame's head."""
    (length,) = _LENGTH.unpack(head)
    return int(length)


def _read(source: BinaryIO) -> bytes | None:
    head = source.read(4)
    return source.read(length_of(head)) if len(head) == 4 else None


def main() -> None:
    """Until stdin ends."""
    import sys

    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    source, target = sys.stdin.buffer, sys.stdout.buffer
    key = load_der_private_key(_read(source) or b"", None)
    assert isinstance(key, rsa.RSAPrivateKey)
    how, digest = padding.PKCS1v15(), hashes.SHA256()
    while (group := _read(source)) is not None:
        target.write(frame([key.sign(text, how, digest) for text in parts(group)]))
        target.flush()


if __name__ == "__main__":
    main()
