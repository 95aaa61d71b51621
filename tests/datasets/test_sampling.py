import os
from pathlib import Path

import numpy as np
import pytest

from facelattice.datasets.sample import Sample, make_sample
from facelattice.datasets.sampling import EpochBatchSampler, pose_repeats, split_validation
from facelattice.schemes import get_scheme, mean_shape

FIVE = get_scheme("five")


def sample(group: str, points: np.ndarray | None = None, number: int = 0) -> Sample:
    points = mean_shape(FIVE) * 100 if points is None else points
    scheme = FIVE if len(points) == 5 else get_scheme("ibug68")
    return make_sample(Path(f"{group}_{number}.jpg"), points, scheme, group, "here")


# --- split_validation


def test_a_group_stays_together_and_the_share_is_about_right():
    samples = [sample(f"photo{i}", number=n) for i in range(500) for n in range(3)]
    training, held = split_validation(samples, 0.2)
    assert len(training) + len(held) == 1500
    assert {s.group for s in training}.isdisjoint({s.group for s in held})
    assert len({s.group for s in held}) == pytest.approx(100, abs=30)


def test_the_split_depends_on_names_alone():
    samples = [sample(f"photo{i}") for i in range(200)]
    held = {s.group for s in split_validation(samples, 0.1)[1]}
    assert {s.group for s in split_validation(samples[::-1], 0.1)[1]} == held
    more = [sample(f"other{i}") for i in range(100)] + samples[::-1]
    assert {s.group for s in split_validation(more, 0.1)[1]} >= held
    assert {s.group for s in split_validation(samples, 0.3)[1]} > held  # a larger share adds to it
    # pinned: a split that moves from one version to the next would train on faces that were held out
    assert sorted(held)[:5] == ["photo108", "photo114", "photo126", "photo134", "photo142"]


def test_names_that_are_not_utf8_fall_on_a_side_too():
    names = [os.fsdecode(bytes([i])) for i in range(128, 256)]
    training, held = split_validation([sample(name) for name in names], 0.3)
    assert sorted(s.group for s in training + held) == sorted(names)
    assert training
    assert held


def test_nothing_or_everything_held_out():
    samples = [sample(f"photo{i}") for i in range(20)]
    assert split_validation(samples, 0.0) == (samples, [])
    assert split_validation(samples, 1.0) == ([], samples)


# --- pose_repeats


def turned(yaw: float, roll: float = 0.0, scale: float = 100.0) -> np.ndarray:
    """The 68 points of a head turned to the side by ``yaw`` and in the image by ``roll``, degrees."""
    flat = mean_shape(get_scheme("ibug68")).astype(np.float64) - 0.5
    depth = 0.5 - 2 * flat[:, 0] ** 2
    y, r = np.radians(yaw), np.radians(roll)
    head = np.column_stack([flat[:, 0] * np.cos(y) + depth * np.sin(y), flat[:, 1]])
    return (head @ np.array([[np.cos(r), np.sin(r)], [-np.sin(r), np.cos(r)]]) * scale + 300).astype(np.float32)


def test_rare_poses_come_more_often_and_rolled_heads_do_not():
    rng = np.random.default_rng(0)
    frontal = [sample("a", turned(rng.normal(0, 3), rng.uniform(-60, 60), rng.uniform(50, 300))) for _ in range(200)]
    profiles = [sample("b", turned(60 * side, 5)) for side in (1, -1) for _ in range(5)]
    repeats = pose_repeats(frontal + profiles, most=8)
    assert (repeats[200:] == 8).all()
    assert repeats[:200].mean() < 2
    assert repeats.dtype.kind == "i"
    assert pose_repeats(frontal + profiles, most=3).max() == 3
    assert pose_repeats(frontal + profiles, most=1).tolist() == [1] * 210
    unbounded = pose_repeats(frontal + profiles, most=1000)
    assert unbounded[200] == round(np.sum(unbounded == 1) / 10)  # the fullest bin over this one's ten faces


def test_incomplete_faces_come_once_and_too_few_are_left_alone():
    rng = np.random.default_rng(0)
    points = turned(60)
    points[3] = np.nan
    samples = [sample("a", turned(rng.normal(0, 3))) for _ in range(50)]
    samples += [sample("b", turned(60)), sample("c", points)]
    assert pose_repeats(samples, most=5)[-2:].tolist() == [5, 1]
    assert pose_repeats(samples[-5:], most=5).tolist() == [1] * 5


# --- EpochBatchSampler


def epoch(batches: EpochBatchSampler, number: int = 0) -> list[list[tuple[int, int, int]]]:
    batches.epoch = number
    return list(batches)


def test_an_epoch_is_every_face_once_in_whole_batches():
    indices = np.array([3, 4, 5, 5, 6, 7, 8, 9, 10, 11])  # 5 is a rare pose and comes twice
    batches = epoch(EpochBatchSampler(indices, batch=5, seed=1), 4)
    assert [len(b) for b in batches] == [5, 5]
    keys = [key for batch in batches for key in batch]
    assert sorted(index for _, _, index in keys) == sorted(indices)
    assert {e for e, _, _ in keys} == {4}
    assert [place for _, place, _ in keys] == list(range(10))  # so that both 5s look different


def test_what_does_not_fill_a_batch_waits():
    batches = EpochBatchSampler(np.arange(11), batch=4, seed=1)
    assert len(batches) == len(epoch(batches)) == 2
    seen = {index for e in range(5) for batch in epoch(batches, e) for _, _, index in batch}
    assert seen == set(range(11))


@pytest.mark.parametrize("count", [40, 37, 3, 8])
def test_two_processes_make_up_exactly_the_batches_of_one(count):
    one = EpochBatchSampler(np.arange(count), batch=8, seed=5)
    two = [EpochBatchSampler(np.arange(count), batch=8, seed=5, rank=rank, world=2) for rank in (0, 1)]
    for number in (0, 3):
        halves = zip(*(epoch(batches, number) for batches in two), strict=True)
        assert [a + b for a, b in halves] == epoch(one, number)


def test_the_order_is_that_of_seed_and_epoch():
    batches = EpochBatchSampler(np.arange(50), batch=10, seed=5)
    first = epoch(batches, 1)
    assert epoch(batches, 2) != first
    assert epoch(batches, 1) == first
    assert epoch(EpochBatchSampler(np.arange(50), batch=10, seed=6), 1) != first


@pytest.mark.parametrize("count", [1, 3, 7])
def test_a_set_smaller_than_a_batch_is_one_batch_filled_up(count):
    batches = epoch(EpochBatchSampler(np.arange(count), batch=8, seed=0))
    assert [len(b) for b in batches] == [8]
    often = np.bincount([index for _, _, index in batches[0]])
    assert len(often) == count
    assert often.max() - often.min() <= 1
    assert len(set(batches[0])) == 8  # each time with random numbers of its own


def test_a_batch_that_cannot_be_shared():
    with pytest.raises(ValueError, match="batch of 9 faces cannot be shared by 2 processes"):
        EpochBatchSampler(np.arange(20), batch=9, seed=0, world=2)
