from pathlib import Path

import pytest

from facelattice.exceptions import ModelError
from facelattice.inference.model_zoo import find_model, list_models
from facelattice.inference.onnx_model import Model


def test_bundled_models_are_found_by_name():
    assert {"ibug68", "ibug68-fast", "wflw98"} <= set(list_models())
    assert find_model() == find_model("ibug68")
    assert find_model().is_file()


def test_unknown_name_lists_the_bundled_models():
    with pytest.raises(ModelError, match=r"no model is named 'ibug86'; bundled: .*ibug68"):
        find_model("ibug86")


@pytest.mark.parametrize("open_model", [find_model, Model])
def test_empty_paths_and_urls_are_no_models(open_model):
    with pytest.raises(ModelError, match="the path of the model is empty"):
        open_model("")
    with pytest.raises(ModelError, match=r"https://example\.org/m\.onnx: URLs are not fetched; download the model"):
        open_model("https://example.org/m.onnx")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs /dev/zero")
def test_device_is_not_a_model():
    with pytest.raises(ModelError, match="/dev/zero: is a device, not a model file"):
        Model(Path("/dev/zero"))


def test_paths_are_returned_as_given(tmp_path, monkeypatch):
    path = tmp_path / "mine.onnx"
    assert find_model(path) == path  # whether it exists or not
    (tmp_path / "plain").touch()
    monkeypatch.chdir(tmp_path)
    assert str(find_model("plain")) == "plain"


@pytest.mark.parametrize("name", list_models())
def test_bundled_models_state_data_and_terms(name):
    model = Model(find_model(name))
    info = model.info
    assert info.name == name
    assert info.license
    assert info.data
    assert all(source["name"] and source["terms"] for source in info.data)
    assert info.detectors["yunet"]["scale"] > 0
    assert info.faces["val"] == 187
    assert 0.03 < info.val_nme < 0.05
    assert model.path.stat().st_size < 25e6
