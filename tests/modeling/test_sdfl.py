import numpy as np
import pytest
import torch
from torch import nn

from facelattice.datasets.face_crops import FaceCrops
from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.exceptions import ArgumentError
from facelattice.metrics import nme
from facelattice.modeling.config import SDFLConfig
from facelattice.modeling.landmark_graph import adjacency, correlation, laplacian, normalize_shapes
from facelattice.modeling.losses import (
    REFERENCE_SIZE,
    expected_error_loss,
    point_loss,
    relative_location_loss,
    soft_wing,
)
from facelattice.modeling.sdfl import SDFL
from facelattice.modeling.visibility import visibility_loss
from facelattice.schemes import get_scheme

SMALL = "mobilenetv3_small_050"
SIZE = 64
POINTS = 10
RING = torch.eye(POINTS).bool() | torch.eye(POINTS).roll(1, 1).bool() | torch.eye(POINTS).roll(-1, 1).bool()
VARIANTS = pytest.mark.parametrize(
    ("embedding", "head", "edges"),
    [(e, "graph", w) for e in ("located", "flatten") for w in ("dynamic", "static", "binary", "dense")]
    + [("located", "linear", "dynamic"), ("flatten", "linear", "dynamic")],
)


def network(graph=RING, **options) -> SDFL:
    torch.manual_seed(0)
    return SDFL(graph, SDFLConfig(**{"crop_size": SIZE, "backbone": SMALL, "depth": 2, **options}))


def images(count: int, seed: int = 0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    small = torch.from_numpy(rng.integers(0, 256, (count, 3, 8, 8)).astype(np.float32))
    return nn.functional.interpolate(small, size=SIZE, mode="bilinear").permute(0, 2, 3, 1).to(torch.uint8)


# --- outputs and options


@VARIANTS
def test_shapes_and_types_of_the_outputs(embedding, head, edges):
    net = network(embedding=embedding, head=head, edge_weights=edges).eval()
    out = net(images(2))
    assert out.points.shape == (2, POINTS, 2)
    assert out.expected_errors.shape == (2, POINTS)
    assert (out.points.dtype, out.expected_errors.dtype) == (torch.float32, torch.float32)
    assert (out.expected_errors > 0).all()
    assert (out.located_points is not None) == (embedding == "located")
    if head == "linear":
        assert out.edge_weights is None
    else:
        assert out.edge_weights.shape == (2 if edges == "dynamic" else 1, POINTS, POINTS)


def test_untrained_network_predicts_the_start_points():
    net = network(head="graph").eval()
    with torch.no_grad():
        located = net(images(2))
        center = network(embedding="flatten").eval()(images(2)).points
    torch.testing.assert_close(located.points, located.located_points, atol=1.0, rtol=0)  # biases alone
    assert (center - (SIZE - 1) / 2).abs().max() < 0.5 * SIZE / 4
    for last in (net.regressor.self_linear, net.regressor.neighbor_linear, network(head="linear").regressor):
        assert not last.weight.any()


def test_dynamic_edge_weights_depend_on_the_image():
    out = network().eval()(torch.cat([images(2), images(1)]))
    assert (out.edge_weights[0] - out.edge_weights[1]).abs().max() > 1e-4
    torch.testing.assert_close(out.edge_weights[0], out.edge_weights[2])


@pytest.mark.parametrize("options", [{}, {"stride4_features": True}, {"embedding": "flatten"}, {"head": "linear"}])
def test_only_the_backbone_runs_in_bf16(options):
    net, seen = network(**options), []
    net.backbone.register_forward_hook(lambda _, inputs, maps: seen.extend(maps))
    net.head.register_forward_hook(lambda _, inputs, hidden: seen.extend([inputs[0], hidden]))
    with torch.autocast("cpu", torch.bfloat16):
        out = net(images(2))
    *maps, features, hidden = seen
    assert {each.dtype for each in maps} == {torch.bfloat16}
    assert {each.dtype for each in (features, hidden, *out) if each is not None} == {torch.float32}


@pytest.mark.parametrize(("size", "suggestion"), [(100, 96), (0, 32), (-64, 32), (130, 128), (1, 32)])
def test_crop_size_must_fit_the_strides(size, suggestion):
    with pytest.raises(ValueError, match=f"multiple of 32, not {size}; try {suggestion}"):
        network(crop_size=size)


def test_crop_size_of_a_multiple_of_16_without_stride_32():
    with torch.no_grad():
        out = network(crop_size=112, max_stride=16).eval()(torch.zeros(2, 112, 112, 3, dtype=torch.uint8))
    assert out.points.shape == (2, len(RING), 2)
    with pytest.raises(ValueError, match="multiple of 16, not 100; try 96"):
        network(crop_size=100, max_stride=16)


@pytest.mark.parametrize("option", ["embedding", "head", "edge_weights", "global_features", "normalization"])
def test_unknown_options_are_rejected(option):
    with pytest.raises(ValueError, match="not 'graf'"):
        network(**{option: "graf"})


@pytest.mark.parametrize(
    ("backbone", "mean", "std"),
    [
        (SMALL, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ("tf_efficientnet_lite0", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    ],
)
def test_backbone_receives_rgb_with_its_own_normalization(backbone, mean, std):
    net, seen = network(backbone=backbone, depth=0).eval(), []
    net.backbone.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    crops = torch.zeros(1, SIZE, SIZE, 3, dtype=torch.uint8)
    crops[0, 2, 5] = torch.tensor([255, 102, 51])  # row 2, column 5; 1, 0.4 and 0.2
    net(crops)
    for channel, value in enumerate((1.0, 0.4, 0.2)):
        assert seen[0][0, channel, 2, 5].item() == pytest.approx((value - mean[channel]) / std[channel], abs=1e-5)
        assert seen[0][0, channel, 5, 2].item() == pytest.approx(-mean[channel] / std[channel], abs=1e-5)


def test_per_image_normalization_removes_brightness_and_contrast():
    net = network(normalization="per_image").eval()
    crops = images(1) // 2
    dim = net(crops)
    bright = net(crops + 100)
    torch.testing.assert_close(dim.points, bright.points, atol=1e-2, rtol=0)
    assert (network().eval()(crops).points - network().eval()(crops + 100).points).abs().max() > 1e-2
    together = net(torch.cat([crops, crops + 100, 255 - crops]))  # each image by its own statistics
    torch.testing.assert_close(together.points[:1], dim.points, atol=1e-3, rtol=0)
    flat = net(torch.full((1, SIZE, SIZE, 3), 77, dtype=torch.uint8))  # its standard deviation is 0
    assert flat.points.isfinite().all()


@pytest.mark.parametrize(("kind", "pixels"), [("located", 8.0), ("flatten", SIZE / 4)])
def test_head_output_is_scaled_to_pixels(kind, pixels):
    net = network(embedding=kind, edge_weights="binary").eval()
    for parameter in net.regressor.parameters():
        nn.init.zeros_(parameter)
    with torch.no_grad():
        start = net(images(2))
        net.regressor.self_linear.bias.copy_(torch.tensor([3.0, -6.0]))  # weighted with 1/3, the self edge
        moved = net(images(2)).points - start.points
    torch.testing.assert_close(moved, torch.tensor([pixels, -2 * pixels]).expand(2, POINTS, 2), atol=1e-4, rtol=0)
    if kind == "flatten":
        torch.testing.assert_close(start.points, torch.full((2, POINTS, 2), (SIZE - 1) / 2))
    else:
        torch.testing.assert_close(start.points, start.located_points)


def test_stride4_features_extend_the_nodes_and_keep_the_positions():
    plain, extended = network().eval(), network(stride4_features=True).eval()
    assert extended.embedding.node_dim == plain.embedding.node_dim + 9 * 32
    own = extended.state_dict()
    same = {name: tensor for name, tensor in plain.state_dict().items() if tensor.shape == own[name].shape}
    extended.load_state_dict(same, strict=False)
    torch.testing.assert_close(extended(images(2)).located_points, plain(images(2)).located_points)


# --- learning


@VARIANTS
def test_gradients_reach_every_parameter(embedding, head, edges):
    net = network(embedding=embedding, head=head, edge_weights=edges)
    for layer in [net.regressor] if head == "linear" else [net.regressor.self_linear, net.regressor.neighbor_linear]:
        nn.init.normal_(layer.weight)  # its initial weights of 0 pass no gradient on
    out = net(images(4))
    truth = torch.rand(4, POINTS, 2) * SIZE
    mask = torch.ones(4, POINTS, dtype=torch.bool)
    loss = point_loss(soft_wing, out.points - truth, mask)
    loss = loss + expected_error_loss(out.expected_errors, (out.points - truth).norm(dim=-1), mask)
    loss = loss + visibility_loss(out.visibility_logits, torch.randint(0, 2, (4, POINTS)))
    loss.backward()
    seen = {name: p.grad for name, p in net.named_parameters()}
    assert {name for name, grad in seen.items() if grad is None or not grad.isfinite().all()} == set()
    # Batch normalization cancels a bias right before it: its gradient is a rounding error.
    assert {name for name, grad in seen.items() if not grad.any() and not name.endswith("bias")} == set()


def test_points_train_the_heatmaps_from_the_first_step():
    net = network(
        edge_weights="binary"
    )  # otherwise the bias of the regressor would pass a gradient through the self edge
    net(images(4)).points.square().mean().backward()  # the regressor's weights are still 0 and pass no gradient
    assert net.embedding.heatmaps.weight.grad.any()
    assert not net.head.stem.conv.self_linear.weight.grad.any()


def test_expected_errors_do_not_train_the_points():
    net = network()
    out = net(images(4))
    mask = torch.ones(4, POINTS, dtype=torch.bool)
    expected_error_loss(out.expected_errors, torch.rand(4, POINTS) * 9, mask).backward()
    touched = {name.split(".")[0] for name, p in net.named_parameters() if p.grad is not None and p.grad.any()}
    assert touched == {"uncertainty_head"}


def test_annotation_styles_start_equal_and_are_learned_apart():
    net = network(annotation_styles=["a", "b"])
    nn.init.normal_(net.regressor.self_linear.weight)
    crops = images(1).repeat(4, 1, 1, 1)
    styles = torch.tensor([0, 1, -1, 0])
    before = net.eval()(crops, styles).points
    torch.testing.assert_close(before, before[:1].expand(4, -1, -1))
    with torch.no_grad():
        net.embedding.style_embedding[0] = 3
    points = net(crops, styles).points
    torch.testing.assert_close(points[0], points[3])
    torch.testing.assert_close(points[1], before[1])
    assert (points[0] - before[0]).abs().max() > 1e-4
    assert (points[2] - before[2]).abs().max() > 1e-4
    torch.testing.assert_close(net(crops).points[0], points[2])  # without styles: the mean
    torch.testing.assert_close(net(crops, torch.tensor([1])).points, before)  # one style for all crops


def test_annotation_styles_need_located_nodes():
    with pytest.raises(ArgumentError, match='annotation_styles need the embedding "located"'):
        network(embedding="flatten", annotation_styles=["a"])


@pytest.fixture(scope="module")
def overfitted(shared_data):
    """A small network after 160 steps on eight faces: (network, crops, points)."""
    scheme = get_scheme("ibug68")
    samples = read_samples(shared_data / "300W" / "afw")
    shapes = normalize_shapes(np.stack([s.points for s in samples]), scheme.mirror)
    graph = adjacency(correlation(shapes), k=3)
    faces = FaceCrops(samples[::40][:8], SIZE, 1.3)
    items = [faces[0, 0, i] for i in range(8)]
    crops, points, mask = (torch.stack([item[key] for item in items]) for key in ("crop", "points", "mask"))
    relative, steps, scale = laplacian(graph), 160, REFERENCE_SIZE / SIZE
    net = network(graph, depth=4)
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, steps)
    for step in range(steps):
        net.train(step < 100)  # fixed statistics at the end, as in the test
        out = net(crops)
        residual = (out.points - points) * scale
        loss = point_loss(soft_wing, residual, mask) + relative_location_loss(soft_wing, residual, mask, relative)
        loss = loss + 0.5 * point_loss(soft_wing, (out.located_points - points) * scale, mask)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()
        schedule.step()
    return net.eval(), crops, points


@pytest.mark.slow
def test_overfits_eight_real_faces(overfitted):
    net, crops, points = overfitted
    with torch.no_grad():
        found = net(crops).points.numpy()
    errors = [nme(a, b, get_scheme("ibug68")) for a, b in zip(found, points.numpy(), strict=True)]
    assert np.mean(errors) < 0.005


@pytest.mark.slow
def test_outputs_are_bounded_on_images_without_a_face(overfitted):
    net = overfitted[0]
    noise = torch.randint(0, 256, (4, SIZE, SIZE, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    flat = torch.stack([torch.full((SIZE, SIZE, 3), v, dtype=torch.uint8) for v in (0, 128, 255)])
    with torch.no_grad():
        out = net(torch.cat([noise, flat, images(4), 255 - overfitted[1]]))
    assert (out.located_points >= 3.5 - 1e-3).all()
    assert (out.located_points <= SIZE - 4.5 + 1e-3).all()
    assert out.points.min() > -SIZE / 2
    assert out.points.max() < 1.5 * SIZE
    assert out.expected_errors.min() >= np.exp(-3) - 1e-4
    assert out.expected_errors.max() <= np.exp(5) + 1e-2


@pytest.mark.parametrize("embedding", ["located", "flatten"])
def test_outputs_are_bounded_in_evaluation_after_a_high_learning_rate(embedding):
    """The flatten embedding once predicted points far outside of the crop after such training."""
    net = network(embedding=embedding)
    crops, truth = images(8), torch.rand(8, POINTS, 2) * SIZE
    optimizer = torch.optim.AdamW(net.parameters(), lr=5e-3)
    for _ in range(10):
        optimizer.zero_grad()
        soft_wing((net(crops).points - truth) * REFERENCE_SIZE / SIZE).mean().backward()
        optimizer.step()
    with torch.no_grad():
        points = net.eval()(torch.cat([crops, images(8, seed=1)])).points
    assert points.isfinite().all()
    assert points.min() > -SIZE
    assert points.max() < 2 * SIZE
