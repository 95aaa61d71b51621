from __future__ import annotations

import os
import secrets
import signal
import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest

from facelattice.exceptions import MissingDependencyError
from facelattice.formats.result_columns import RESULT_COLUMNS, result_values
from facelattice.inference.aligner import FaceAligner
from facelattice.inference.ray_data import Worker, align
from facelattice.onnx_session import session_options

ASTRONAUT = Path(__file__).parents[2] / "examples" / "astronaut.jpg"
NUM_PHOTOS = 160


@pytest.fixture(scope="module")
def ray():
    """Ray with a local cluster of two processors."""
    # Before Ray is imported. Without a token in the environment Ray writes one into HOME.
    os.environ["RAY_AUTH_MODE"], os.environ["RAY_AUTH_TOKEN"] = "token", secrets.token_hex()
    os.environ["RAY_DATA_DISABLE_PROGRESS_BARS"] = "1"
    ray = pytest.importorskip("ray", reason="needs ray")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield ray
    ray.shutdown()


@pytest.fixture(scope="module")
def wall(tmp_path_factory) -> str:
    """An image without a face."""
    path = tmp_path_factory.mktemp("wall") / "wall.png"
    cv2.imwrite(str(path), np.full((200, 200, 3), 99, np.uint8))
    return str(path)


@pytest.fixture(scope="module")
def broken(tmp_path_factory) -> str:
    """A file that is not an image."""
    path = tmp_path_factory.mktemp("broken") / "broken.jpg"
    path.write_bytes(b"not an image")
    return str(path)


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> list[str]:
    """Views of a face."""
    folder = tmp_path_factory.mktemp("photos")
    image = cv2.imread(str(ASTRONAUT))
    for i in range(NUM_PHOTOS):
        cv2.imwrite(str(folder / f"{i:03}.jpg"), image[20 + i // 8 : 240, 90 + i % 40 : 340])
    return [str(path) for path in sorted(folder.iterdir())]


def test_worker_gives_rows_for_faces_and_for_images_without(wall, broken):
    pytest.importorskip("pyarrow", reason="needs pyarrow")
    worker = Worker("path", {"model": "ibug68-fast"})
    table = worker({"path": np.array([str(ASTRONAUT), wall, broken])})
    face, without, error = table.to_pylist()
    assert (face["image"], face["face"], face["error"]) == (str(ASTRONAUT), 0, "")
    assert (len(face["points"]), len(face["expected_errors"]), len(face["box"])) == (136, 68, 4)
    assert (face["scheme"], len(face["visibility"])) == ("ibug68", 68)
    (expected,) = worker.aligner(ASTRONAUT)
    assert [face[name] for name in RESULT_COLUMNS] == pytest.approx(list(result_values(expected).values()), rel=1e-3)
    assert without["yaw"] is None
    assert (without["image"], without["face"], without["points"], without["error"]) == (wall, -1, [], "")
    assert (error["image"], error["face"]) == (broken, -1)
    assert "broken.jpg" in error["error"]
    assert worker({"path": [wall]}).schema == table.schema
    assert session_options().intra_op_num_threads == 1


def test_missing_ray_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingDependencyError, match=r"facelattice\[ray\]"):
        align(None)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_killed_worker_neither_loses_nor_repeats_an_image(ray, photos, wall, broken):
    killed: list[int] = []

    def kill_one() -> None:
        while not killed:
            busy = [process for process in _workers() if process.cpu_times().user > 1.5]
            if len(busy) == 2:
                killed.append(busy[0].pid)
                busy[0].send_signal(signal.SIGKILL)
            time.sleep(0.05)

    threading.Thread(target=kill_one, daemon=True).start()
    paths = [*photos, wall, broken]
    rows = align(ray.data.from_items([{"path": path} for path in paths], override_num_blocks=20), workers=2).take_all()
    assert killed, "all images were processed before a worker could be killed"
    assert sorted(row["image"] for row in rows) == sorted(paths)
    by_image = {row["image"]: row for row in rows}
    assert by_image[broken]["error"]
    assert (by_image[wall]["face"], by_image[wall]["error"]) == (-1, "")
    assert all((by_image[photo]["face"], by_image[photo]["error"]) == (0, "") for photo in photos)
    (face,) = FaceAligner()(photos[5])
    np.testing.assert_allclose(np.reshape(by_image[photos[5]]["points"], (-1, 2)), face.points, atol=0.02)


@pytest.mark.slow
def test_settings_reach_the_aligner(ray, photos):
    dataset = ray.data.from_items([{"photo": path} for path in photos[:3]])
    rows = align(dataset, column="photo", workers=1, min_score=0.99).take_all()
    assert [row["face"] for row in rows] == [-1] * 3


def _workers() -> list[psutil.Process]:
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if "MapWorker" in " ".join(process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found
