"""The pages of the reference are those that the scripts in docs/ write."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(("script", "packages"), [
    ("write_api", ("torch", "fastapi", "av")),
    ("write_commands", ()),
    ("write_recipe_keys", ("torch", "omegaconf")),
    ("write_point_numbers", ("yaml",)),
    ("write_http", ("fastapi", "httpx")),
])  # fmt: skip
def test_page_is_up_to_date(load_script, script, packages):
    for name in packages:
        pytest.importorskip(name, reason=f"needs {name}")
    page = load_script(script)
    assert page.PATH.read_text(encoding="utf-8") == page.render(), f"run python docs/{script}.py"


def test_commands_page_shows_names_values_and_defaults(load_script):
    page = load_script("write_commands").render()
    assert "facelattice explain MODEL IMAGE [OPTIONS]" in page
    assert "facelattice train RECIPE [KEY=VALUE]... [OPTIONS]" in page
    assert "facelattice label INPUT... [OPTIONS]" in page
    assert "facelattice models [MODEL]...\n" in page
    assert "| `--out`, `-o` DIR |  | Folder to write to. |" in page
    assert "| `--min-score` SCORE | `0.18` | Minimum of the score times the confidence of the detector. |" in page
    assert "| `--draw`, `--no-draw` | videos, a single image, and with --out" in page
    assert "| `--json` | off | Print JSON" in page
