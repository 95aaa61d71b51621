from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest
import yaml

from facelattice.exceptions import RecipeError
from facelattice.training.config import DataSource, Recipe, recipe_from_yaml, recipe_to_yaml
from facelattice.training.recipe_checks import OTHER_NAMES, OTHER_NAMES_OF_DATA, _full_keys
from facelattice.training.recipe_file import absolute_overrides, load_recipe

FOLDER = Path(__file__).parents[2] / "recipes"
RECIPES = sorted({*FOLDER.glob("[!a]*.yaml"), FOLDER / "ablation-base.yaml"})  # the others are no recipes


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipes_of_the_repository_load_and_round_trip(path):
    recipe = load_recipe(path, ["data_root=elsewhere"])
    assert Path(recipe.data[0].path).is_relative_to(Path("elsewhere").absolute())
    assert recipe_from_yaml(recipe_to_yaml(recipe)) == recipe


def test_overrides_take_precedence(write_recipe):
    recipe = load_recipe(write_recipe(), ["epochs=7", "augmentation.rotation=40", "optimizer.milestones=[3,5]"])
    assert (recipe.epochs, recipe.augmentation.rotation, recipe.optimizer.milestones) == (7, 40.0, [3, 5])
    assert recipe.batch_size == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epoch": 3}, "unknown key epoch; did you mean epochs"),
        ({"optimizer": {"warm_up": 1}}, r"unknown key optimizer.warm_up; did you mean optimizer.warmup_epochs\?"),
        ({"data": [{"path": "a", "nam": "b"}]}, r"unknown key data\[0\].nam; did you mean data\[0\].name\?"),
        ({"zzz": 1}, "unknown key zzz; known keys: name, scheme, data"),
        ({"epochs": "many"}, "epochs: .*many"),
        ({"augmentation": {"mirror": "perhaps"}}, "augmentation.mirror: .*perhaps"),
        ({"network": 5}, "network must be keys with values, not 5"),
        ({"data": "faces"}, "data must be a list, each with path, .* not 'faces'"),
        ({"data": ["faces"]}, r"data\[0\] must be keys with values, not 'faces'"),
        ({"data": [{"name": "b"}]}, r"the key data\[0\].path is missing"),
        ({"data": []}, "data lists no dataset"),
        ({"network": {"edge_weights": "dinamic"}}, "network.edge_weights is one of dynamic, .* did you mean dynamic"),
        ({"precision": "fp64"}, "precision is one of bf16, fp32, not 'fp64'"),
        ({"epochs": 0}, "epochs must be above 0, not 0"),
        ({"batch_size": 1}, "batch_size must be 2 or more, .*, not 1"),
        ({"num_workers": -1}, "num_workers must be 0 or more, not -1"),
        ({"network": {"maps_per_point": 0}}, "network.maps_per_point must be above 0, not 0"),
        ({"network": {"depth": -1}}, "network.depth must be 0 or more, not -1"),
        ({"network": {"k": -1}}, "network.k must be 0 or more, not -1"),
        ({"loss": {"located_weight": -0.5}}, "loss.located_weight must be 0 or more, not -0.5"),
        ({"augmentation": {"rotation": -30}}, "augmentation.rotation must be 0 or more, not -30"),
        ({"augmentation": {"accessories": 3}}, "augmentation.accessories must be a probability from 0 to 1, not 3"),
        ({"augmentation": {"jpeg": float("nan")}}, "augmentation.jpeg must be a probability from 0 to 1, not nan"),
        (
            {"augmentation": {"max_patch_size": 0.1}},
            "max_patch_size must be above 0.15, .* and at most 1, not 0.1",
        ),
        (
            {"augmentation": {"max_patch_size": 1.5}},
            "max_patch_size must be above 0.15, .* and at most 1, not 1.5",
        ),
        ({"optimizer": {"ema_decay": 2}}, "optimizer.ema_decay must be 0 or more, and below 1, not 2"),
        ({"optimizer": {"decay_factor": 0}}, "optimizer.decay_factor must be above 0, not 0"),
        ({"optimizer": {"warmup_epochs": -1}}, "optimizer.warmup_epochs must be 0 or more, not -1"),
        ({"data": [{"path": "a", "name": "b", "repeat": 0}]}, r"data\[0\].repeat must be 1 or more, not 0"),
        ({"val_fraction": 1.5}, "val_fraction must be a share between 0 and 1"),
        ({"extra_views_below": 70}, "extra_views_below must be a score from 0 to 1"),
    ],
)
def test_wrong_recipe_is_rejected_with_its_key(write_recipe, change, message):
    path = write_recipe(**change)
    with pytest.raises(RecipeError, match=message) as raised:
        load_recipe(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("optimiser.lr=1", "unknown key optimiser; did you mean optimizer?"),
        ("network.backbon=x", r"did you mean network.backbone\?"),
        ("optimizer.lr=fast", "optimizer.lr: .*fast"),
        ("loss.function=l3", "loss.function is one of soft_wing, .*, not 'l3'"),
        ("data.0.repeat=2", "data must be a list, each with path"),
        ("epochs", "'epochs' is not key=value"),
        ("=3", "unknown key|not key=value"),
    ],
)
def test_wrong_override_is_rejected(write_recipe, override, message):
    with pytest.raises(RecipeError, match=message):
        load_recipe(write_recipe(), [override])


def test_scheme_and_data_are_required(tmp_path):
    for text, missing in (("", "scheme"), (yaml.safe_dump({"scheme": "ibug68"}), "data")):
        (tmp_path / "r.yaml").write_text(text)
        with pytest.raises(RecipeError, match=f"r.yaml: the key {missing} is missing"):
            load_recipe(tmp_path / "r.yaml")


def test_other_files_are_rejected(tmp_path):
    with pytest.raises(RecipeError, match=r"gone.yaml: cannot be read .No such file"):
        load_recipe(tmp_path / "gone.yaml")
    for content in (
        b"name: [1, 2",
        b"- a\n- b\n",
        b"words",
        b"name: ${nothing.there}\n",
        b"\xff\xfe\x00",
        b"a: b: c",
        b"a: &a [1]\nb: *a\n",
        b"a: " + b"[" * 30,
    ):
        (tmp_path / "bad.yaml").write_bytes(content)
        with pytest.raises(RecipeError, match=r"bad.yaml: "):
            load_recipe(tmp_path / "bad.yaml")


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("optimizer.learning_rate", "optimizer.lr"), ("learning_rate", "optimizer.lr"), ("lr", "optimizer.lr"),
        ("network.lr", "optimizer.lr"), ("optimizer.Learning-Rate", "optimizer.lr"), ("learning_rat", "optimizer.lr"),
        ("weight_decay", "optimizer.weight_decay"), ("rotation", "augmentation.rotation"), ("k", "network.k"),
        ("n_workers", "num_workers"), ("bs", "batch_size"), ("optimizer.batch_size", "batch_size"),
        ("epoch", "epochs"), ("image_size", "network.crop_size"), ("pretrained", "network.pretrained or init_from"),
        ("init_lr", "optimizer.lr"), ("resume", "the option --resume"), ("backbon", "network.backbone"),
    ],
)  # fmt: skip
def test_keys_of_other_trainers_and_of_other_sections_name_the_key(write_recipe, key, meant):
    with pytest.raises(RecipeError) as raised:
        load_recipe(write_recipe(), [f"{key}=1"])
    assert str(raised.value).endswith(f"unknown key {key}; did you mean {meant}?")


def test_other_names_stand_for_keys(write_recipe):
    """Each is a key of the recipe, or of a dataset, and no key has such a name in its own section."""
    keys = _full_keys(Recipe)
    assert {key for key in OTHER_NAMES.values() if not key.startswith("the option")} <= set(keys)
    assert not OTHER_NAMES.keys() & {key for key in keys if "." not in key}
    data = {field.name for field in fields(DataSource)}
    assert set(OTHER_NAMES_OF_DATA.values()) <= data
    assert not OTHER_NAMES_OF_DATA.keys() & data
    with pytest.raises(RecipeError, match=r"unknown key data\[0\].split; did you mean data\[0\].subset\?"):
        load_recipe(write_recipe(data=[{"path": "a", "name": "b", "split": "train"}]))


def test_missing_scheme_names_the_key_and_similar_files(write_recipe, tmp_path):
    (tmp_path / "my-points.yaml").write_text("name: dog\npoints: [left_eye, right_eye, nose]\n")
    file = f"{tmp_path}/my-pionts.yaml: no such file; did you mean my-points.yaml"
    with pytest.raises(RecipeError, match=rf"tiny.yaml: scheme: {file}\?$"):
        load_recipe(write_recipe(scheme="my-pionts.yaml"))
    data = [{"path": "a.csv", "name": "a"}, {"path": "b.csv", "name": "b", "scheme": "my-pionts.yaml"}]
    with pytest.raises(RecipeError, match=rf"tiny.yaml: data\[1\].scheme: {file}\?$"):
        load_recipe(write_recipe(data=data))
    with pytest.raises(RecipeError, match=r"tinny.yaml: cannot be read \(No such file .*\); did you mean tiny.yaml\?"):
        load_recipe(tmp_path / "tinny.yaml")


def test_unlike_keys_are_listed(write_recipe):
    with pytest.raises(RecipeError, match=r"unknown key optimizer.foo; known keys: name, lr, weight_decay"):
        load_recipe(write_recipe(), ["optimizer.foo=1"])


@pytest.mark.parametrize("value", ["${oc.env:HOME}", "a ${ oc.env:HOME } b", "${oc.decode:x}"])
def test_resolvers_are_rejected(write_recipe, value):
    with pytest.raises(RecipeError, match="only keys of the recipe can be inserted"):
        load_recipe(write_recipe(license=value))


def test_paths_are_relative_to_the_recipe_and_those_of_overrides_to_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "recipes").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    for folder in ("recipes", "work"):
        (tmp_path / folder / "dog.yaml").write_text("name: dog\npoints: [left_eye, right_eye, nose]\n")
    recipe = {
        "scheme": "dog.yaml",
        "data_root": "../data",
        "data": [{"name": "a", "path": "${data_root}/a.csv", "scheme": "dog.yaml"}, {"name": "b", "path": "b.csv"}],
        "init_from": "first.pt",
        "network": {"pretrained_file": "weights.pth"},
    }
    (tmp_path / "recipes" / "dogs.yaml").write_text(yaml.safe_dump(recipe))
    loaded = load_recipe("../recipes/dogs.yaml")
    assert loaded.name == "dogs"
    assert loaded.scheme == loaded.data[0].scheme == str(tmp_path / "recipes" / "dog.yaml")
    assert loaded.data_root == str(tmp_path / "data")
    assert [source.path for source in loaded.data] == [
        str(tmp_path / "data" / "a.csv"), str(tmp_path / "recipes" / "b.csv"),
    ]  # fmt: skip
    assert loaded.init_from == str(tmp_path / "recipes" / "first.pt")
    assert loaded.network.pretrained_file == str(tmp_path / "recipes" / "weights.pth")
    overrides = ["data_root=here", "scheme=dog.yaml", "init_from=ibug68-fast", "network.pretrained_file=/w.pth"]
    changed = load_recipe("../recipes/dogs.yaml", overrides)
    assert changed.data[0].path == str(tmp_path / "work" / "here" / "a.csv")
    assert changed.scheme == str(tmp_path / "work" / "dog.yaml")
    assert (changed.init_from, changed.network.pretrained_file) == ("ibug68-fast", "/w.pth")
    data = "data=[{name: c, path: c.csv}, {name: d, path: '${data_root}/d.csv'}]"
    assert [source.path for source in load_recipe("../recipes/dogs.yaml", [data]).data] == [
        str(tmp_path / "work" / "c.csv"), str(tmp_path / "data" / "d.csv"),
    ]  # fmt: skip
    assert absolute_overrides(["epochs=3", "data_root=x y"], tmp_path, Path("plan.yaml")) == [
        "epochs=3", f'data_root="{tmp_path}/x y"',
    ]  # fmt: skip


def test_network_is_that_of_the_initial_model_unless_stated(tmp_path):
    (tmp_path / "dog.yaml").write_text("name: dog\npoints: [left_eye, right_eye, nose]\n")
    (tmp_path / "dogs.yaml").write_text("scheme: dog.yaml\ndata: [{name: dogs, path: a.csv}]\ninit_from: ibug68-fast\n")
    network = load_recipe(tmp_path / "dogs.yaml").network
    assert (network.backbone, network.crop_size, network.max_stride) == ("mobilenetv2_100", 128, 16)
    assert (network.separable, network.depth, network.annotation_styles) == (True, 2, [])
    assert network.k == 2  # of three points each has two neighbors
    assert load_recipe(tmp_path / "dogs.yaml", ["network.depth=1", "network.k=1"]).network == replace(
        network, depth=1, k=1
    )
    styled = "data=[{name: dogs, path: a.csv, annotation_style: WFLW}]"
    assert load_recipe(tmp_path / "dogs.yaml", [styled]).network.annotation_styles == ["300-W", "WFLW", "MERL-RAV"]
    with pytest.raises(RecipeError, match=r"annotation_style is one of .*300-W, WFLW, MERL-RAV.*, not 'dogs'"):
        load_recipe(tmp_path / "dogs.yaml", [styled.replace("WFLW", "dogs")])
    assert load_recipe(tmp_path / "dogs.yaml", ["init_from=gone.pt"]).network.max_stride == 32  # said when it starts
    assert load_recipe(tmp_path / "dogs.yaml", ["init_from=null"]).network.max_stride == 32
