from __future__ import annotations

from facelattice.training.training_run import train


def test_license_of_the_weights_is_printed(run, write_recipe, tmp_path):
    best = train(write_recipe(epochs=1, license="research use only"), [], tmp_path / "run")
    status, out, _ = run("export", best, "--out", "model.onnx")
    assert status == 0
    assert out.splitlines()[-1] == "license: research use only"
