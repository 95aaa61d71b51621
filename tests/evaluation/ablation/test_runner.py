from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from facelattice.evaluation.ablation.plan import load_plan
from facelattice.evaluation.ablation.runner import ablate
from facelattice.exceptions import DataError

BROKEN = ["network.backbone=no_such_backbone"]
ONE_RUN: dict[str, Any] = {"rows": {"tête": []}, "seeds": [0]}
RUN = Path("t-te", "seed-0")


@pytest.fixture(scope="module")
def plan(write_plan) -> Path:
    """A plan of one run."""
    return write_plan(**ONE_RUN)


@pytest.fixture(scope="module")
def finished(plan, tmp_path_factory) -> Path:
    """The folder of the finished plan."""
    out = tmp_path_factory.mktemp("finished")
    assert ablate(plan, [], out) == []
    return out


@pytest.fixture
def out(finished, tmp_path) -> Path:
    """A copy of the folder of the finished plan."""
    return shutil.copytree(finished, tmp_path / "out")


@pytest.mark.slow
def test_tables_contain_every_run(write_plan, tmp_path):
    """A failed run is reported and skipped; after a repair only its row is trained."""
    plan = write_plan(rows={"the method": [], "broken": BROKEN})
    failed = ablate(plan, [], tmp_path, jobs=2)
    assert [(run.row, run.seed) for run in failed] == [("broken", 0), ("broken", 1)]
    failure = tmp_path / "broken" / "seed-0" / "failure.txt"
    assert "no_such_backbone" in failure.read_text(encoding="utf-8")
    with open(tmp_path / "ablation.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["row"], row["seed"]) for row in rows] == [("the method", "0"), ("the method", "1")]
    assert {"validation", "occluded", "visible", "located", "located occluded", "minutes"} <= set(rows[0])
    assert (tmp_path / "ablation.md").read_text(encoding="utf-8").count("±") == 5
    result = tmp_path / "the-method" / "seed-0" / "result.json"
    trained = result.stat().st_mtime_ns
    plan.write_text(plan.read_text(encoding="utf-8").replace("backbone=no_such_backbone", "head=linear"), "utf-8")
    assert ablate(plan, [], tmp_path, jobs=2) == []
    assert result.stat().st_mtime_ns == trained
    assert "| broken | 2 |" in (tmp_path / "ablation.md").read_text(encoding="utf-8")
    assert not failure.exists()


def test_run_with_another_recipe_is_not_reused(plan, out):
    digests = json.loads((out / RUN / "result.json").read_text(encoding="utf-8"))["faces"]
    (same,), (other,) = load_plan(plan, [], out), load_plan(plan, ["loss.relative_weight=0.5"], out)
    assert same.load_result(digests)["seed"] == 0
    assert other.load_result(digests) is None
    (failed,) = ablate(plan, ["loss.relative_weight=0.5"], out)
    assert "recipe" in (failed.folder / "failure.txt").read_text(encoding="utf-8")


def test_changed_test_faces_are_measured_again_without_training(plan, faces, out, tmp_path):
    folder = shutil.copytree(faces, tmp_path / "test")
    extended = plan.with_name("extended.yaml")
    extended.write_text(plan.read_text(encoding="utf-8") + f"test: [{{name: new, path: {folder}}}]\n", encoding="utf-8")
    trained = (out / RUN / "last.pt").stat().st_mtime_ns
    for count in (12, 11):
        assert ablate(extended, [], out) == []
        nme = json.loads((out / RUN / "result.json").read_text(encoding="utf-8"))["nme"]
        assert len(nme["new"]) == count
        (folder / "face00.pts").unlink(missing_ok=True)
    assert (out / RUN / "last.pt").stat().st_mtime_ns == trained


def test_truncated_result_is_measured_again(plan, out):
    (out / RUN / "result.json").write_text('{"row": "t', encoding="utf-8")
    assert ablate(plan, [], out) == []
    assert len(json.loads((out / RUN / "result.json").read_text(encoding="utf-8"))["nme"]["validation"]) == 4


@pytest.mark.slow
def test_command_in_a_locale_without_utf8(plan, out):
    """It prints the table and names the run that failed."""
    text = plan.read_text(encoding="utf-8")
    plan = plan.with_name("broken.yaml")
    plan.write_text(text.replace("rows:\n", f"rows:\n  broken: {BROKEN}\n"), encoding="utf-8")
    environment = {**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "facelattice", "ablate", str(plan), "--out", str(out)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, encoding="ascii")
    assert done.returncode == 1, done.stderr
    assert r"| t\xeate | 1 |" in done.stdout
    assert "failed: broken, seed 0: " in done.stderr
    assert "| tête | 1 |" in (out / "ablation.md").read_text(encoding="utf-8")


def test_missing_test_faces_are_an_error_before_training(write_plan, tmp_path):
    with pytest.raises(DataError, match="gone"):
        ablate(write_plan(test=[{"name": "test", "path": "gone"}]), [], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_runs_end_with_a_killed_ablation(write_plan, tmp_path):
    """Otherwise a run would train beside its own resumed run."""
    plan = write_plan(rows={"long": ["epochs=100000"]}, seeds=[0])
    command = [sys.executable, "-m", "facelattice", "ablate", str(plan), "--out", str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as parent:
        log = tmp_path / "long" / "seed-0" / "log.csv"
        while not log.exists() and parent.poll() is None:
            time.sleep(0.5)
        children = psutil.Process(parent.pid).children(recursive=True)
        parent.kill()
    assert children
    _, alive = psutil.wait_procs(children, timeout=30)
    assert not alive
