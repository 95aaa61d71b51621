"""Measured figures of the documentation stand in tables that `benchmarks/tables.py` makes from JSON files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "synthetic" / "README.md",
    *sorted(ROOT.glob("docs/*.md")),
    *sorted(ROOT.glob("src/facelattice/models/*.md")),
]
NOT_PROSE = re.compile(r"<!-- table: .*?<!-- end -->|```.*?```", re.DOTALL)
FIGURE = re.compile(r"\d+(?:\.\d+)? (?:ms|images/s|MiB)\b|\d+\.\d+ (?:%|px|s|points|percentage points)(?!\w)")
# Limits and aims that were chosen, facts about the datasets, and rough sizes.
CHOSEN = {
    "docs/annotate.md": {"0.6 px"},
    "docs/benchmarks.md": {"2.5 %"},
    "docs/commands.md": {"0.05 percentage points"},
    "docs/coordinates.md": {"0.5 px"},
    "docs/drawings.md": {"2.8 %"},
    "docs/experiments.md": {"0.1 points"},
    "docs/measuring.md": {"0.5 %"},
    "docs/missed-faces.md": {"1.3 %"},
    "docs/results.md": {"0.4 s"},
    "docs/your-own-data.md": {"1.5 %", "0.01 px", "0.2 px", "0.05 percentage points"},
    "synthetic/README.md": {"5.5 %", "8.5 %"},
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_prose_states_no_measured_figure(page):
    prose = NOT_PROSE.sub("", page.read_text(encoding="utf-8"))
    assert set(FIGURE.findall(prose)) == CHOSEN.get(page.relative_to(ROOT).as_posix(), set())
