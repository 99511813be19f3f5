"""Signatures made beside the loop, by a process that may die, hang, or be left behind. dkimpy is the judge."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from pathlib import Path

import dkim
import psutil
import pytest
from campaign_kit import Shop
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from mail_doubles import Sink
from real import wait_for

from channels.email import signer, signing
from channels.email.adapter import Email
from contact.channel import Outcome, Sender
from contact.messages import AddressKind, InboxFacts, Outbound, Party, Receipt
from contact.settings import Settings

INBOX = InboxFacts(1, "email", "smtp", "help@shop.example", "한마루 상점")
SHAPES = ("{n}\n.\n..\n", "{n} 님\n" + "가나다라마바사 " * 20 + "\n.", "." * 30 + "\n.{n}\n" + "words " * 40)
HANDS = 7


@dataclass
class Heard:
    """A journal that only listens."""

    left: list[int] = field(default_factory=list)
    told: dict[int, Outcome] = field(default_factory=dict)

    def leaving(self, numbers: Sequence[int]) -> None:
        self.left += numbers

    def answered(self, number: int, outcome: Outcome) -> None:
        self.told[number] = outcome


def a_key(folder: Path, kind: str = "rsa") -> tuple[Path, bytes]:
    """A key, and its record in the DNS."""
    path, asked = folder / "key.pem", ["rsa", "-pkeyopt", "rsa_keygen_bits:2048"] if kind == "rsa" else ["ed25519"]
    made = subprocess.run(["openssl", "genpkey", "-algorithm", *asked], check=True, capture_output=True).stdout
    path.write_bytes(made)
    public = load_pem_private_key(made, None).public_key()
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo) if kind == "rsa" else (Encoding.Raw, PublicFormat.Raw)
    return path, b"v=DKIM1; k=%b; p=%b" % (kind.encode(), base64.b64encode(public.public_bytes(*form)))


def signers(process: psutil.Process | None = None) -> list[psutil.Process]:
    """The signing processes of a process, of this one if none is named."""
    found = []
    for one in (process or psutil.Process()).children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if one.status() != psutil.STATUS_ZOMBIE and any(word.endswith("signer.py") for word in one.cmdline()):
                found.append(one)
    return found


@dataclass
class Mails:
    """A hundred mails over seven connections; before the thirtieth something `happens`."""

    folder: Path
    sink: Sink
    kind: str = "rsa"
    count: int = 100
    journal: Heard = field(default_factory=Heard)

    def send(self, happens: Callable[[], None] = lambda: None) -> bytes:
        """The record the signatures are verified by."""
        path, record = a_key(self.folder, self.kind)
        house = Email(
            Settings(
                _env_file=None, data_dir=self.folder, secret_key="test " * 8, relay_tls="none", dkim_key=path,
                relay_url=f"smtp://127.0.0.1:{self.sink.port}", relay_connections=HANDS, dkim_domain="shop.example",
                dkim_selector="s1",
            )  # type: ignore[call-arg]
        )  # fmt: skip

        async def hand(sender: Sender, first: int) -> None:
            for n in range(first + 1, self.count + 1, HANDS):
                if n == 30:
                    happens()
                text = self.text(n)
                to = Party(AddressKind.EMAIL, f"c{n}@customer.example")
                html = f"<p>{text}</p>" if n % 2 else ""
                await sender.send(Outbound(n, 0, f"{n:032x}@shop.example", to, text, "봄", html))

        async def main() -> None:
            async with house.bulk(INBOX, self.journal) as sender:
                await asyncio.gather(*(hand(sender, n) for n in range(HANDS)))
            await house.close()

        asyncio.run(main())
        return record

    def text(self, n: int) -> str:
        return SHAPES[n % 3].format(n=n)

    def all_arrived(self, record: bytes) -> None:
        """Each once, whole, with a signature that is its own."""
        wanted = sorted(range(1, self.count + 1))
        arrived = {int(copy.recipients[0].split("@")[0].removeprefix("c")): copy.raw for copy in self.sink.caught}
        assert len(self.sink.caught) == self.count
        assert sorted(arrived) == wanted
        assert sorted(self.journal.left) == sorted(self.journal.told) == wanted
        assert all(isinstance(one, Receipt) for one in self.journal.told.values())
        for n, raw in arrived.items():
            assert dkim.verify(raw, dnsfunc=lambda *_a, **_k: record), n
            plain = message_from_bytes(raw, policy=policy.default).get_body(("plain",))
            words = plain.get_payload(decode=True) if plain is not None else b""
            assert isinstance(words, bytes)
            assert words.decode().replace("\r\n", "\n").rstrip("\n") == self.text(n).rstrip("\n")


@pytest.fixture
def mails(tmp_path: Path) -> Iterator[Mails]:
    with Sink().running() as sink:
        yield Mails(tmp_path, sink)
    assert signers() == [], "none is left behind"


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_each_mail_arrives_whole_and_signed(mails: Mails, kind: str) -> None:
    """None carries the signature of another one, no dot is lost; Ed25519 needs no process."""
    mails.kind = kind
    seen: list[int] = []
    record = mails.send(lambda: seen.append(len(signers())))
    assert seen == [1 if kind == "rsa" else 0]
    mails.all_arrived(record)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP])
def test_without_its_process_the_loop_signs(mails: Mails, how: signal.Signals, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed or standing still while it has mails in hand: they go all the same, each once."""
    monkeypatch.setattr(signing, "PATIENCE", 0.5)

    def happens() -> None:
        (one,) = signers()
        one.send_signal(how)

    mails.all_arrived(mails.send(happens))


def test_a_process_that_cannot_be_started_is_done_without(mails: Mails, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(mails.folder / "nowhere"))
    mails.all_arrived(mails.send(lambda: None))


def test_a_process_that_answers_nonsense_is_done_without(mails: Mails, monkeypatch: pytest.MonkeyPatch) -> None:
    liar = mails.folder / "signer.py"
    liar.write_text("import sys\nsys.stdin.buffer.read(4)\nsys.stdout.buffer.write(bytes(4))\nsys.stdout.flush()\n")
    monkeypatch.setattr(signer, "__file__", str(liar))
    mails.all_arrived(mails.send())


def signed_worker(shop: Shop, tmp_path: Path, mails: int = 30) -> psutil.Process:
    """A worker in the middle of a signed campaign."""
    path, _ = a_key(tmp_path)
    worker = shop.worker()
    worker.extra = {"DKIM_KEY": str(path), "DKIM_DOMAIN": "shop.example", "DKIM_SELECTOR": "s1"}
    worker.start()
    assert worker.process
    wait_for(lambda: len(shop.sink.caught) > mails, 60, "mails to leave")
    return psutil.Process(worker.process.pid)


@pytest.mark.heavy
def test_a_campaign_whose_signing_process_is_killed_goes_on(make_shop: Callable[..., Shop], tmp_path: Path) -> None:
    shop = make_shop(400, relay_connections=4)
    shop.sink.delay = 0.01
    number = shop.launch()
    (one,) = signers(signed_worker(shop, tmp_path))
    one.kill()
    shop.finished(number)
    assert shop.sound(number) == {"accepted": 400}
    assert all(copy.raw.startswith(b"DKIM-Signature:") for copy in shop.sink.caught)


@pytest.mark.heavy
def test_a_worker_that_is_killed_leaves_no_process_behind(make_shop: Callable[..., Shop], tmp_path: Path) -> None:
    shop = make_shop(2_000, relay_connections=4)
    shop.sink.delay = 0.01
    number = shop.launch()
    (orphan,) = signers(signed_worker(shop, tmp_path))
    shop.workers[0].kill()
    wait_for(lambda: not psutil.pid_exists(orphan.pid) or orphan.status() == psutil.STATUS_ZOMBIE, 10, "its end")
    shop.sink.delay = 0
    shop.workers[0].start()
    shop.finished(number)
    ends = shop.sound(number)
    assert ends["unknown"] <= 4
    assert ends.total() == 2_000
