from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facelattice.exceptions import ArgumentError, VideoError
from facelattice.face import Face
from facelattice.inference.aligner import FaceAligner
from facelattice.video.crops import CropWriter, stabilized_crop
from facelattice.video.reader import open_video
from facelattice.video.tracker import Tracker

RATE = 25


@pytest.fixture(scope="module")
def aligner() -> FaceAligner:
    return FaceAligner("ibug68-fast")


@pytest.fixture
def face(aligner, view) -> Face:
    (found,) = aligner(view(60, 30))
    return found


def test_face_stays_in_place_and_upright(aligner, view):
    tracker = Tracker(aligner)
    crops = [stabilized_crop(tracker(view(40 + 3 * i, 30), i / RATE)[0], 128) for i in range(12)]
    for crop in crops[4:]:
        assert np.abs(crop.astype(int)[16:112, 16:112] - crops[3][16:112, 16:112]).mean() < 8
    (found,) = aligner(crops[5], boxes=[(20, 20, 108, 108)])
    eyes = found.points[[36, 45]]
    assert abs(eyes[0, 1] - eyes[1, 1]) < 4
    assert abs(eyes[:, 0].mean() - 63.5) < 6


def test_scheme_without_mean_face(face):
    own = replace(face, scheme=replace(face.scheme, name="own"))
    np.testing.assert_array_equal(stabilized_crop(own, 64), face.crop(64))
    assert (stabilized_crop(face, 64) != face.crop(64)).any()


def test_face_without_image_or_track(face, tmp_path):
    with pytest.raises(ArgumentError, match="the face has no image"):
        stabilized_crop(replace(face, image=None))
    writer = CropWriter(tmp_path / "clip", RATE)
    with pytest.raises(ArgumentError, match="the face has no track"):
        writer.write([face], 0.0)


def test_track_that_continues_late_has_a_second_file(face, tmp_path):
    with CropWriter(tmp_path / "clip", RATE) as writer:
        for i, track in enumerate([1, 2, *[1] * 30, 2, 1]):
            writer.write([replace(face, track=track)], i / RATE)
    assert writer.paths == [tmp_path / f"clip_{name}.mp4" for name in ("track1", "track2", "track2-2")]
    lengths = []
    for path in writer.paths:
        with open_video(path) as video:
            lengths.append(len(list(video)))
    assert lengths == [32, 1, 1]


def test_file_that_cannot_be_finished_does_not_affect_others(face, tmp_path):
    writer = CropWriter(tmp_path / "clip", RATE)
    writer.write([replace(face, track=track) for track in (1, 2, 3)], 0.0)
    (tmp_path / "clip_track2.mp4").mkdir()
    with pytest.raises(VideoError, match=r"clip_track2\.mp4: cannot be written"):
        writer.__exit__(None, None, None)
    assert not list(tmp_path.glob(".*"))
    assert all((tmp_path / f"clip_track{track}.mp4").is_file() for track in (1, 3))


def test_discarded_files_are_not_among_the_paths(face, tmp_path):
    writer = CropWriter(tmp_path / "clip", RATE)
    writer.write([replace(face, track=track) for track in (1, 2)], 0.0)
    (tmp_path / "clip_track2.mp4").mkdir()
    with pytest.raises(VideoError, match=r"clip_track2\.mp4: cannot be written"):
        writer.write([replace(face, track=1)], 5.0)
    writer.discard()
    assert writer.paths == []
    assert [path.name for path in tmp_path.iterdir()] == ["clip_track2.mp4"]
