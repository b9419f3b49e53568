"""What `make bench` measured over HTTP, as bars: `python -m tests.bench.plot < bench.json > docs/performance.svg`.

A bar is a ratio to the limit measured in the same run, and the line on it what is aimed at.
"""

import json
import sys
from html import escape
from typing import Final

AIMS: Final = {
    "bulk POST of 10,000, 1 client": (0.6, 0.7),
    "bulk POST of 10,000, 4 clients": (0.9, 0.9),
    "single POST /v1/digests": (0.7, 0.7),
    "GET /v1/proofs/{digest}": (0.75, 0.7),
    "GET /v1/status/{digest}": (0.6, 0.6),
    "GET /v1/status-lists/{id}": (0.6, 0.6),
}
"""On SQLite and on PostgreSQL."""

LEFT: Final = 300
ROW: Final = 24
SCALE: Final = 260
"""Pixels of the ratio 1."""


def main() -> None:
    """Standard input to standard output."""
    ratios = {one["name"]: one["ratio"] for one in json.load(sys.stdin)["ratios"]}
    rows = [
        (f"{database}: {what}", ratios[f"{database}: {what}"], aims[place])
        for what, aims in AIMS.items()
        for place, database in enumerate(("SQLite", "PostgreSQL"))
    ]
    width = LEFT + int(SCALE * max(1.0, *(ratio for _, ratio, _ in rows))) + 60
    print(f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{ROW * len(rows)}" font-family="sans-serif">')
    print('<rect width="100%" height="100%" fill="white"/>')
    for i, (name, ratio, aim) in enumerate(rows):
        top, length, line = ROW * i, int(SCALE * ratio), LEFT + int(SCALE * aim)
        colour = "#2a7f62" if ratio >= aim else "#b5651d"
        print(f'<text x="{LEFT - 8}" y="{top + 16}" font-size="13" text-anchor="end">{escape(name)}</text>')
        print(f'<rect x="{LEFT}" y="{top + 4}" width="{length}" height="{ROW - 8}" fill="{colour}"/>')
        print(f'<line x1="{line}" x2="{line}" y1="{top + 1}" y2="{top + ROW - 1}" stroke="black" stroke-width="2"/>')
        print(f'<text x="{LEFT + length + 6}" y="{top + 16}" font-size="12">{ratio:.2f}</text>')
    print("</svg>")


if __name__ == "__main__":
    main()
