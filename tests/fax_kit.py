"""What the tests of fax share: an adapter, an inbox, messages, pages, and a hook that is signed."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops

from channels.fax import cover, tiff
from channels.fax.adapter import Fax
from contact.messages import AddressKind, File, InboxFacts, Outbound, Party
from contact.settings import Settings

OURS = "+82210001000"
KOREAN = "안녕하세요. 주문하신 물건의 견적서를 팩스로 보내 드립니다.\n漢字 and English, too."


def fax(home: Path) -> Fax:
    return Fax(Settings(_env_file=None, data_dir=home, secret_key="test " * 8))  # type: ignore[call-arg]


def box(provider: str = "sandbox", secret: str = "", password: str = "", **settings: Any) -> InboxFacts:
    secrets = {"hook_secret": secret, "password": password}
    return InboxFacts(3, "fax", provider, OURS, "한마루 상담실", settings=settings, secrets=secrets)


def message(text: str = KOREAN, *files: File, to: str = "+8221234567", subject: str = "견적서") -> Outbound:
    return Outbound(
        17, 5, "ab12@shop.example", Party(AddressKind.FAX, to, "김하나"), text, subject=subject, files=files,
        created_at=datetime(2026, 3, 2, 3, 0, tzinfo=UTC),
    )  # fmt: skip


def pdf(text: str = "첨부 문서입니다.", pages: int = 1, name: str = "a.pdf") -> File:
    """A real PDF of so many pages."""
    lines = "\n".join(f"{text} {number}" for number in range(38 * (pages - 1) + 3))
    return File(name, "application/pdf", cover.of_text(lines, "ko"))


def image(size: tuple[int, int] = (400, 300), kind: str = "PNG", mode: str = "RGB", **more: Any) -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert(mode).save(out, kind, **more)
    return out.getvalue()


def ink(page: bytes) -> float:
    """How much of a page is black, 0 to 1."""
    with Image.open(io.BytesIO(page)) as opened:
        dots = opened.convert("L").histogram()
    return sum(dots[:128]) / sum(dots)


def pages_of(content: bytes) -> list[Image.Image]:
    """Every page of a TIFF, decoded."""
    with tiff.opened(content) as opened:
        return [each.copy() for each in tiff.each(opened, 1000)]


def same(one: Image.Image, other: Image.Image) -> bool:
    """Dot for dot."""
    return one.size == other.size and ImageChops.difference(one.convert("L"), other.convert("L")).getbbox() is None
