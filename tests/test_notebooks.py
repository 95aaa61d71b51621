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


# A line with "!" is a shell command, and a cell with "%%writefile" a file, as in IPython. The line that installs the
# package is left out.
SHELL = """
def _run(command):
    import subprocess, sys
    subprocess.run(f"{sys.executable} -m {command}", shell=True, check=True)
"""


def to_script(notebook: Path) -> str:
    """Return the code cells as a script."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return SHELL + "\n".join(to_code("".join(cell["source"])) for cell in cells if cell["cell_type"] == "code")


def to_code(cell: str) -> str:
    if file := re.match(r"%%writefile (\S+)\n", cell):
        return f"open({file[1]!r}, 'w').write({cell[file.end() :]!r})"
    return re.sub(r"^!(facelattice .*)$", r"_run('\1')", re.sub(r"^%pip .*$", "", cell), flags=re.MULTILINE)


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(notebook, tmp_path):
    pytest.importorskip("torch", reason="needs torch")
    environment = {**os.environ, "PYTHONPATH": str(Path(facelattice.__file__).parents[1])}
    command = [sys.executable, "-c", to_script(notebook)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_installs_the_package_and_holds_no_output(notebook):
    cells = [cell for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    extra = {"first_look": "", "measuring": "[evaluate]", "own_points": "[train]"}[notebook.stem]
    assert "".join(cells[0]["source"]).startswith(f'%pip install -q "facelattice{extra} @ git+https://')
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)
    assert f"`notebooks/{notebook.name}`" in (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
