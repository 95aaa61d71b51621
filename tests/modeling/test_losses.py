import math

import pytest
import torch

from facelattice.modeling.config import LossConfig
from facelattice.modeling.losses import (
    LOSSES,
    expected_error_loss,
    point_loss,
    relative_location_loss,
    sdfl_losses,
    soft_wing,
    uncertainty_targets,
    wing,
)
from facelattice.modeling.sdfl import Prediction

BOTH_SIGNS = pytest.mark.parametrize("sign", [1, -1])


def slope(loss, x: float) -> float:
    at = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    loss(at).backward()
    return at.grad.item()


def value(loss, x: float) -> float:
    return loss(torch.tensor(x, dtype=torch.float64)).item()


@BOTH_SIGNS
@pytest.mark.parametrize(
    ("name", "x", "expected"),
    [
        ("soft_wing", 0.0, 0.0),
        ("soft_wing", 1.25, 1.25),
        ("soft_wing", 2.0, 2.0),
        ("soft_wing", 4.5, 2 + 20 * math.log(2)),  # 1 + x / eps doubles from 2 px to 4.5 px
        ("soft_wing", 22.0, 2 + 20 * math.log(9)),
        ("soft_wing_smooth", 1.25, 1.25),
        ("soft_wing_smooth", 4.5, 2 + 2.5 * math.log(2)),
        ("wing", 2.0, 10 * math.log(2)),
        ("wing", 10.0, 10 * math.log(6)),
        ("wing", 25.0, 15 + 10 * math.log(6)),
        ("l1", 3.0, 3.0),
        ("l2", 3.0, 9.0),
        ("smooth_l1", 0.5, 0.125),
        ("smooth_l1", 3.0, 2.5),
    ],
)
def test_values_by_hand(name, x, expected, sign):
    assert value(LOSSES[name], sign * x) == pytest.approx(expected, abs=1e-12)


@BOTH_SIGNS
@pytest.mark.parametrize(
    ("name", "x", "expected"),
    [
        ("soft_wing", 0.5, 1),
        ("soft_wing", 2 - 1e-9, 1),
        ("soft_wing", 2 + 1e-9, 8),  # the jump: 20 / (0.5 + 2)
        ("soft_wing", 9.5, 2),
        ("soft_wing", 19.5, 1),
        ("soft_wing", 39.5, 0.5),
        ("soft_wing_smooth", 2 - 1e-9, 1),
        ("soft_wing_smooth", 2 + 1e-9, 1),
        ("soft_wing_smooth", 4.5, 0.5),
        ("wing", 1e-9, 5),
        ("wing", 10 - 1e-9, 10 / 12),
        ("wing", 10 + 1e-9, 1),
        ("l1", 3, 1),
        ("l2", 3, 6),
        ("smooth_l1", 0.5, 0.5),
        ("smooth_l1", 3, 1),
    ],
)
def test_slopes_by_hand(name, x, expected, sign):
    assert slope(LOSSES[name], sign * x) == pytest.approx(sign * expected, abs=1e-6)


def test_slope_is_at_most_1_with_the_smooth_preset_and_8_with_the_released_one():
    def steepest(loss) -> float:
        x = torch.linspace(0.001, 60, 20_000, dtype=torch.float64, requires_grad=True)
        loss(x).sum().backward()
        assert (x.grad > 0).all()
        return x.grad.max().item()

    assert steepest(LOSSES["soft_wing_smooth"]) <= 1
    assert steepest(LOSSES["soft_wing"]) == pytest.approx(8, abs=0.05)


@pytest.mark.parametrize(("w1", "w2", "eps"), [(2, 20, 0.5), (2, 2.5, 0.5), (5, 1, 3), (0.5, 40, 2)])
def test_soft_wing_is_continuous_at_w1(w1, w2, eps):
    below, above = (value(lambda x: soft_wing(x, w1, w2, eps), w1 + d) for d in (-1e-9, 1e-9))
    assert below == pytest.approx(w1, abs=1e-7)
    assert above == pytest.approx(w1, abs=1e-7)


def test_wing_is_continuous_at_w():
    below, above = (value(lambda x: wing(x, w=4.0, eps=0.5), 4 + d) for d in (-1e-9, 1e-9))
    assert below == pytest.approx(above, abs=1e-7)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_elementwise_with_a_finite_gradient_at_0(name):
    x = torch.tensor([[0.0, 1.0], [-3.0, 30.0]], requires_grad=True)
    loss = LOSSES[name](x)
    assert loss.shape == (2, 2)
    loss.sum().backward()
    assert x.grad.isfinite().all()


# --- over a batch

RESIDUAL = torch.tensor([[[3.0, -1], [1, 0], [0, 2]], [[1, 1], [1, 1], [5, 5]]])
ALL = torch.ones(2, 3, dtype=torch.bool)
CHAIN = torch.tensor(
    [[1.0, -1, 0], [-1, 1, 0], [0, -1, 1]]
)  # 0 and 1 are neighbors of each other, 1 is the neighbor of 2


def test_missing_points_count_as_0_in_the_point_loss():
    assert point_loss(torch.abs, RESIDUAL, ALL).item() == pytest.approx((7 + 14) / 12)
    some = torch.tensor([[True, False, True], [True, True, False]])
    assert point_loss(torch.abs, RESIDUAL, some).item() == pytest.approx((6 + 4) / 12)


def test_relative_location_loss_by_hand():
    # L r: first face (2, -1) (-2, 1) (-1, 2), second (0, 0) (0, 0) (4, 4)
    assert relative_location_loss(torch.abs, RESIDUAL, ALL, CHAIN).item() == pytest.approx((9 + 8) / 12)


def test_relative_location_loss_ignores_a_shift_of_the_face():
    assert relative_location_loss(torch.square, torch.full((2, 3, 2), 9.0), ALL, CHAIN).item() == 0


@pytest.mark.parametrize(
    ("missing", "expected"),
    [(2, (6 + 8) / 12), (1, 8 / 12), (0, (3 + 8) / 12)],
)
def test_relative_location_loss_needs_a_point_and_all_its_neighbors(missing, expected):
    mask = ALL.clone()
    mask[0, missing] = False
    assert relative_location_loss(torch.abs, RESIDUAL, mask, CHAIN).item() == pytest.approx(expected)


def test_expected_error_loss_by_hand():
    expected, distance = torch.tensor([[2.0, 5.0]]), torch.tensor([[4.0, 0.001]])
    both = (2 + math.log(2) + 0.1 / 5 + math.log(5)) / 2  # a distance below 0.1 counts as 0.1
    mask = torch.tensor([[True, True]])
    assert expected_error_loss(expected, distance, mask).item() == pytest.approx(both)
    assert expected_error_loss(expected, distance, mask & torch.tensor([True, False])).item() == pytest.approx(
        (2 + math.log(2)) / 2
    )


def test_expected_error_loss_is_minimal_at_the_mean_distance_and_does_not_reach_the_points():
    distance = torch.tensor([[1.0, 2.0, 6.0]], requires_grad=True)
    expected = torch.full((1, 1), 3.0, requires_grad=True)
    expected_error_loss(expected.expand(1, 3), distance, torch.ones(1, 3, dtype=torch.bool)).backward()
    assert expected.grad.item() == pytest.approx(0, abs=1e-7)
    assert distance.grad is None


@pytest.mark.parametrize("missing_value", [float("nan"), float("inf"), 1e30])
@pytest.mark.parametrize("name", LOSSES)
def test_missing_points_change_no_loss_and_no_gradient(name, missing_value):
    loss, mask = LOSSES[name], torch.tensor([[True, True, False], [True, True, True]])

    def parts(prediction, truth):
        residual = prediction - truth
        expected = torch.ones(2, 3) * 2 + prediction.sum(-1) * 0
        return (
            point_loss(loss, residual, mask)
            + relative_location_loss(loss, residual, mask, CHAIN)
            + expected_error_loss(expected, residual.norm(dim=-1), mask)
        )

    clean, changed = RESIDUAL.clone().requires_grad_(), RESIDUAL.clone().requires_grad_()
    truth = torch.zeros(2, 3, 2)
    truth[0, 2] = missing_value
    total = parts(changed, truth)
    assert total.item() == parts(clean, torch.zeros(2, 3, 2)).item()
    total.backward()
    assert changed.grad.isfinite().all()
    assert changed.grad[0, 2].tolist() == [0, 0]
    assert changed.grad[1].abs().sum() > 0


def test_uncertainty_targets_are_annotated_points_and_backgrounds():
    truth = torch.zeros(3, 2, 2)
    batch = {
        "points": truth, "mask": torch.tensor([[True, False], [True, True], [False, False]]),
        "annotated": torch.tensor([True, False, True]), "background": torch.tensor([False, False, True]),
    }  # fmt: skip
    distance, known = uncertainty_targets(truth + torch.tensor([3.0, 4.0]), batch, crop_size=64, crop_margin=1.6)
    assert known.tolist() == [[True, False], [False, False], [True, True]]
    assert distance[0, 0] == 5
    assert distance[2].tolist() == pytest.approx([0.2 * 64 / 1.6] * 2)  # a fifth of the face box, in pixels of the crop


@pytest.mark.parametrize("located", [True, False])
def test_training_losses_by_hand(located):
    points, truth = torch.tensor([[[4.0, 1], [2, 2]]]), torch.tensor([[[3.0, 1], [2, 4]]])
    prediction = Prediction(points, torch.tensor([[1.0, 2.0]]), torch.zeros(1, 2), truth + 2 if located else None, None)
    batch = {
        "points": truth, "mask": torch.ones(1, 2, dtype=torch.bool), "visibility": torch.tensor([[-1, 0]]),
        "annotated": torch.tensor([True]), "background": torch.tensor([False]), "turned": torch.tensor([False]),
    }  # fmt: skip
    config = LossConfig("l1", relative_weight=2.0, located_weight=0.25, uncertainty_weight=3.0, visibility_weight=5.0)
    losses = sdfl_losses(prediction, batch, torch.tensor([[1.0, -1], [-1, 1]]), config, crop_size=64, crop_margin=1.3)
    # Residuals (1, 0) and (0, -2) in a 64-px crop are (4, 0) and (0, -8) in a 256-px crop.
    assert losses["points"].item() == pytest.approx(12 / 4)
    assert losses["relative"].item() == pytest.approx(2 * (4 + 8 + 4 + 8) / 4)
    assert losses["uncertainty"].item() == pytest.approx(3 * (1 + 0 + 2 / 2 + math.log(2)) / 2)
    assert losses["visibility"].item() == pytest.approx(5 * math.log(2) / 2)  # one of two points is known
    assert losses.keys() == {"points", "relative", "uncertainty", "visibility"} | ({"located"} if located else set())
    if located:
        assert losses["located"].item() == pytest.approx(0.25 * 8)
    batch["turned"] = torch.tensor([True])
    turned = sdfl_losses(prediction, batch, torch.tensor([[1.0, -1], [-1, 1]]), config, crop_size=64, crop_margin=1.3)
    assert {turned[name].item() for name in turned if name not in ("uncertainty", "visibility")} == {0}
    assert turned["uncertainty"] == losses["uncertainty"]
