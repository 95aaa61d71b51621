import math

import pytest
import torch

from facelattice.modeling.losses import LOSSES, expected_error_loss, point_loss, relative_location_loss, soft_wing, wing

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


def test_the_smooth_preset_keeps_the_papers_promise_and_the_released_one_does_not():
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
def test_losses_are_elementwise_and_have_no_nan_gradient_at_0(name):
    x = torch.tensor([[0.0, 1.0], [-3.0, 30.0]], requires_grad=True)
    loss = LOSSES[name](x)
    assert loss.shape == (2, 2)
    loss.sum().backward()
    assert x.grad.isfinite().all()


# --- over a batch

RESIDUAL = torch.tensor([[[3.0, -1], [1, 0], [0, 2]], [[1, 1], [1, 1], [5, 5]]])
EVERY = torch.ones(2, 3, dtype=torch.bool)
CHAIN = torch.tensor([[1.0, -1, 0], [-1, 1, 0], [0, -1, 1]])  # 0 and 1 hear each other, 2 hears 1


def test_point_loss_by_hand_missing_points_count_as_0():
    assert point_loss(torch.abs, RESIDUAL, EVERY).item() == pytest.approx((7 + 14) / 12)
    some = torch.tensor([[True, False, True], [True, True, False]])
    assert point_loss(torch.abs, RESIDUAL, some).item() == pytest.approx((6 + 4) / 12)


def test_relative_location_loss_by_hand():
    # L r: first face (2, -1) (-2, 1) (-1, 2), second (0, 0) (0, 0) (4, 4)
    assert relative_location_loss(torch.abs, RESIDUAL, EVERY, CHAIN).item() == pytest.approx((9 + 8) / 12)


def test_a_shift_of_the_whole_face_costs_nothing_in_relative_location():
    assert relative_location_loss(torch.square, torch.full((2, 3, 2), 9.0), EVERY, CHAIN).item() == 0


@pytest.mark.parametrize(
    ("missing", "expected"),
    [(2, (6 + 8) / 12), (1, 8 / 12), (0, (3 + 8) / 12)],
)
def test_a_point_takes_part_where_it_and_its_neighbors_are_there(missing, expected):
    mask = EVERY.clone()
    mask[0, missing] = False
    assert relative_location_loss(torch.abs, RESIDUAL, mask, CHAIN).item() == pytest.approx(expected)


def test_expected_errors_by_hand():
    expected, distance = torch.tensor([[2.0, 5.0]]), torch.tensor([[4.0, 0.001]])
    both = (2 + math.log(2) + 0.1 / 5 + math.log(5)) / 2  # a distance below 0.1 counts as 0.1
    mask = torch.tensor([[True, True]])
    assert expected_error_loss(expected, distance, mask).item() == pytest.approx(both)
    assert expected_error_loss(expected, distance, mask & torch.tensor([True, False])).item() == pytest.approx(
        (2 + math.log(2)) / 2
    )


def test_expected_errors_learn_the_mean_distance_and_leave_the_points_alone():
    distance = torch.tensor([[1.0, 2.0, 6.0]], requires_grad=True)
    expected = torch.full((1, 1), 3.0, requires_grad=True)
    expected_error_loss(expected.expand(1, 3), distance, torch.ones(1, 3, dtype=torch.bool)).backward()
    assert expected.grad.item() == pytest.approx(0, abs=1e-7)
    assert distance.grad is None


@pytest.mark.parametrize("lost", [float("nan"), float("inf"), 1e30])
@pytest.mark.parametrize("name", LOSSES)
def test_missing_points_take_no_part_in_any_loss_and_give_no_nan(name, lost):
    loss, mask = LOSSES[name], torch.tensor([[True, True, False], [True, True, True]])

    def parts(prediction, truth):
        residual = prediction - truth
        expected = torch.ones(2, 3) * 2 + prediction.sum(-1) * 0
        return (
            point_loss(loss, residual, mask)
            + relative_location_loss(loss, residual, mask, CHAIN)
            + expected_error_loss(expected, residual.norm(dim=-1), mask)
        )

    clean, spoilt = RESIDUAL.clone().requires_grad_(), RESIDUAL.clone().requires_grad_()
    truth = torch.zeros(2, 3, 2)
    truth[0, 2] = lost
    total = parts(spoilt, truth)
    assert total.item() == parts(clean, torch.zeros(2, 3, 2)).item()
    total.backward()
    assert spoilt.grad.isfinite().all()
    assert spoilt.grad[0, 2].tolist() == [0, 0]
    assert spoilt.grad[1].abs().sum() > 0
