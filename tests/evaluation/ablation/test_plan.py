from __future__ import annotations

from pathlib import Path

import pytest

from facelattice.evaluation.ablation.plan import load_plan
from facelattice.exceptions import RecipeError

RECIPES = Path(__file__).parents[3] / "recipes"
PLANS = sorted(set(RECIPES.glob("ablation*.yaml")) - {RECIPES / "ablation-base.yaml"})


def test_runs_are_ordered_by_seed(write_plan, tmp_path):
    runs = load_plan(write_plan(settings=["epochs=3"]), ["epochs=5"], tmp_path)
    assert [(run.row, run.seed) for run in runs] == [
        ("the method", 0), ("head: fully connected", 0), ("the method", 1), ("head: fully connected", 1),
    ]  # fmt: skip
    assert runs[1].folder == tmp_path / "head-fully-connected" / "seed-0"
    recipe = runs[3].load_recipe()
    assert (recipe.network.head, recipe.seed, recipe.epochs) == ("linear", 1, 5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rows": {"a": ["network.heads=linear"]}}, "unknown key network.heads; did you mean network.head"),
        ({"rows": {"a": ["network.head=liner"]}}, "network.head is one of graph, linear"),
        ({"rows": {"k = 1": [], "k: 1": []}}, "two names of rows differ in punctuation or case only"),
        ({"rows": {}}, "rows and seeds must not be empty"),
        ({"seeds": []}, "rows and seeds must not be empty"),
        ({"seeds": [0, -1]}, "seed must be"),
        ({"sedes": [1]}, "unknown key sedes; did you mean seeds"),
        ({"rows": {"a": [], "b": ["val_fraction=0.3"]}}, "the rows 'b' and 'a' have different validation faces"),
        (
            {"rows": {"a": [], "b": ["data=[{name: x, path: y}]"]}},
            "the rows 'b' and 'a' have different validation faces",
        ),
        ({"test": [{"name": "occluded", "path": "a"}]}, "two columns are named 'occluded'"),
        ({"test": [{"name": "a", "path": "a"} for _ in range(2)]}, "two columns are named 'a'"),
        ({"base": "gone.yaml"}, r"gone\.yaml: .*No such file"),
        ({"test": [{"pth": "a"}]}, r"unknown key test\[0\].pth; did you mean test\[0\].path"),
    ],
)
def test_mistakes_in_a_plan_are_named(changes, message, write_plan, tmp_path):
    with pytest.raises(RecipeError, match=message):
        load_plan(write_plan(**changes), [], tmp_path)


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.stem)
def test_plans_of_the_repository_are_valid(plan, tmp_path):
    runs = load_plan(plan, [], tmp_path)
    assert {run.seed for run in runs} == {0, 1, 2}
    assert len(runs) == 3 * len({run.row for run in runs})
