from __future__ import annotations

import json

from facelattice.evaluation.provenance import file_digest
from facelattice.inference.model_zoo import find_model
from facelattice.inference.onnx_model import METADATA_KEY, seal


def test_training_data_and_license_are_printed(run):
    status, out, _ = run("models")
    assert status == 0
    for word in ("ibug68", "ibug68, 68 points", "license", "research use", "sha256"):
        assert word in out


def test_sources_of_the_same_data_are_listed_once(run):
    lines = run("models", "ibug68")[1].splitlines()
    assert sum("AFLW with the annotation of MERL-RAV" in line for line in lines) == 1


def test_digest_is_that_of_reports(run):
    assert file_digest(find_model("ibug68-fast")) in run("models", "ibug68-fast")[1]


def test_metadata_cannot_control_the_terminal(run, tmp_path):
    import onnx

    model = onnx.load(find_model("ibug68-fast"))
    (entry,) = (entry for entry in model.metadata_props if entry.key == METADATA_KEY)
    entry.value = json.dumps(json.loads(entry.value) | {"name": "[/b]\x1b[2J", "license": "[red]\x1b]0;free\x9c"})
    (tmp_path / "odd.onnx").write_bytes(seal(model.SerializeToString()))
    status, out, err = run("models", "odd.onnx")
    assert (status, err) == (0, "")
    assert "[/b]\\x1b[2J" in out
    assert "[red]\\x1b]0;free\\x9c" in out
    assert "\x1b" not in out
