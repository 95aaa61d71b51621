import numpy as np
import pytest
import torch

from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.modeling.landmark_graph import adjacency, correlation, laplacian, normalize_shapes
from facelattice.schemes import get_scheme, mean_shape


def shapes_of(scheme, faces=60, seed=0) -> np.ndarray:
    """Faces (M, N, 2) in pixels: the mean shape, stretched, rotated, shifted, with noise."""
    rng = np.random.default_rng(seed)
    shape = mean_shape(scheme) - 0.5
    linear = np.eye(2) + rng.normal(0, 0.15, (faces, 2, 2))
    return 80 * (shape @ linear + rng.normal(0, 0.02, (faces, *shape.shape))) + rng.uniform(0, 900, (faces, 1, 2))


@pytest.fixture(scope="module")
def graph68() -> torch.Tensor:
    scheme = get_scheme("ibug68")
    return adjacency(correlation(normalize_shapes(shapes_of(scheme), scheme.mirror)), k=3)


# --- normalize_shapes


def test_shapes_fill_the_unit_box_and_are_followed_by_mirror_images():
    scheme = get_scheme("five")
    shapes = normalize_shapes(shapes_of(scheme, 4), scheme.mirror).numpy()
    assert shapes.shape == (8, 5, 2)
    assert np.allclose(shapes.min(1), 0)
    assert np.allclose(shapes.max(1), 1)
    assert np.allclose(shapes[4:, 0], shapes[:4, 1] * [-1, 1] + [1, 0])  # the left eye is the mirrored right eye
    assert np.allclose(shapes[4:, 2], shapes[:4, 2] * [-1, 1] + [1, 0])


def test_missing_points_stay_missing_in_mirror_images():
    scheme = get_scheme("five")
    points = shapes_of(scheme, 2)
    points[1, 0] = np.nan
    missing = normalize_shapes(points, scheme.mirror).isnan().all(-1)
    assert missing.nonzero().tolist() == [[1, 0], [3, 1]]


# --- correlation


def test_correlation_by_hand():
    trend, bowl = [0, 1, 2, 3], [1, -1, -1, 1]  # which are uncorrelated
    x = np.array([trend, [-v for v in trend], bowl])
    y = np.array([trend, bowl, trend])
    expected = [[1, 0.5, 0.5], [0.5, 1, 0], [0.5, 0, 1]]
    np.testing.assert_allclose(correlation(np.stack([x.T, y.T], -1)), expected, atol=1e-12)


def test_correlation_equals_numpy_and_skips_missing_points_of_a_pair():
    points = np.random.default_rng(3).normal(size=(30, 4, 2)).cumsum(1)
    points[:7, 2] = np.nan
    found = correlation(points).numpy()
    for i, j in ((0, 1), (0, 3), (2, 3), (1, 2)):
        rows = slice(7, None) if 2 in (i, j) else slice(None)
        both = [abs(np.corrcoef(points[rows, i, axis], points[rows, j, axis])[0, 1]) for axis in (0, 1)]
        assert found[i, j] == pytest.approx(np.mean(both), abs=1e-10)
    np.testing.assert_allclose(found, found.T)


def test_opposite_motion_counts_as_correlation():
    trend = np.arange(4.0)
    for x, y in ((-trend, trend), (trend, -trend), (-trend, -trend)):
        points = np.stack([np.column_stack([trend, x]), np.column_stack([trend, y])], -1)
        np.testing.assert_allclose(correlation(points), np.ones((2, 2)), atol=1e-12)


def test_correlation_by_hand_with_missing_points():
    x = np.array([[0.0, 3], [1, 5], [2, 7], [30, np.nan], [np.nan, 40], [5, 1]])
    # Both are present in the first three faces and the last: 0 1 2 5 and 3 5 7 1, whose means are 2 and 4.
    # Deviations -2 -1 0 3 and -1 1 3 -3: products 2 - 1 + 0 - 9 = -8, squares 14 and 20.
    found = correlation(np.stack([x, x], -1))
    assert found[0, 1] == pytest.approx(8 / np.sqrt(14 * 20))
    assert found.diagonal().tolist() == pytest.approx([1, 1])


def test_constant_point_has_correlation_0():
    points = np.random.default_rng(0).normal(size=(20, 3, 2))
    points[:, 1] = 5.0
    assert correlation(points)[1].tolist() == [0, 0, 0]


def test_raw_coordinates_are_all_correlated():
    scheme = get_scheme("ibug68")
    points = shapes_of(scheme)
    assert correlation(points).min() > 0.98
    assert correlation(normalize_shapes(points, scheme.mirror)).min() < 0.3


@pytest.mark.parametrize("shape", [(5, 2), (4, 5, 3)])
def test_correlation_rejects_wrong_shapes(shape):
    with pytest.raises(ValueError, match=r"\(M, N, 2\)"):
        correlation(np.zeros(shape))


# --- adjacency


def test_adjacency_by_hand():
    ranked = np.array([[1.0, 0.9, 0.2, 0.1], [0.9, 1, 0.8, 0.3], [0.2, 0.8, 1, 0.4], [0.1, 0.3, 0.4, 1]])
    directed = adjacency(ranked, k=1)
    assert directed.dtype == torch.bool
    assert directed.int().tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]]
    symmetric = adjacency(ranked, k=1, symmetric=True)
    assert symmetric.int().tolist() == [[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 1], [0, 0, 1, 1]]


def test_nearly_equal_correlations_are_ties_won_by_the_first():
    ranked = np.array([[1, 0.5 - 1e-12, 0.5, 0.5 + 1e-12], [0.5, 1, 0, 0], [0.5, 0, 1, 0], [0.5, 0, 0, 1]])
    assert adjacency(ranked, k=1)[0].tolist() == [True, True, False, False]


@pytest.mark.parametrize("k", [0, 1, 3, 67])
def test_directed_graph_has_n_times_k_plus_1_ones(k):
    scheme = get_scheme("ibug68")
    graph = adjacency(correlation(normalize_shapes(shapes_of(scheme, 20), scheme.mirror)), k)
    assert graph.sum(1).tolist() == [k + 1] * 68
    assert graph.diagonal().all()


def test_constant_points_still_get_k_neighbors():
    graph = adjacency(torch.zeros(5, 5), k=2)
    assert graph.sum() == 15
    assert graph.diagonal().all()


@pytest.mark.parametrize("k", [-1, 5, 50])
def test_adjacency_rejects_wrong_k(k):
    with pytest.raises(ValueError, match=f"from 0 to 4 for 5 points, not {k}"):
        adjacency(np.eye(5), k)


def test_graph_is_symmetric_between_left_and_right(graph68):
    mirror = get_scheme("ibug68").mirror
    off_axis = mirror != np.arange(68)  # for a point on the axis, left and right are equal
    assert torch.equal(graph68[off_axis], graph68[mirror][:, mirror][off_axis])


def test_graph_of_wflw_is_as_published(shared_data):
    """98 points, k = 3: 294 directed edges, correlations 0.689 to 0.996, 372 edges when symmetric."""
    scheme = get_scheme("wflw98")
    points = np.stack([sample.points for sample in read_samples(shared_data / "WFLW", "train")])
    ranked = correlation(normalize_shapes(points, scheme.mirror))
    graph = adjacency(ranked, k=3)
    assert (len(points), int(graph.sum()), int(graph.sum()) - 98) == (262, 392, 294)
    assert int(adjacency(ranked, 3, symmetric=True).sum()) - 98 == pytest.approx(372, abs=8)
    edges = ranked[graph & ~torch.eye(98, dtype=torch.bool)]
    assert float(edges.min()) == pytest.approx(0.689, abs=0.03)
    assert float(edges.max()) == pytest.approx(0.996, abs=0.003)
    off_axis = scheme.mirror != np.arange(98)
    assert torch.equal(graph[off_axis], graph[scheme.mirror][:, scheme.mirror][off_axis])


# --- laplacian


def test_laplacian_by_hand():
    graph = torch.tensor([[1, 1, 1], [1, 1, 0], [0, 0, 1]]).bool()  # neighbors: 1 and 2 of 0; 0 of 1; none of 2
    matrix = laplacian(graph)
    assert matrix.tolist() == [[1, -0.5, -0.5], [-1, 1, 0], [0, 0, 0]]
    assert matrix.dtype == torch.float32
    assert graph.diagonal().all()  # the argument does not change
    points = torch.tensor([[4.0, 0], [2, 2], [0, 4]])
    assert (matrix @ points).tolist() == [[3, -3], [-2, 2], [0, 0]]


def test_laplacian_does_not_change_its_argument():
    graph = torch.ones(3, 3, dtype=torch.float64)
    laplacian(graph)
    assert graph.diagonal().tolist() == [1, 1, 1]


def test_laplacian_rows_sum_to_0(graph68):
    matrix = laplacian(graph68)
    assert matrix.sum(1).abs().max() < 1e-6
    points = torch.randn(68, 2)
    points[graph68[30]] = torch.tensor([3.0, 7.0])  # point 30 and its neighbors on one spot
    assert (matrix @ points)[30].abs().max() < 1e-5
    assert (matrix @ torch.full((68, 2), 5.0)).abs().max() < 1e-5
