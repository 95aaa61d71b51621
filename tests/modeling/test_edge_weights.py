import pytest
import torch

from facelattice.modeling.edge_weights import EdgeWeights

GRAPH = torch.tensor([[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 0], [1, 1, 1, 1]]).bool()
KINDS = ["dynamic", "static", "binary", "dense"]


def edge_weights(kind: str) -> EdgeWeights:
    torch.manual_seed(0)
    module = EdgeWeights(kind, GRAPH, global_dim=10).eval()
    if kind in ("static", "dense"):
        torch.nn.init.normal_(module.logits)
    return module


@pytest.mark.parametrize("kind", KINDS)
def test_rows_sum_to_1_over_the_neighbors(kind):
    weights = edge_weights(kind)(torch.randn(5, 10))
    assert weights.shape == (5 if kind == "dynamic" else 1, 4, 4)
    torch.testing.assert_close(weights.sum(-1), torch.ones_like(weights[..., 0]))
    neighbors = torch.ones_like(GRAPH) if kind == "dense" else GRAPH
    assert (weights[:, neighbors] > 0).all()
    assert (weights[:, ~neighbors] == 0).all()


def test_binary_edge_weights_are_1_over_the_degree():
    expected = [[1 / 2, 1 / 2, 0, 0], [1 / 3, 1 / 3, 1 / 3, 0], [0, 1 / 2, 1 / 2, 0], [1 / 4] * 4]
    torch.testing.assert_close(edge_weights("binary")(torch.randn(2, 10))[0], torch.tensor(expected))


def test_only_dynamic_edge_weights_depend_on_the_image():
    global_features = torch.randn(2, 10)
    weights = edge_weights("dynamic")(global_features)
    assert (weights[0] - weights[1]).abs().max() > 0.01
    torch.testing.assert_close(weights[0], edge_weights("dynamic")(global_features[[0, 0]])[1])
    for kind in ("static", "binary", "dense"):
        assert torch.equal(edge_weights(kind)(global_features), edge_weights(kind)(global_features + 1))


@pytest.mark.parametrize(("kind", "learned"), [("static", 11), ("dense", 16), ("binary", 0)])
def test_number_of_learned_edge_weights(kind, learned):
    assert sum(p.numel() for p in edge_weights(kind).parameters()) == learned


def test_logits_are_in_row_order_of_the_edges():
    module = edge_weights("static")
    torch.nn.init.zeros_(module.logits)
    module.logits.data[0, 3] = 50.0  # row by row the fourth edge is (1, 1)
    row = module(torch.zeros(1, 10))[0, 1]
    torch.testing.assert_close(row, torch.tensor([0.0, 1, 0, 0]))


def test_unknown_kind_is_rejected():
    with pytest.raises(ValueError, match="dynamic, static, binary or dense, not 'fixed'"):
        EdgeWeights("fixed", GRAPH, 10)
