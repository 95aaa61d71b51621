from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from facelattice.datasets.sample import Sample, make_sample
from facelattice.datasets.sampling import EpochBatchSampler, pose_repeats, split_validation
from facelattice.exceptions import ArgumentError
from facelattice.schemes import get_scheme, mean_shape

FIVE, IBUG = get_scheme("five"), get_scheme("ibug68")


def sample(group: str, points: np.ndarray | None = None, number: int = 0) -> Sample:
    points = mean_shape(FIVE) * 100 if points is None else points
    return make_sample(Path(f"{group}_{number}.jpg"), points, FIVE if len(points) == 5 else IBUG, group, "here")


# --- split_validation


def test_groups_stay_together_and_the_fraction_is_about_right():
    samples = [sample(f"photo{i}", number=n) for i in range(500) for n in range(3)]
    train, val = split_validation(samples, 0.2)
    assert len(train) + len(val) == 1500
    assert {s.group for s in train}.isdisjoint({s.group for s in val})
    assert len({s.group for s in val}) == pytest.approx(100, abs=30)


def test_split_depends_on_names_only():
    samples = [sample(f"photo{i}") for i in range(200)]
    val = {s.group for s in split_validation(samples, 0.1)[1]}
    assert {s.group for s in split_validation(samples[::-1], 0.1)[1]} == val
    more = [sample(f"other{i}") for i in range(100)] + samples[::-1]
    assert {s.group for s in split_validation(more, 0.1)[1]} >= val
    assert {s.group for s in split_validation(samples, 0.3)[1]} > val  # a larger fraction adds groups
    # Fixed values: a split that changes between versions would train on validation faces.
    assert sorted(val)[:5] == ["photo108", "photo114", "photo126", "photo134", "photo142"]


def test_names_that_are_not_utf8_are_split():
    names = [os.fsdecode(bytes([i])) for i in range(128, 256)]
    train, val = split_validation([sample(name) for name in names], 0.3)
    assert sorted(s.group for s in train + val) == sorted(names)
    assert train
    assert val


def test_all_or_no_faces_for_validation():
    samples = [sample(f"photo{i}") for i in range(20)]
    assert split_validation(samples, 0.0) == (samples, [])
    assert split_validation(samples, 1.0) == ([], samples)


# --- pose_repeats


def rotated_head(yaw: float, roll: float = 0.0, scale: float = 100.0) -> np.ndarray:
    """The 68 points of a head with these angles, degrees."""
    flat = mean_shape(IBUG).astype(np.float64) - 0.5
    depth = 0.5 - 2 * flat[:, 0] ** 2
    y, r = np.radians(yaw), np.radians(roll)
    head = np.column_stack([flat[:, 0] * np.cos(y) + depth * np.sin(y), flat[:, 1]])
    return (head @ np.array([[np.cos(r), np.sin(r)], [-np.sin(r), np.cos(r)]]) * scale + 300).astype(np.float32)


def test_profiles_are_repeated_and_rolled_heads_are_not():
    rng = np.random.default_rng(0)
    frontal = [
        sample("a", rotated_head(rng.normal(0, 3), rng.uniform(-60, 60), rng.uniform(50, 300))) for _ in range(200)
    ]
    profiles = [sample("b", rotated_head(60 * side, 5)) for side in (1, -1) for _ in range(5)]
    repeats = pose_repeats(frontal + profiles, max_repeats=8)
    assert (repeats[200:] == 8).all()
    assert repeats[:200].mean() < 2
    assert repeats.dtype.kind == "i"
    assert pose_repeats(frontal + profiles, max_repeats=3).max() == 3
    assert pose_repeats(frontal + profiles, max_repeats=1).tolist() == [1] * 210
    unlimited = pose_repeats(frontal + profiles, max_repeats=1000)
    assert unlimited[200] == round(np.sum(unlimited == 1) / 10)  # the fullest bin, divided by the ten profiles


def test_incomplete_faces_and_small_datasets_are_not_repeated():
    rng = np.random.default_rng(0)
    points = rotated_head(60)
    points[3] = np.nan
    samples = [sample("a", rotated_head(rng.normal(0, 3))) for _ in range(50)]
    samples += [sample("b", rotated_head(60)), sample("c", points)]
    assert pose_repeats(samples, max_repeats=5)[-2:].tolist() == [5, 1]
    assert pose_repeats(samples[-5:], max_repeats=5).tolist() == [1] * 5


# --- EpochBatchSampler


def epoch_batches(sampler: EpochBatchSampler, epoch: int = 0) -> list[list[tuple[int, int, int]]]:
    sampler.epoch = epoch
    return list(sampler)


def test_epoch_has_every_face_once_in_full_batches():
    indices = np.array([3, 4, 5, 5, 6, 7, 8, 9, 10, 11])  # 5 is a rare pose with two repeats
    batches = epoch_batches(EpochBatchSampler(indices, batch_size=5, seed=1), 4)
    assert [len(batch) for batch in batches] == [5, 5]
    keys = [key for batch in batches for key in batch]
    assert sorted(index for _, _, index in keys) == sorted(indices)
    assert {epoch for epoch, _, _ in keys} == {4}
    assert [place for _, place, _ in keys] == list(range(10))  # so both repeats get their own random numbers


def test_faces_beyond_the_last_full_batch_are_used_in_other_epochs():
    sampler = EpochBatchSampler(np.arange(11), batch_size=4, seed=1)
    assert len(sampler) == len(epoch_batches(sampler)) == 2
    used = {index for epoch in range(5) for batch in epoch_batches(sampler, epoch) for _, _, index in batch}
    assert used == set(range(11))


@pytest.mark.parametrize("count", [40, 37, 3, 8])
def test_two_processes_share_the_batches_of_one(count):
    one = EpochBatchSampler(np.arange(count), batch_size=8, seed=5)
    two = [EpochBatchSampler(np.arange(count), batch_size=8, seed=5, rank=rank, world_size=2) for rank in (0, 1)]
    for epoch in (0, 3):
        halves = zip(*(epoch_batches(sampler, epoch) for sampler in two), strict=True)
        assert [a + b for a, b in halves] == epoch_batches(one, epoch)


def test_order_depends_on_seed_and_epoch():
    sampler = EpochBatchSampler(np.arange(50), batch_size=10, seed=5)
    first = epoch_batches(sampler, 1)
    assert epoch_batches(sampler, 2) != first
    assert epoch_batches(sampler, 1) == first
    assert epoch_batches(EpochBatchSampler(np.arange(50), batch_size=10, seed=6), 1) != first


@pytest.mark.parametrize("count", [1, 3, 7])
def test_small_dataset_is_repeated_to_fill_one_batch(count):
    batches = epoch_batches(EpochBatchSampler(np.arange(count), batch_size=8, seed=0))
    assert [len(batch) for batch in batches] == [8]
    uses = np.bincount([index for _, _, index in batches[0]])
    assert len(uses) == count
    assert uses.max() - uses.min() <= 1
    assert len(set(batches[0])) == 8  # every use has its own random numbers


def test_batch_must_be_a_multiple_of_the_processes():
    with pytest.raises(ArgumentError, match="batch of 9 faces cannot be shared by 2 processes"):
        EpochBatchSampler(np.arange(20), batch_size=9, seed=0, world_size=2)
