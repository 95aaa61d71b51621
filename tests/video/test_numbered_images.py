from __future__ import annotations

import cv2
import numpy as np
import pytest

from facelattice.exceptions import VideoError
from facelattice.video.numbered_images import NumberedImages
from facelattice.video.reader import open_video


def write_image(path, value: int = 0) -> None:
    cv2.imwrite(str(path), np.full((48, 64, 3), value, np.uint8))


def test_images_are_frames_at_25_per_second(tmp_path):
    for i in range(5):
        write_image(tmp_path / f"{i:04}.png", 4 * i)
    with open_video(tmp_path / "%04d.png") as video:
        frames = list(video)
    assert [frame.number for frame in frames] == [0, 1, 2, 3, 4]
    np.testing.assert_allclose([frame.time for frame in frames], np.arange(5) / 25)
    assert [frame.image[40, 40].tolist() for frame in frames] == [[4 * i] * 3 for i in range(5)]


@pytest.mark.parametrize(("pattern", "first"), [("%04d.png", 7), ("shot%d of 9.png", 12)])
def test_numbers_may_start_anywhere(tmp_path, pattern, first):
    for i in range(first, first + 3):
        write_image(tmp_path / (pattern % i))
    write_image(tmp_path / "1.png")  # does not match: no leading zeros
    assert [frame.number for frame in NumberedImages(tmp_path / pattern)] == [0, 1, 2]


def test_missing_and_damaged_images_are_unreadable_frames(tmp_path):
    for i in (3, 4, 6, 7, 11):
        write_image(tmp_path / f"{i}.png", 4 * i)
    (tmp_path / "3.png").write_bytes(b"no image")
    (tmp_path / "7.png").write_bytes(b"")
    video = NumberedImages(tmp_path / "%d.png")
    frames = list(video)
    assert [frame.number for frame in frames] == [1, 3, 8]
    np.testing.assert_allclose([frame.time for frame in frames], np.array([0, 2, 7]) / 25)
    assert [frame.image[40, 40, 0] for frame in frames] == [16, 24, 44]
    assert (video.num_unreadable, video.num_frames, video.start) == (6, 9, 0)


def test_image_above_the_limit_cannot_be_read(tmp_path):
    write_image(tmp_path / "1.png")
    video = open_video(tmp_path / "%d.png", max_pixels=64 * 48 - 1)
    assert list(video) == []
    assert video.num_unreadable == 1


def test_no_matching_image(tmp_path):
    write_image(tmp_path / "3.png")
    with pytest.raises(VideoError, match=r"%04d\.png: no image has such a name"):
        open_video(tmp_path / "%04d.png")
    with pytest.raises(VideoError, match=r"3\.png: the name needs a placeholder"):
        NumberedImages(tmp_path / "3.png")
