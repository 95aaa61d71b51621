"""FaceAligner on Ray's local cluster, with two workers, one of which is killed amid the work."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest

ray = pytest.importorskip("ray", reason="needs Ray, which has no wheel for every Python yet")

from facelattice.inference.aligner import FaceAligner  # noqa: E402
from facelattice.inference.ray_data import Worker, align  # noqa: E402

PHOTO = Path(__file__).parents[2] / "examples" / "astronaut.jpg"


@pytest.fixture(scope="module")
def cluster():
    os.environ["RAY_DATA_DISABLE_PROGRESS_BARS"] = "1"
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> list[str]:
    """160 different views of a face, one image without, and one that is broken."""
    folder = tmp_path_factory.mktemp("photos")
    image = cv2.imread(str(PHOTO))
    for i in range(160):
        cv2.imwrite(str(folder / f"{i:03}.jpg"), image[20 + i // 8 : 240, 90 + i % 40 : 340])
    cv2.imwrite(str(folder / "wall.png"), np.full((200, 200, 3), 99, np.uint8))
    (folder / "broken.jpg").write_bytes(b"no image")
    return [str(path) for path in sorted(folder.iterdir())]


def workers() -> list[psutil.Process]:
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if "MapWorker" in " ".join(process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_one_of_two_workers_killed_nothing_is_lost_or_doubled(cluster, photos):
    killed: list[int] = []

    def kill_one() -> None:
        while not killed:
            busy = [process for process in workers() if process.cpu_times().user > 1.5]
            if len(busy) == 2:
                killed.append(busy[0].pid)
                busy[0].send_signal(signal.SIGKILL)
            time.sleep(0.05)

    killer = threading.Thread(target=kill_one, daemon=True)
    killer.start()
    rows = align(ray.data.from_items([{"path": path} for path in photos], override_num_blocks=20), workers=2).take_all()
    assert killed, "the work was over before a worker could be killed"

    images = [row["image"] for row in rows]
    assert sorted(images) == photos
    by_image = {Path(row["image"]).name: row for row in rows}
    assert "not an image" in by_image["broken.jpg"]["error"]
    assert (by_image["wall.png"]["face"], by_image["wall.png"]["error"]) == (-1, "")
    assert all(row["face"] == 0 and row["error"] == "" for name, row in by_image.items() if name[0].isdigit())
    (face,) = FaceAligner()(photos[5])
    np.testing.assert_allclose(np.reshape(by_image[Path(photos[5]).name]["points"], (-1, 2)), face.points, atol=0.02)


def test_settings_reach_the_aligner(cluster, photos):
    few = ray.data.from_items([{"photo": path} for path in photos[:3]])
    rows = align(few, column="photo", workers=1, min_score=0.99).take_all()
    assert [row["face"] for row in rows] == [-1] * 3


def test_batches_with_and_without_faces_have_the_same_columns(photos):
    worker = Worker("path", {})
    wall = [path for path in photos if path.endswith("wall.png")]
    with_face, without = worker({"path": photos[:1]}), worker({"path": wall})
    assert with_face.schema == without.schema
    assert without.to_pylist()[0]["points"] == []
    assert worker.aligner.model._session.get_session_options().intra_op_num_threads == 1
