"""The notebooks in examples/notebooks run from the first cell to the last."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import facelattice

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "examples" / "notebooks").glob("*.ipynb"))


def to_script(notebook: Path) -> str:
    """Return the code cells as a script, without the line that installs the package."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    return re.sub(r"^%pip .*$", "", code, flags=re.MULTILINE)


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(notebook, tmp_path):
    pytest.importorskip("jinja2", reason="needs jinja2")
    environment = {**os.environ, "PYTHONPATH": str(Path(facelattice.__file__).parents[1])}
    command = [sys.executable, "-c", to_script(notebook)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_installs_the_package_and_holds_no_output(notebook):
    cells = [cell for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    extra = {"first_look": "", "measuring": "[evaluate]"}[notebook.stem]
    assert "".join(cells[0]["source"]).startswith(f'%pip install -q "facelattice{extra} @ git+https://')
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)
    assert f"`notebooks/{notebook.name}`" in (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
