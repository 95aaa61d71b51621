"""The table of equations in docs/method.md quotes lines of the code."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_quoted_lines_are_in_the_code():
    page = (ROOT / "docs" / "method.md").read_text(encoding="utf-8")
    section = page[page.index("## Equations and code") : page.index("## What each part is worth")]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")][1:]
    assert len(rows) == 10
    for _, _, code, file in rows:
        source = (ROOT / "src" / "facelattice" / "modeling" / file.strip("`")).read_text(encoding="utf-8")
        for line in re.findall(r"`([^`]+)`", code):
            assert line in source, line
