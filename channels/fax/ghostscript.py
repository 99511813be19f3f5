"""Ghostscript: PDF to fax pages, in a process of its own with little time, memory and no way to other files."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from channels.fax.sniff import Unprintable
from channels.fax.tiff import HEIGHT, WIDTH
from contact import programs

PROGRAM: Final = "gs"
SECONDS: Final = 60
"""Of processor time; the clock on the wall gets twice as much."""
KILOBYTES: Final = 1024 * 1024
BLOCKS: Final = 400_000
"""Size of a file it may write, in blocks of 512 bytes."""
_LIMITED: Final = f'ulimit -t {SECONDS} && ulimit -v {KILOBYTES} && ulimit -f {BLOCKS} && exec "$@"'


class NoGhostscript(Exception):
    """Ghostscript is not installed."""


def found() -> str | None:
    """Where it is."""
    return shutil.which(PROGRAM)


def pages(pdf: bytes, name: str, limit: int, fine: bool = True) -> list[bytes]:
    """The first `limit` pages, each a TIFF; raises `Unprintable` with words about the file `name`."""
    with tempfile.TemporaryDirectory(prefix="hanmaru-fax-") as folder:
        home = Path(folder)
        (home / "in.pdf").write_bytes(pdf)
        _run(home, name, limit, fine)
        made = [path.read_bytes() for path in sorted(home.glob("page*.tif"))]
    if not made:
        raise Unprintable(f"The file {name} has no pages that can be read.")
    return made


def _run(home: Path, name: str, limit: int, fine: bool) -> None:
    program = found()
    if program is None:
        raise NoGhostscript
    down, rows = (196, HEIGHT) if fine else (98, HEIGHT // 2)
    command = [
        program, "-q", "-dSAFER", "-dBATCH", "-dNOPAUSE", "-dPDFSTOPONERROR=false", "-sDEVICE=tiffg4",
        f"-r204x{down}", f"-g{WIDTH}x{rows}", "-dFIXEDMEDIA", "-dPDFFitPage", "-dMaxStripSize=0",
        f"-dLastPage={limit}", "-sOutputFile=page%05d.tif", "in.pdf",
    ]  # fmt: skip
    try:
        done = programs.run(  # no shell sees the file's name: it is always in.pdf
            ["/bin/sh", "-c", _LIMITED, "sh", *command],
            cwd=home, stdin=subprocess.DEVNULL, capture_output=True, timeout=2 * SECONDS, check=False,
            env={"PATH": "/usr/bin:/bin", "TMPDIR": str(home), "LC_ALL": "C"},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise Unprintable(f"The file {name} takes too long to be made into pages.") from None
    if done.returncode:
        raise Unprintable(f"The file {name} cannot be read as PDF.")
