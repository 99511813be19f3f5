"""One recipient's mail filled: ours against plain Jinja, the same 6 kB of HTML in the same run.

    python -m bench.content [runs]

CPU time of one process. `if` shows what the sandbox costs where a message needs more than fields.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

from jinja2 import Environment

from campaigns.content.fill import Fill

FIELDS = {
    "name": "김민수",
    "company": "한마루 & 상사",
    "email": "minsu.kim@example.com",
    "unsubscribe_url": "https://shop.example/u/4fQx9_kW2mPz7",
}
ROW = (
    '<tr><td style="padding: 8px; border-bottom: 1px solid #ddd; font-size: 14px">봄맞이 할인 {n}</td>'
    '<td style="padding: 8px; text-align: right">{n}9,000원</td></tr>'
)
HTML = (
    "<div style=\"font-family: sans-serif\"><p>{{ name | default('고객') }} 님, 안녕하세요.</p><p>{{ company | "
    "default('귀사') }} 담당자님께만 드립니다.</p><table>" + "".join(ROW.format(n=n) for n in range(36)) + "</table>"
    "<p>{{ name | default('고객') }} 님의 주소: {{ email }}</p><a href=\"{{ unsubscribe_url }}\">수신거부</a></div>"
)
TEXT = (
    "{{ name | default('고객') }} 님, 안녕하세요.\n\n"
    + "봄맞이 할인 안내입니다.\n" * 30
    + "거부: {{ unsubscribe_url }}\n"
)
SUBJECT = "{{ name | default('고객') }} 님께 드리는 봄 소식"


def seconds(act: Callable[[], object], times: int) -> float:
    """CPU seconds of one call."""
    before = time.process_time()
    for _ in range(times):
        act()
    return (time.process_time() - before) / times


def main(runs: int) -> None:
    ours = Fill(SUBJECT, TEXT, HTML)
    sandboxed = Fill(SUBJECT, TEXT, "{% if name %}{% endif %}" + HTML)
    plain, rich = Environment(), Environment(autoescape=True)
    subject, text, html = plain.from_string(SUBJECT), plain.from_string(TEXT), rich.from_string(HTML)
    assert ours.fill(FIELDS).html == html.render(FIELDS)
    asked: dict[str, Callable[[], object]] = {
        "Hanmaru, fields only": lambda: ours.fill(FIELDS),
        "Hanmaru, with an if": lambda: sandboxed.fill(FIELDS),
        "Jinja render": lambda: (subject.render(FIELDS), text.render(FIELDS), html.render(FIELDS)),
    }
    found: dict[str, list[float]] = {name: [] for name in asked}
    for _ in range(runs):
        for name, act in asked.items():
            found[name].append(seconds(act, 5_000))
    reference = statistics.median(found["Jinja render"])
    print(f"html {len(HTML.encode()):,} bytes, text {len(TEXT.encode()):,} bytes, median of {runs} runs")
    for name, each in found.items():
        middle = statistics.median(each)
        print(f"{name:22} {middle * 1e6:7.1f} µs   {reference / middle:5.2f} x Jinja")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
