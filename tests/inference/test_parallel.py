"""Many images in several processes: the same result as in one, in order, whatever goes wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest

from facelattice.exceptions import ModelError, WorkerError
from facelattice.inference import parallel
from facelattice.inference.parallel import align_all

PHOTO = Path(__file__).parents[2] / "examples" / "astronaut.jpg"
SETTINGS = {"model": "ibug68", "detector": "yunet", "min_score": 0.25, "max_faces": None}


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> list[Path]:
    """30 views of a face, every seventh of which is broken."""
    folder = tmp_path_factory.mktemp("photos")
    image = cv2.imread(str(PHOTO))
    for i in range(30):
        path = folder / f"{i:02}.jpg"
        if i % 7 == 3:
            path.write_bytes(b"no image")
        else:
            cv2.imwrite(str(path), image[20 + i : 240, 90 + i : 340])
    return sorted(folder.iterdir())


def test_two_processes_do_what_one_does(photos):
    said: dict[int, list[str]] = {1: [], 2: []}
    one, two = (
        list(align_all(photos, SETTINGS, lambda path, error, jobs=jobs: said[jobs].append(str(error)), jobs))
        for jobs in (1, 2)
    )  # fmt: skip
    assert [len(faces) for faces in two] == [len(faces) for faces in one] == [int(i % 7 != 3) for i in range(30)]
    for a, b in zip(one, two, strict=True):
        for face, same in zip(a, b, strict=True):
            np.testing.assert_allclose(same.points, face.points, atol=1e-2)
            np.testing.assert_allclose(same.expected_errors, face.expected_errors, atol=1e-2)
            assert same.image is None
    assert said[1] == said[2]
    assert [Path(message.split(":")[0]).name for message in said[2]] == ["03.jpg", "10.jpg", "17.jpg", "24.jpg"]


def test_images_come_along_if_wanted(photos):
    found = align_all(photos[:3], SETTINGS, lambda path, error: None, jobs=2, keep_images=True)
    assert [faces[0].image.shape for faces in found] == [(220 - i, 250 - i, 3) for i in range(3)]


def test_wrong_settings_are_said_at_once(photos):
    with pytest.raises(ModelError, match=r"gone.onnx"):
        align_all(photos, {**SETTINGS, "model": "gone.onnx"}, lambda path, error: None, jobs=2)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_process_that_dies_is_an_error_that_says_so(photos, monkeypatch):
    monkeypatch.setattr(parallel, "CHUNK", 1)
    found = align_all([*photos[:3]] * 30, SETTINGS, lambda path, error: None, jobs=2)
    next(found)
    for child in psutil.Process().children():
        if "spawn_main" in " ".join(child.cmdline()):
            child.send_signal(signal.SIGKILL)
            break
    with pytest.raises(WorkerError, match="a process died"):
        list(found)


def test_whoever_stops_early_waits_for_nothing(photos):
    found = align_all([*photos[:3]] * 100, SETTINGS, lambda path, error: None, jobs=2)
    assert len(next(found)) == 1
    found.close()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send to a group")
def test_processes_that_are_only_starting_say_nothing_of_ctrl_c(photos):
    code = (
        "import sys\nfrom pathlib import Path\nfrom facelattice.inference.parallel import align_all\n"
        "if __name__ == '__main__':\n"
        "    try:\n"
        "        list(align_all([Path(p) for p in sys.argv[1:]] * 20, {}, lambda *wrong: None, 2))\n"
        "    except KeyboardInterrupt: print('stopped')\n"
    )
    script = photos[0].parent.parent / "starting.py"
    script.write_text(code)
    command = [sys.executable, str(script), *map(str, photos)]
    program = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    started: list[psutil.Process] = []
    while not any(child.cpu_times().user > 0.1 for child in started):  # amid its imports
        assert program.poll() is None
        children = psutil.Process(program.pid).children()
        started = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
    os.killpg(program.pid, signal.SIGINT)
    said = program.communicate(timeout=60)
    assert said == ("stopped\n", "")


def test_where_the_program_is_killed_its_processes_end_too(photos):
    code = (
        "import sys\nfrom pathlib import Path\nfrom facelattice.inference.parallel import align_all\n"
        "if __name__ == '__main__':\n"
        "    results = align_all([Path(p) for p in sys.argv[1:]] * 20, {}, lambda *wrong: None, 2)\n"
        "    next(results); print('working', flush=True); list(results)\n"
    )
    script = photos[0].parent.parent / "program.py"
    script.write_text(code)
    program = subprocess.Popen([sys.executable, str(script), *map(str, photos)], stdout=subprocess.PIPE, text=True)
    assert program.stdout.readline() == "working\n"
    workers = psutil.Process(program.pid).children(recursive=True)
    assert len(workers) >= 2
    program.kill()
    program.wait()
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert alive == []
