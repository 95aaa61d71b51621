from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from facelattice.exceptions import RecipeError
from facelattice.training.config import load_recipe, recipe_from_yaml, recipe_to_yaml

FOLDER = Path(__file__).parents[2] / "recipes"
RECIPES = sorted({*FOLDER.glob("[!a]*.yaml"), FOLDER / "ablation-base.yaml"})  # all but the ablations of that one


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipes_of_the_repository_load_and_survive_a_checkpoint(path):
    recipe = load_recipe(path, ["data_root=elsewhere"])
    assert recipe.data[0].path.startswith("elsewhere/")
    assert recipe_from_yaml(recipe_to_yaml(recipe)) == recipe


def test_overrides_win_over_the_file(write_recipe):
    recipe = load_recipe(write_recipe(), ["epochs=7", "augment.rotation=40", "optimizer.milestones=[3,5]"])
    assert (recipe.epochs, recipe.augment.rotation, recipe.optimizer.milestones) == (7, 40.0, [3, 5])
    assert recipe.batch == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epoch": 3}, "unknown key epoch; did you mean epochs"),
        ({"optimizer": {"warm_up": 1}}, r"unknown key optimizer.warm_up; did you mean optimizer.warmup\?"),
        ({"data": [{"path": "a", "nam": "b"}]}, r"unknown key data\[0\].nam; did you mean data\[0\].name\?"),
        ({"zzz": 1}, "unknown key zzz; known: name, scheme, data"),
        ({"epochs": "many"}, "epochs: .*many"),
        ({"augment": {"mirror": "perhaps"}}, "augment.mirror: .*perhaps"),
        ({"network": 5}, "network must be keys with values, not 5"),
        ({"data": "faces"}, "data must be a list, each with path, .* not 'faces'"),
        ({"data": ["faces"]}, r"data\[0\] must be keys with values, not 'faces'"),
        ({"data": [{"name": "b"}]}, "path"),
        ({"data": []}, "data names no source"),
        ({"network": {"edges": "dinamic"}}, "network.edges is one of dynamic, .* did you mean 'dynamic'"),
        ({"precision": "fp64"}, "precision is one of bf16, fp32, not 'fp64'"),
        ({"epochs": 0}, "epochs must be above 0, not 0"),
        ({"batch": 1}, "batch must be 2 or more, .*, not 1"),
        ({"workers": -1}, "workers must be 0 or more, not -1"),
        ({"network": {"expansion": 0}}, "network.expansion must be above 0, not 0"),
        ({"network": {"depth": -1}}, "network.depth must be 0 or more, not -1"),
        ({"network": {"k": -1}}, "network.k must be 0 or more, not -1"),
        ({"loss": {"anchors": -0.5}}, "loss.anchors must be 0 or more, not -0.5"),
        ({"augment": {"rotation": -30}}, "augment.rotation must be 0 or more, not -30"),
        ({"augment": {"worn": 3}}, "augment.worn must be a probability from 0 to 1, not 3"),
        ({"augment": {"jpeg": float("nan")}}, "augment.jpeg must be a probability from 0 to 1, not nan"),
        ({"augment": {"patch": 0.1}}, "augment.patch must be above 0.15, .* and at most 1, not 0.1"),
        ({"augment": {"patch": 1.5}}, "augment.patch must be above 0.15, .* and at most 1, not 1.5"),
        ({"optimizer": {"ema": 2}}, "optimizer.ema must be 0 or more, and below 1, not 2"),
        ({"optimizer": {"factor": 0}}, "optimizer.factor must be above 0, not 0"),
        ({"optimizer": {"warmup": -1}}, "optimizer.warmup must be 0 or more, not -1"),
        ({"data": [{"path": "a", "name": "b", "repeat": 0}]}, r"data\[0\].repeat must be 1 or more, not 0"),
        ({"held_out": 1.5}, "held_out must be a share between 0 and 1"),
        ({"unsure": 70}, "unsure must be a score from 0 to 1"),
    ],
)
def test_a_wrong_recipe_says_what_is_wrong(write_recipe, change, message):
    path = write_recipe(**change)
    with pytest.raises(RecipeError, match=message) as raised:
        load_recipe(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("optimizer.lr=1", r"unknown key optimizer; did you mean optimizer\?"),
        ("network.backbon=x", r"did you mean network.backbone\?"),
        ("optimizer.lr=fast", "optimizer.lr: .*fast"),
        ("loss.points=l3", "loss.points is one of soft_wing, .*, not 'l3'"),
        ("data.0.repeat=2", "data must be a list, each with path"),
        ("epochs", "'epochs' is not key=value"),
        ("=3", "unknown key|not key=value"),
    ],
)
def test_a_wrong_override_says_what_is_wrong(write_recipe, override, message):
    with pytest.raises(RecipeError, match=message):
        load_recipe(write_recipe(), [override])


def test_a_recipe_without_a_name_or_data(tmp_path):
    for text, missing in (("", "name"), (yaml.safe_dump({"name": "x", "scheme": "ibug68"}), "data")):
        (tmp_path / "r.yaml").write_text(text)
        with pytest.raises(RecipeError, match=missing):
            load_recipe(tmp_path / "r.yaml")


def test_files_that_are_no_recipes(tmp_path):
    with pytest.raises(RecipeError, match=r"gone.yaml: No such file"):
        load_recipe(tmp_path / "gone.yaml")
    for content in (b"name: [1, 2", b"- a\n- b\n", b"words", b"name: ${nothing.there}\n", b"\xff\xfe\x00", b"a: b: c"):
        (tmp_path / "bad.yaml").write_bytes(content)
        with pytest.raises(RecipeError, match=r"bad.yaml: "):
            load_recipe(tmp_path / "bad.yaml")
