from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml
from facelattice.evaluation.ablation.runner.runner import ablate, load_ablation, to_markdown
from typer.testing import CliRunner

from facelattice.cli import app
from facelattice.exceptions import DataError, RecipeError

RECIPES = Path(__file__).parents[3] / "recipes"
PLANS = sorted(set(RECIPES.glob("ablation*.yaml")) - {RECIPES / "ablation-base.yaml"})
ROWS = {"the method": [], "head: fully connected": ["network.head=linear"]}


@pytest.fixture
def write_plan(tmp_path, write_recipe):
    """Writes an ablation of a recipe that trains in a second; keyword arguments change it."""

    def write(**changes) -> Path:
        base = write_recipe(epochs=1, detector=None)
        path = tmp_path / "plan.yaml"
        path.write_text(yaml.safe_dump({"base": base.name, "rows": ROWS, "seeds": [0, 1]} | changes, sort_keys=False))
        return path

    return write


def result(row: str, seed: int, nme: float) -> dict:
    each = {"held-out": [nme, nme + 0.02, None], "hidden": [0.1, 0.1, None], "visible": [0.1, 0.1, None]}
    return {"row": row, "seed": seed, "minutes": 1.0, "recipe": "", "parameters": 1_500_000, "each": each}


def test_the_table_by_hand():
    results = [result("a", 0, 0.03), result("a", 1, 0.05), result("b", 0, 0.2), result("b", 1, 0.2)]
    lines = to_markdown(results).splitlines()
    assert lines[2].startswith("| a | 2 | 5.00 ± 1.41 | 10.00 ± 0.00 | 10.00 ± 0.00 | 1.50 M |  |  |")
    assert lines[3].startswith("| b | 2 | 21.00 ± 0.00 |")
    assert "| +16.00 (" in lines[3]
    assert lines[3].endswith(" worse | +0.00 (+0.00 to +0.00) tie |")
    assert to_markdown([]) == "nothing is measured yet\n"
    for one in results:
        one["each"]["hidden"] = [None] * 3  # so few points that none comes under the patch
    assert to_markdown(results).splitlines()[3].endswith(" worse | no face to compare |")


def test_a_row_may_lack_what_another_has():
    located = result("located", 0, 0.03)
    located["each"]["positions"] = [0.1, 0.3]
    for results in ([located, result("flatten", 0, 0.03)], [result("flatten", 0, 0.03), located]):
        lines = {line.split(" | ")[0]: line.split(" | ") for line in to_markdown(results).splitlines()}
        assert (lines["| row"][5], lines["| located"][5], lines["| flatten"][5]) == ("positions", "20.00", "")


def test_ablate_end_to_end_with_a_cell_that_fails_and_is_done_again(write_plan, tmp_path):
    """A row whose network cannot be made is reported and passed over; repaired, only its cells are trained."""
    broken = {**ROWS, "broken": ["network.backbone=no_such_backbone"]}
    out = tmp_path / "out"
    failed = ablate(write_plan(rows=broken), [], out, jobs=2)
    assert [(cell.row, cell.seed) for cell in failed] == [("broken", 0), ("broken", 1)]
    assert "no_such_backbone" in (out / "broken" / "seed-0" / "failure.txt").read_text()
    with open(out / "ablation.csv") as file:
        rows = list(csv.DictReader(file))
    assert [(row["row"], row["seed"]) for row in rows] == [(row, str(seed)) for seed in (0, 1) for row in ROWS]
    text = (out / "ablation.md").read_text()
    assert text.count("±") == 10
    assert text.count("(") == 2  # one row is compared with the first

    trained = out / "the-method" / "seed-0" / "result.json"
    before = trained.stat().st_mtime_ns
    repaired = {**ROWS, "broken": ["network.edges=static"]}
    assert ablate(write_plan(rows=repaired), [], out, jobs=2) == []
    assert trained.stat().st_mtime_ns == before
    assert "| broken | 2 |" in (out / "ablation.md").read_text()
    assert not (out / "broken" / "seed-0" / "failure.txt").exists()


def test_a_cell_made_by_another_recipe_is_no_result(write_plan, tmp_path):
    plan, out = write_plan(seeds=[0], rows={"the method": []}), tmp_path / "out"
    assert ablate(plan, [], out) == []
    (cell,) = load_ablation(plan, ["loss.relative=0.5"], out)
    faces = json.loads((cell.folder / "result.json").read_text())["faces"]
    assert cell.result(faces) is None
    assert load_ablation(plan, [], out)[0].result(faces)["seed"] == 0
    (failed,) = ablate(plan, ["loss.relative=0.5"], out)
    assert "made by another recipe" in (failed.folder / "failure.txt").read_text()


def test_a_cell_is_measured_again_where_other_faces_are_asked_for(write_plan, faces, tmp_path):
    (tmp_path / "mine.yaml").write_text("name: mine\npoints: 68\n")  # .pts files do not say that they are of it
    settings = {"seeds": [0], "rows": {"the method": []}, "settings": [f"scheme={tmp_path / 'mine.yaml'}"]}
    out, folder = tmp_path / "out", shutil.copytree(faces, tmp_path / "test")
    assert ablate(write_plan(**settings), [], out) == []
    trained = (out / "the-method" / "seed-0" / "last.pt").stat().st_mtime_ns
    for count in (12, 11):
        assert ablate(write_plan(**settings, test=[{"name": "new", "path": str(folder)}]), [], out) == []
        each = json.loads((out / "the-method" / "seed-0" / "result.json").read_text())["each"]
        assert len(each["new"]) == count
        (folder / "face00.pts").unlink(missing_ok=True)
    assert (out / "the-method" / "seed-0" / "last.pt").stat().st_mtime_ns == trained


def test_no_run_outlives_an_ablation_that_is_killed(write_plan, tmp_path):
    """Else it would train beside its own resumed run."""
    plan, out = write_plan(rows={"long": ["epochs=100000"]}, seeds=[0]), tmp_path / "out"
    command = [sys.executable, "-m", "facelattice", "ablate", str(plan), "--out", str(out)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as parent:
        log = out / "long" / "seed-0" / "log.csv"
        while not log.exists() and parent.poll() is None:
            time.sleep(0.5)
        children = psutil.Process(parent.pid).children(recursive=True)
        parent.kill()
    assert children
    _, alive = psutil.wait_procs(children, timeout=30)
    assert not alive


def test_a_result_cut_short_is_made_again(write_plan, tmp_path):
    plan, out = write_plan(seeds=[0], rows={"the method": []}), tmp_path / "out"
    (cell,) = load_ablation(plan, [], out)
    cell.folder.mkdir(parents=True)
    (cell.folder / "result.json").write_text('{"row": "the me')
    assert cell.result({}) is None
    assert ablate(plan, [], out) == []
    assert len(json.loads((cell.folder / "result.json").read_text())["each"]["held-out"]) == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rows": {"a": ["network.heads=linear"]}}, "unknown key network.heads; did you mean network.head"),
        ({"rows": {"a": ["network.head=liner"]}}, "network.head is one of graph, linear"),
        ({"rows": {"k = 1": [], "k: 1": []}}, "two rows have names that differ by signs only"),
        ({"rows": {}}, "rows and seeds must name something"),
        ({"seeds": []}, "rows and seeds must name something"),
        ({"sedes": [1]}, "unknown key sedes; did you mean seeds"),
        ({"rows": {"a": [], "b": ["held_out=0.3"]}}, "row 'b' holds out other faces than 'a'"),
        ({"rows": {"a": [], "b": ["data=[{name: x, path: y}]"]}}, "row 'b' holds out other faces than 'a'"),
        ({"test": [{"name": "hidden", "path": "a"}]}, "'hidden' is a figure's name already"),
        ({"test": 2 * [{"name": "a", "path": "a"}]}, "'a' is a figure's name already"),
        ({"base": "gone.yaml"}, "gone.yaml: No such file"),
        ({"test": [{"pth": "a"}]}, r"unknown key test\[0\].pth; did you mean test\[0\].path"),
    ],
)
def test_a_slip_in_the_plan_is_named_before_anything_is_trained(changes, message, write_plan, tmp_path):
    with pytest.raises(RecipeError, match=message):
        load_ablation(write_plan(**changes), [], tmp_path / "out")


def test_test_faces_that_cannot_be_read_are_named_before_anything_is_trained(write_plan, tmp_path):
    with pytest.raises(DataError, match="gone: there is no such file"):
        ablate(write_plan(test=[{"name": "test", "path": "gone"}]), [], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_verb_prints_the_table_and_fails_with_a_cell(write_plan, tmp_path):
    plan = write_plan(seeds=[0], rows={"a": [], "b": ["network.backbone=no_such_backbone"]})
    result = CliRunner().invoke(app, ["ablate", str(plan), "--out", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert "| a | 1 |" in result.output
    result = CliRunner().invoke(app, ["ablate", str(plan), "loss.points=l3", "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "loss.points is one of" in result.output


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.stem)
def test_the_ablations_of_the_repository_are_whole(plan, tmp_path):
    cells = load_ablation(plan, [], tmp_path)
    assert len({cell.seed for cell in cells}) >= 3
    assert len(cells) == 3 * len({cell.row for cell in cells})
