"""Owner: the name of one running process on leases, and whether its bearer can still be alive.

The name holds an identity of the running kernel and process namespace, the process id and a
random part. Another process of the same machine can therefore tell at once that the bearer was
killed, and need not wait for the lease to end; for any other machine only the lease counts.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import socket
from pathlib import Path


def make() -> str:
    """A name for this process, at most 60 characters, never given twice."""
    return f"{machine()}:{os.getpid()}:{secrets.token_hex(4)}"


def is_dead(owner: str, me: str) -> bool:
    """True only when the bearer cannot be running any more; `me` is the asker's own name."""
    if owner == me or owner.count(":") != 2:
        return False
    place, pid, _ = owner.split(":")
    if place != machine() or not pid.isdigit():
        return False
    return int(pid) == os.getpid() or not runs(int(pid))


def runs(pid: int) -> bool:
    """Whether a process of this machine lives; one that only waits to be buried does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """Killed, but not yet waited for by its parent."""
    with contextlib.suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return False


def machine() -> str:
    """The same for two processes exactly when a process id means the same to both."""
    facts = [socket.gethostname()]
    with contextlib.suppress(OSError):
        facts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        facts.append(str(Path("/proc/self/ns/pid").readlink()))
    return hashlib.sha256(" ".join(facts).encode()).hexdigest()[:12]
