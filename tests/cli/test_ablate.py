from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PLAN = """
base: tiny.yaml
seeds: [0]
rows:
  "tête": []
  "broken": [network.backbone=no_such_backbone]
"""


@pytest.fixture
def plan(write_recipe, tmp_path) -> Path:
    write_recipe(epochs=1, detector=None)
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN, encoding="utf-8")
    return path


@pytest.mark.slow
def test_ablation_in_a_locale_without_utf8(plan, tmp_path):
    """The command prints the table, and fails because a run failed."""
    environment = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, "-m", "facelattice", "ablate", str(plan), "--out", str(tmp_path / "out"), "--jobs", "2"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, encoding="ascii")
    assert done.returncode == 1, done.stderr
    assert r"| t\xeate | 1 |" in done.stdout
    assert "failed: broken, seed 0: " in done.stderr
    assert "| tête | 1 |" in (tmp_path / "out" / "ablation.md").read_text(encoding="utf-8")


def test_mistake_in_a_recipe_is_one_line(run, plan):
    status, _, err = run("ablate", plan, "loss.function=l3", "--out", "out")
    assert (status, err.count("\n")) == (2, 1)
    assert "loss.function is one of" in err
