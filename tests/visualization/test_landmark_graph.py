from __future__ import annotations

import dataclasses
import os
import re

import numpy as np
import pytest

from facelattice.exceptions import ArgumentError, ModelError
from facelattice.image_io import load_image
from facelattice.schemes import Scheme, get_scheme
from facelattice.visualization.landmark_graph import LandmarkGraph, draw_landmark_graph


@pytest.fixture
def dog() -> Scheme:
    return Scheme.from_dict({"name": "dog", "points": 3})


def test_graph_of_the_bundled_model(model):
    graph = LandmarkGraph.from_model(model)
    assert (graph.k, graph.symmetric, len(graph.edges)) == (3, False, 204)
    assert sorted(i for i, _, _ in graph.edges) == sorted(list(range(68)) * 3)
    mirror = graph.scheme.mirror
    edges = {(i, j) for i, j, _ in graph.edges}
    # All but one edge of the nose tip, which lies on the axis and has an odd number of neighbors.
    assert sum((mirror[i], mirror[j]) in edges for i, j in edges) == 203
    assert all(0.5 < correlation < 1 for _, _, correlation in graph.edges)


def test_edge_weights_lie_on_the_edges(model):
    edges = {(i, j) for i, j, _ in LandmarkGraph.from_model(model).edges} | {(i, i) for i in range(68)}
    mirror = model.scheme.mirror
    edges |= {(int(mirror[i]), int(mirror[j])) for i, j in edges}  # the model averages over the mirrored crop
    crops = np.random.default_rng(0).integers(0, 256, (2, model.crop_size, model.crop_size, 3), dtype=np.uint8)
    edge_weights = model.edge_weights(crops)
    np.testing.assert_allclose(edge_weights.sum(2), 1, atol=1e-5)
    assert {(int(i), int(j)) for i, j in np.argwhere(edge_weights.max(0) > 0)} <= edges


def test_model_without_a_graph_is_rejected(model, monkeypatch):
    monkeypatch.setattr(model, "info", dataclasses.replace(model.info, graph=None))
    with pytest.raises(ModelError, match="the model has no landmark graph"):
        LandmarkGraph.from_model(model)


def test_graph_from_metadata():
    metadata = {"k": 1, "symmetric": True, "edges": [[0, 1, 0.5], [1, 0, 0.5]], "shape": [[0, 0]] * 5}
    graph = LandmarkGraph.from_metadata(get_scheme("five"), metadata)
    assert (graph.k, graph.symmetric, graph.edges) == (1, True, [(0, 1, 0.5), (1, 0, 0.5)])
    assert graph.shape.shape == (5, 2)
    assert LandmarkGraph.from_metadata(get_scheme("five"), metadata | {"shape": None}).shape is None


def test_each_edge_is_drawn_once(model, tmp_path):
    graph = LandmarkGraph.from_model(model)
    draw_landmark_graph(graph, tmp_path / "graph.svg")
    text = (tmp_path / "graph.svg").read_text(encoding="utf-8")
    drawn = re.findall(r'id="edge-(\d+)-(\d+)"', text)
    pairs = {frozenset((i, j)) for i, j, _ in graph.edges}
    assert {frozenset(map(int, edge)) for edge in drawn} == pairs
    assert len(drawn) == len(pairs) == 128
    for words in ("ibug68: 204 edges, k = 3, directed", "152 edges that go both ways", "52 edges that go one way"):
        assert words in text


def test_graph_without_edges_is_drawn(tmp_path):
    graph = LandmarkGraph(get_scheme("five"), 0, False, [], None)
    draw_landmark_graph(graph, tmp_path / "graph.png")
    assert load_image(tmp_path / "graph.png").shape[0] > 500


def test_scheme_of_ones_own_needs_a_mean_face(dog, tmp_path):
    with pytest.raises(ArgumentError, match="no complete face of the scheme dog"):
        draw_landmark_graph(LandmarkGraph(dog, 1, False, [(0, 1, 0.9)], None), tmp_path / "a.png")
    assert os.listdir(tmp_path) == []
    shape = np.array([[0, 0], [1, 0], [0.5, 1]])
    draw_landmark_graph(LandmarkGraph(dog, 1, False, [(0, 1, 0.9)], shape), tmp_path / "a.png")
    assert (tmp_path / "a.png").exists()


def test_unknown_suffix_is_rejected(dog, tmp_path):
    with pytest.raises(ArgumentError, match="unknown file type"):
        draw_landmark_graph(LandmarkGraph(dog, 0, False, [], None), tmp_path / "a.bmp")
