from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facelattice import geometry, metrics
from facelattice.datasets.sample import Sample, make_sample
from facelattice.evaluation.evaluate import assess
from facelattice.evaluation.predict import Answer, Predictions
from facelattice.evaluation.protocols import PROTOCOLS, choose, stands_in
from facelattice.exceptions import DataError
from facelattice.schemes import get_scheme, mean_shape

PAGE = Path(__file__).parents[2] / "docs" / "measuring.md"


def sample(name: str = "ibug68", benchmark: str = "", **more) -> Sample:
    return make_sample(
        Path("a.png"), mean_shape(get_scheme(name)) * 100, get_scheme(name), "a", "here", benchmark=benchmark, **more
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
def test_each_benchmark_has_its_protocol(scheme, benchmark, normalizer, threshold):
    protocol = choose([sample(scheme, benchmark)])
    assert (protocol.normalizer, protocol.threshold) == (normalizer, threshold)
    assert protocol.source


def test_faces_of_two_benchmarks_are_of_none():
    assert choose([sample("ibug68", "300w"), sample("ibug68", "cofw68")]).name == "inter-ocular"


def test_a_protocol_that_does_not_fit_is_refused():
    with pytest.raises(DataError, match="unknown protocol 'wlfw'; known are 300w"):
        choose([sample()], "wlfw")
    with pytest.raises(DataError, match="the scheme five does not say which points these are"):
        choose([sample("five")], "wflw")
    with pytest.raises(DataError, match="these faces come without"):
        choose([sample("aflw19", dataset_box=np.array([0, 0, 9.0, 9])), sample("aflw19")], "aflw19")


def test_what_errors_are_divided_by():
    """A shift by 3 and 4 pixels is 5 pixels, whatever the face; the size differs."""
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
    answers = Predictions("x", face.scheme, "predictions", [Answer(face.points + np.float32([3, 4]), None)], [])
    for name, size in sizes.items():
        assert assess([face], answers, PROTOCOLS[name], {}).result["nme"] == pytest.approx(5 / size, rel=1e-5), name


@pytest.mark.parametrize(("apart", "boxed"), [(0.5, False), (0.0, True), (np.nan, True)])
def test_the_box_stands_in_for_eyes_on_one_spot_or_not_annotated(apart, boxed):
    points = mean_shape(get_scheme("ibug68")) * 100
    points[45] = points[36] + np.array([apart, 0])
    face = make_sample(Path("a.png"), points, get_scheme("ibug68"), "a", "here")
    assert stands_in(face, "inter-ocular") == boxed
    assert not stands_in(face, "box")
    size = metrics.normalizing_distance(face.points, face.scheme, face.mask)
    box = geometry.points_box(points)
    assert size == pytest.approx(np.sqrt((box[2] - box[0]) * (box[3] - box[1])) if boxed else 0.5, rel=1e-4)


def test_hidden_points_are_measured_apart_and_a_face_without_a_size_takes_no_part():
    hidden = np.arange(68) < 17
    face = sample("ibug68", "cofw68", hidden=hidden)
    flat = make_sample(
        Path("b.png"), np.stack([np.arange(68.0), np.zeros(68)], 1), face.scheme, "b", "here", benchmark="cofw68"
    )
    off = np.where(hidden[:, None], 2.0, 1.0) * np.array([1.0, 0.0])
    found = [Answer((face.points + off).astype(np.float32), None), Answer(flat.points, None)]
    result = assess([face, flat], Predictions("x", face.scheme, "predictions", found, []), PROTOCOLS["cofw68"], {}).result
    assert (result["faces"], result["not_measurable"], result["missed"]) == (2, 1, 0)
    size = np.sqrt(np.prod(np.ptp(face.points.astype(float), axis=0)))
    assert result["visibility"]["hidden"]["nme"] == pytest.approx(2 / size, rel=1e-5)
    assert result["visibility"]["visible"]["nme"] == pytest.approx(1 / size, rel=1e-5)
    assert result["nme"] == pytest.approx((17 * 2 + 51) / 68 / size, rel=1e-5)


def test_the_page_of_measuring_names_every_protocol():
    text = PAGE.read_text()
    for protocol in PROTOCOLS.values():
        assert f"| `{protocol.name}` | {protocol.normalizer} | {100 * protocol.threshold:g} % |" in text
