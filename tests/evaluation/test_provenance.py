from __future__ import annotations

import hashlib

import numpy as np

from facelattice.datasets.sample import make_sample
from facelattice.evaluation.provenance import collect_provenance, data_digest, file_digest
from facelattice.schemes import Scheme

SCHEME = Scheme.from_dict({"name": "pair", "points": ["a", "b"]})


def test_digest_of_a_file_is_its_sha256(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"weights")
    assert file_digest(tmp_path / "model.onnx") == hashlib.sha256(b"weights").hexdigest()


def test_digest_of_a_folder_changes_with_names_and_contents(tmp_path):
    (tmp_path / "a.pts").write_bytes(b"1")
    before = file_digest(tmp_path)
    (tmp_path / "a.pts").write_bytes(b"2")
    changed = file_digest(tmp_path)
    (tmp_path / "a.pts").rename(tmp_path / "b.pts")
    assert len({before, changed, file_digest(tmp_path)}) == 3


def test_digest_of_data_changes_with_points_masks_and_names(tmp_path):
    points = np.array([[0.0, 0], [100, 100]])

    def digest(name: str, points: np.ndarray) -> str:
        return data_digest([make_sample(tmp_path / name, points, SCHEME, name, name)])

    assert digest("a.png", points) == digest("a.png", points.copy())
    assert len({digest("a.png", points), digest("a.png", points + 1), digest("b.png", points)}) == 3


def test_provenance_names_command_source_and_libraries(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["facelattice", "evaluate", "my model.onnx"])
    (tmp_path / "my model.onnx").write_bytes(b"weights")
    provenance = collect_provenance(tmp_path / "my model.onnx", [])
    assert provenance.command == "facelattice evaluate 'my model.onnx'"
    assert (provenance.source, provenance.num_processes) == ("my model.onnx", 1)
    assert provenance.libraries["numpy"] == np.__version__
