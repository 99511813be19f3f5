"""1,000 letters as one PDF with its manifest, beside reportlab drawing the same words, in the same run.

    .venv/bin/python bench/letters.py [--letters 1000] [--rounds 3]

Ours does all a batch needs: lines broken, address checked for its window, QR code, PDF/A, sha256 of each letter,
the list. The reference draws the same lines with the same fonts and nothing else (reportlab, the quickest library
of the usual ones). Medians of wall clock and of CPU time; the exit status says whether ours stayed under 10 s.
"""

from __future__ import annotations

import argparse
import io
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from channels.post import batch, fonts, letter, manifest
from contact.messages import AddressKind, InboxFacts, Outbound, Party

BAR = 10.0
AT = datetime(2026, 3, 2, 3, tzinfo=UTC)
BOX = InboxFacts(
    1, "post", "hand", "04524 서울특별시 중구 세종대로 110", "한마루 상점", signature="한마루 상점 고객지원팀",
    settings={"foot": "전화 02-1234-5678 · help@shop.example"},
)  # fmt: skip
TEXT = "\n\n".join(
    [
        "안녕하세요, {name} 고객님.",
        "지난 3월 2일에 주문하신 “제주 녹차 선물 세트” 2개의 배송이 늦어진 점 진심으로 사과드립니다. 저희 "
        "물류 창고의 정전으로 출고가 이틀 미뤄졌으며, "
        "오늘 오전에 모든 상품을 다시 발송하였습니다. 운송장 번호는 6012-3456-{n:04d}입니다.",
        "불편을 드린 데 대한 감사의 뜻으로 다음 주문에 쓰실 수 있는 10% 할인 쿠폰을 함께 보내 드립니다. 쿠폰 번호는 "
        "HM-{n:06d}이고 2026년 6월 30일까지 사용하실 수 있습니다.",
        "- 주문 번호: 20260302-{n:05d}\n- 상품: 제주 녹차 선물 세트 × 2\n- 금액: 58,000원",
        "궁금하신 점은 언제든지 help@shop.example 또는 02-1234-5678로 연락해 주십시오.",
    ]
)


def messages(count: int) -> list[Outbound]:
    made = []
    for n in range(1, count + 1):
        to = f"06236 서울특별시 강남구 테헤란로 {n}, {n % 20 + 1}층 (역삼동) | 한마루상사 | 김하나{n}"
        text = TEXT.format(name=f"김하나{n}", n=n)
        party = Party(AddressKind.POST, to)
        made.append(Outbound(n, n, f"{n}@x", party, text, subject="배송 지연에 대해 사과드립니다", created_at=AT))
    return made


def ours(given: list[Outbound]) -> bytes:
    letters = [letter.letter(one, BOX, b"bench key", "Asia/Seoul") for one in given]
    assert not any(letter.problems(one, message, BOX) for one, message in zip(letters, given, strict=True))
    bundle = batch.bind(letters, BOX, AT)
    assert len(manifest.as_json(bundle)) > 100 * len(given)
    return bundle.pdf


def reference(given: list[Outbound]) -> bytes:
    """The same words on the same places; the lines are broken by us, as reportlab breaks Korean within words."""
    from reportlab.lib.units import mm
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont
    from reportlab.pdfgen.canvas import Canvas

    home = Path(fonts.__file__).parents[2] / "node_modules/@expo-google-fonts/noto-sans-kr"
    for name, file in (("r", "400Regular/NotoSansKR_400Regular.ttf"), ("b", "700Bold/NotoSansKR_700Bold.ttf")):
        pdfmetrics.registerFont(TTFont(name, str(home / file)))
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(210 * mm, 297 * mm))
    for one in given:
        set_ = letter.letter(one, BOX, b"bench key", "Asia/Seoul")
        y = 297 - 55.0
        for row in set_.rows:
            canvas.setFont("b" if row.bold else "r", 10.5)
            canvas.drawString(25 * mm, y * mm, row.text)
            y -= 4.75
        y = 297 - 105.0
        for paragraph in (set_.subject, *set_.body, set_.signature):
            canvas.setFont("b" if paragraph is set_.subject else "r", 10)
            for line in paragraph:
                canvas.drawString(25 * mm, y * mm, line)
                y -= 6.3
            y -= 2
        canvas.setFont("r", 7.5)
        canvas.drawString(25 * mm, 20 * mm, set_.number)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def timed(function: Callable[[list[Outbound]], bytes], given: list[Outbound]) -> tuple[float, float, int]:
    wall, cpu = time.perf_counter(), time.process_time()
    size = len(function(given))
    return time.perf_counter() - wall, time.process_time() - cpu, size


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--letters", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    given = messages(asked.letters)
    ways = {"hanmaru": ours, "reportlab": reference}
    for way in ways.values():
        way(given[:5])  # fonts are read once a process
    seen: dict[str, list[tuple[float, float, int]]] = {name: [] for name in ways}
    for _ in range(asked.rounds):
        for name, way in ways.items():
            seen[name].append(timed(way, given))
    print(f"{asked.letters} letters, median of {asked.rounds} rounds")
    for name, runs in seen.items():
        wall, cpu = (statistics.median(run[place] for run in runs) for place in (0, 1))
        print(f"{name:10} {wall:6.2f} s   CPU {cpu:6.2f} s   {runs[0][2] / 1e6:5.1f} MB")
    took = statistics.median(run[0] for run in seen["hanmaru"])
    print(f"bar: {took:.1f} s of {BAR:.0f} s")
    return int(took > BAR)


if __name__ == "__main__":
    sys.exit(main())
