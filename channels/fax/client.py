"""The client of a HylaFAX server: its protocol is FTP with queues (hfaxd(8)), so the standard library speaks it.

Blocks; the adapter runs it in threads. A connection serves one purpose and is closed: what
the server shows of a job to an older connection goes stale.
"""

from __future__ import annotations

import contextlib
import ftplib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from channels.fax import job as jobs
from channels.fax.job import Job
from channels.fax.settings import Line
from contact.channel import ChannelError, Unsure
from contact.messages import Fault, Who

TIMEOUT: Final = 20.0
"""Seconds for every single answer."""
KEPT: Final = 60
"""Lines of the talk kept for the exchange log."""
_FILE: Final = re.compile(r"FILE: ([^\s)]+)")
_JOB: Final = re.compile(r"jobid: (\d+)")
_UNSAFE: Final = re.compile(r'[^\x20-\x7e]|["\\]')


class Talk(ftplib.FTP):
    """One connection that remembers what was said, without the password."""

    def __init__(self) -> None:
        super().__init__(timeout=TIMEOUT, encoding="latin-1")  # any byte a server may say can be read
        self.said: list[str] = []

    def putcmd(self, line: str) -> None:
        self.said.append(f"> {self.sanitize(line).strip(chr(39))}"[:300])
        super().putcmd(line)

    def getmultiline(self) -> str:
        line = super().getmultiline()
        self.said.append(f"< {line}"[:300])
        return line

    @property
    def exchange(self) -> dict[str, Any]:
        return {"said": self.said[-KEPT:]}


class Client:
    """One signed-in connection to `line`; `with Client(line) as client: ...`. Everything raises `ChannelError`."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._talk = Talk()

    def __enter__(self) -> Client:
        with self._fails():
            self._talk.connect(self._line.host, self._line.port)
            self._sign_in()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """A job that was made and not submitted is forgotten by the server."""
        self._talk.close()

    @property
    def exchange(self) -> dict[str, Any]:
        return {"server": self._line.place, **self._talk.exchange}

    def put(self, document: bytes) -> str:
        """Store a document; the name the server gave it."""
        with self._fails():
            self._talk.voidcmd("TYPE I")
            with self._talk.ntransfercmd("STOT")[0] as connection:
                connection.sendall(document)
            answer = self._talk.voidresp()
        found = _FILE.search("\n".join((*self._talk.said[-4:], answer)))
        if found is None:
            raise self._error("The fax server did not say where it put the document.")
        return found[1]

    def make(self, document: str, number: str, tag: str, until: datetime | None = None) -> int:
        """A job that waits to be submitted; its number. `until`: the server gives it up then at the latest."""
        with self._fails():
            answer = self._talk.sendcmd("JNEW")
        found = _JOB.search(answer)
        if found is None:
            raise self._error("The fax server gave no number to the job.")
        self._dial(number)
        with self._fails(parameter=True):
            for name, value in self._parameters(tag, until).items():
                self._talk.voidcmd(f"JPARM {name} {value}")
            self._talk.voidcmd(f"JPARM DOCUMENT {document}")
        return int(found[1])

    def submit(self) -> None:
        """The point of no return; raises `Unsure` when no answer comes."""
        try:
            self._talk.voidcmd("JSUBM")
        except ftplib.Error as error:  # it answered: the job dies with the connection
            raise self._refused(error) from error
        except (OSError, EOFError) as error:
            words = "The connection broke after the fax was handed over, before the answer."
            raise Unsure(words, self.exchange) from error

    def jobs(self) -> list[Job]:
        """Every job the server knows, of the queue and of those that are done."""
        lines: list[str] = []
        with self._fails():
            self._talk.voidcmd(f'JOBFMT "{jobs.FORMAT}"')
            # A job on its way from one to the other stands in both rather than in neither.
            self._talk.retrlines("LIST sendq", lines.append)
            self._talk.retrlines("LIST doneq", lines.append)
        found: dict[int, Job] = {}
        for one in filter(None, map(jobs.read, lines)):
            found[one.number] = one
        return list(found.values())

    def why(self, job: Job) -> Job:
        """A failed job with its error code, as far as the server can still tell."""
        if job.code:
            return job
        with contextlib.suppress(ftplib.Error), self._broken():
            self._talk.voidcmd(f"JOB {job.number}")
            answer = self._talk.sendcmd("JPARM ERRORCODE").partition(" ")[2].strip().removeprefix("E")
            return job.with_code(int(answer) if answer.isdecimal() else 0)
        return job

    def kill(self, number: int) -> None:
        """Stop a job that waits or runs."""
        with self._fails():
            self._talk.voidcmd(f"JKILL {number}")

    def _sign_in(self) -> None:
        answer = self._talk.sendcmd(f"USER {self._line.user}")
        if answer.startswith("3") and _UNSAFE.search(self._line.password) is None:
            answer = self._talk.sendcmd(f"PASS {self._line.password}")
        if not answer.startswith("2"):
            raise self._error("The fax server asks for a password.", fault=Fault.AUTH, code=answer[:3])

    def _dial(self, number: str) -> None:
        try:
            with self._broken():
                self._talk.voidcmd(f'JPARM DIALSTRING "{_UNSAFE.sub("", number)}"')
        except ftplib.error_perm as error:
            raise self._error(
                f"The fax server will not dial {number}: {error}", fault=Fault.ADDRESS_INVALID, who=Who.CONTACT
            ) from error
        except ftplib.Error as error:
            raise self._refused(error) from error

    def _parameters(self, tag: str, until: datetime | None) -> dict[str, str]:
        line = self._line
        return {
            "FROMUSER": _quoted(line.user),
            "NOTIFYADDR": _quoted(f"{line.user}@localhost"),
            "NOTIFY": '"none"',
            "JOBINFO": _quoted(tag),
            "MODEM": _quoted(line.modem),
            "MAXDIALS": str(line.dials),
            "MAXTRIES": str(line.tries),
            "LASTTIME": _last(line.hours, until),
            "PAGEWIDTH": "209",
            "PAGELENGTH": "297",
            "VRES": "196" if line.fine else "98",
            "PAGECHOP": '"none"',
        }

    @contextlib.contextmanager
    def _fails(self, *, parameter: bool = False) -> Iterator[None]:
        """Whatever goes wrong in here, nothing has left. `parameter`: it is told what we set."""
        try:
            with self._broken():
                yield
        except ftplib.Error as error:
            raise self._refused(error, parameter=parameter) from error

    @contextlib.contextmanager
    def _broken(self) -> Iterator[None]:
        try:
            yield
        except (OSError, EOFError) as error:
            what = str(error) or type(error).__name__
            raise self._error(
                f"The fax server {self._line.place} cannot be reached: {what}",
                fault=Fault.TIMEOUT if isinstance(error, TimeoutError) else Fault.PROVIDER_DOWN,
                retryable=True,
            ) from error

    def _refused(self, error: Exception, *, parameter: bool = False) -> ChannelError:
        """It says 500 to nearly everything it cannot do now; refused for good are a sign-in and a `parameter`.

        The same codes elsewhere are trouble of its own: "503 Unable to open sequence number file" to the second of two
        who send the first faxes of a new server at once; "504 ... null or missing DIALSTRING" to what is submitted,
        where the session of a client that was killed was cleaned away meanwhile.
        """
        answer = " ".join(str(error).split())
        code = answer[:3] if answer[:3].isdecimal() else ""
        auth = code in ("530", "532")
        wrong = parameter and code in ("501", "503", "504")  # it does not know it, or not like this
        return self._error(
            f"The fax server said: {answer}",
            fault=Fault.AUTH if auth else Fault.CONFIG if wrong else Fault.PROVIDER_DOWN,
            retryable=not (auth or wrong),
            code=code,
        )

    def _error(self, reason: str, **more: Any) -> ChannelError:
        return ChannelError(reason, **{"who": Who.US, "exchange": self.exchange, **more})


def _last(hours: int, until: datetime | None) -> str:
    """Days, hours and minutes until a job is given up (hfaxd(8)): DDHHMM."""
    minutes = hours * 60
    if until is not None:
        minutes = max(1, min(minutes, int((until - datetime.now(UTC)).total_seconds() // 60)))
    return f"{minutes // 1440:02}{minutes // 60 % 24:02}{minutes % 60:02}"


def _quoted(value: str) -> str:
    return '"' + _UNSAFE.sub("", value) + '"'
