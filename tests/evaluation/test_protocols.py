from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facelattice import geometry, metrics
from facelattice.datasets.sample import Sample, make_sample
from facelattice.evaluation.evaluate import evaluate_predictions
from facelattice.evaluation.predict import FacePrediction, Predictions
from facelattice.evaluation.protocols import PROTOCOLS, choose_protocol, uses_box_fallback
from facelattice.exceptions import DataError
from facelattice.schemes import Scheme, get_scheme, mean_shape

PAGE = Path(__file__).parents[2] / "docs" / "measuring.md"


def sample(name: str = "ibug68", benchmark: str = "", **more) -> Sample:
    return make_sample(
        Path("a.png"), mean_shape(get_scheme(name)) * 100, get_scheme(name), "a", "here", protocol=benchmark, **more
    )


@pytest.mark.parametrize(
    ("scheme", "benchmark", "normalizer", "threshold"),
    [
        ("ibug68", "300w", "inter-ocular", 0.08),
        ("ibug68", "300w-private", "box", 0.07),
        ("wflw98", "wflw", "inter-ocular", 0.10),
        ("cofw29", "cofw", "inter-ocular", 0.10),
        ("ibug68", "cofw68", "box", 0.07),
        ("aflw19", "aflw19", "diagonal", 0.07),
        ("ibug68", "", "inter-ocular", 0.10),
        ("five", "", "box", 0.10),
    ],
)
def test_benchmark_determines_the_protocol(scheme, benchmark, normalizer, threshold):
    protocol = choose_protocol([sample(scheme, benchmark)])
    assert (protocol.normalizer, protocol.threshold) == (normalizer, threshold)
    assert protocol.source


def test_points_of_your_own_in_files_named_like_those_of_a_benchmark_use_the_general_protocol():
    scheme = Scheme.from_dict({"name": "mine", "points": 68})
    face = make_sample(Path("12_1.png"), mean_shape(get_scheme("ibug68")), scheme, "a", "here", protocol="300w")
    assert choose_protocol([face]).name == "box"


def test_mixed_benchmarks_use_the_general_protocol():
    assert choose_protocol([sample("ibug68", "300w"), sample("ibug68", "cofw68")]).name == "inter-ocular"


def test_protocol_that_does_not_apply_is_rejected():
    with pytest.raises(DataError, match="unknown protocol 'wlfw'; choose one of 300w"):
        choose_protocol([sample()], "wlfw")
    with pytest.raises(DataError, match=r"wflw .* does not fit the 68 points of ibug68; choose.*300w"):
        choose_protocol([sample()], "wflw")
    with pytest.raises(DataError, match=r"inter-ocular, 10 %.* does not fit the 5 points of five; choose one of box$"):
        choose_protocol([sample("five")], "inter-ocular")
    with pytest.raises(DataError, match="some faces have none"):
        choose_protocol([sample("aflw19", dataset_box=np.array([0, 0, 9.0, 9])), sample("aflw19")], "aflw19")


def test_normalizing_distances_computed_by_hand():
    """A shift by 3 and 4 pixels is an error of 5 pixels on any face; the normalizing distances differ."""
    face = sample("ibug68", dataset_box=np.array([0, 0, 30.0, 40.0]))
    p = face.points.astype(np.float64)
    width, height = np.ptp(p, axis=0)
    sizes = {
        "300w": np.linalg.norm(p[36] - p[45]),
        "300w-pupil": np.linalg.norm(p[36:42].mean(0) - p[42:48].mean(0)),
        "300w-private": np.sqrt(width * height),
        "aflw19": 50,
        "aflw19-box": np.sqrt(1200),
    }
    shifted = FacePrediction(face.points + np.float32([3, 4]), None)
    predictions = Predictions("x", face.scheme, "predictions", [shifted], [])
    for name, size in sizes.items():
        nme = evaluate_predictions([face], predictions, PROTOCOLS[name]).nme
        assert nme == pytest.approx(5 / size, rel=1e-5), name


@pytest.mark.parametrize(("apart", "fallback"), [(0.5, False), (0.0, True), (np.nan, True)])
def test_box_replaces_missing_or_coinciding_eyes(apart, fallback):
    points = mean_shape(get_scheme("ibug68")) * 100
    points[45] = points[36] + np.array([apart, 0])
    face = make_sample(Path("a.png"), points, get_scheme("ibug68"), "a", "here")
    assert uses_box_fallback(face, "inter-ocular") == fallback
    assert not uses_box_fallback(face, "box")
    size = metrics.normalizing_distance(face.points, face.scheme, face.mask)
    box = geometry.points_box(points)
    assert size == pytest.approx(np.sqrt((box[2] - box[0]) * (box[3] - box[1])) if fallback else 0.5, rel=1e-4)


def test_documentation_lists_every_protocol():
    text = PAGE.read_text(encoding="utf-8")
    for protocol in PROTOCOLS.values():
        assert f"| `{protocol.name}` | {protocol.normalizer} | {100 * protocol.threshold:g} % |" in text
