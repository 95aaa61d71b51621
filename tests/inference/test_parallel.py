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
from facelattice.inference.parallel import align_all

SETTINGS = {"model": "ibug68-fast", "min_score": 0.25}
NUM_PHOTOS = 30
BROKEN = range(3, NUM_PHOTOS, 7)

# Detectors that worker processes import by name.
DETECTORS = """
import os, signal
import numpy as np

class Killer:
    name = "yunet"

    def __call__(self, image):
        if image.shape[:2] == (60, 70):  # the size of one image
            os.kill(os.getpid(), signal.SIGKILL)
        return np.array([[60.0, 50, 170, 160]]), np.ones(1)

class StartError(Killer):
    def __reduce__(self):
        return start_error, ()

def start_error():
    raise MemoryError("no memory to start")
"""


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> list[Path]:
    """30 views of a face, of which every seventh is not an image."""
    folder = tmp_path_factory.mktemp("photos")
    image = cv2.imread(str(Path(__file__).parents[2] / "examples" / "astronaut.jpg"))
    for i in range(NUM_PHOTOS):
        path = folder / f"{i:02}.jpg"
        if i in BROKEN:
            path.write_bytes(b"not an image")
        else:
            cv2.imwrite(str(path), image[20 + i : 240, 90 + i : 340])
    return sorted(folder.iterdir())


@pytest.fixture
def detectors(tmp_path, monkeypatch):
    """The module `DETECTORS`, which worker processes can import too."""
    (tmp_path / "detectors_of_a_test.py").write_text(DETECTORS, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    import detectors_of_a_test

    yield detectors_of_a_test
    del sys.modules["detectors_of_a_test"]


class Errors(list):
    """Collects the names of images with an error, and the messages."""

    def __call__(self, path: Path, error: Exception) -> None:
        self.append((path.name, str(error)))


def workers_of(program: psutil.Process) -> list[psutil.Process]:
    return [child for child in program.children() if "spawn_main" in " ".join(child.cmdline())]


def test_two_processes_give_the_faces_of_one(photos):
    errors = Errors(), Errors()
    one, two = (list(align_all(photos, SETTINGS, on_error, jobs)) for jobs, on_error in enumerate(errors, 1))
    assert (
        [len(faces) for faces in two] == [len(faces) for faces in one] == [i not in BROKEN for i in range(NUM_PHOTOS)]
    )
    for expected, found in zip(one, two, strict=True):
        for a, b in zip(expected, found, strict=True):
            np.testing.assert_allclose(a.points, b.points, atol=1e-2)
            np.testing.assert_allclose(a.expected_errors, b.expected_errors, atol=1e-2)
            assert b.image is None
    assert errors[0] == errors[1]
    assert [name for name, _ in errors[1]] == [f"{i:02}.jpg" for i in BROKEN]


def test_faces_keep_their_image_on_request(photos):
    found = align_all(photos[:3], SETTINGS, Errors(), jobs=2, keep_images=True)
    assert [faces[0].image.shape for faces in found] == [(220 - i, 250 - i, 3) for i in range(3)]


def test_wrong_settings_are_reported_before_the_first_image(photos):
    with pytest.raises(ModelError, match=r"gone.onnx"):
        align_all(photos, {"model": "gone.onnx"}, Errors(), jobs=2)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_killed_worker_loses_no_image(photos):
    errors = Errors()
    found = align_all(photos, SETTINGS, errors, jobs=2)
    results = [next(found)]
    workers_of(psutil.Process())[0].send_signal(signal.SIGKILL)
    results += found
    assert [len(faces) for faces in results] == [i not in BROKEN for i in range(NUM_PHOTOS)]
    assert [name for name, _ in errors] == [f"{i:02}.jpg" for i in BROKEN]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_image_that_kills_its_worker_is_reported(photos, detectors, tmp_path):
    killer = tmp_path / "killer.png"
    cv2.imwrite(str(killer), np.zeros((60, 70, 3), np.uint8))
    images = [*photos[:3], *photos[4:7], killer, *photos[7:9]]
    errors = Errors()
    settings = {**SETTINGS, "detector": detectors.Killer()}
    results = list(align_all(images, settings, errors, isolate=True))
    assert [len(faces) for faces in results] == [image != killer for image in images]
    ((name, message),) = errors
    assert name == "killer.png"
    assert "killer.png: a worker process died while processing this image" in message


def test_workers_that_do_not_start_are_an_error(photos, detectors, capfd):
    with pytest.raises(WorkerError, match="die when they start"):
        list(align_all(photos, {**SETTINGS, "detector": detectors.StartError()}, Errors(), jobs=2))
    capfd.readouterr()  # the tracebacks of the workers


def test_caller_can_stop_early(photos):
    found = align_all(photos, SETTINGS, Errors(), jobs=2)
    assert len(next(found)) == 1
    found.close()
    assert workers_of(psutil.Process()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for a process group")
def test_ctrl_c_while_workers_start_prints_no_traceback(photos):
    program = run_script(
        photos,
        "try:\n"
        "    list(align_all(paths, {}, lambda *error: None, 2))\n"
        "except KeyboardInterrupt:\n"
        "    print('stopped')\n",
        start_new_session=True,
    )
    workers: list[psutil.Process] = []
    while not any(worker.cpu_times().user > 0.1 for worker in workers):  # during their imports
        assert program.poll() is None
        workers = workers_of(psutil.Process(program.pid))
    os.killpg(program.pid, signal.SIGINT)
    assert program.communicate(timeout=60) == ("stopped\n", "")


def test_workers_end_when_their_parent_is_killed(photos):
    program = run_script(
        photos,
        "found = align_all(paths, {}, lambda *error: None, 2)\n"
        "next(found)\n"
        "print('working', flush=True)\n"
        "list(found)\n",
    )
    assert program.stdout.readline() == "working\n"
    workers = psutil.Process(program.pid).children(recursive=True)
    assert len(workers) >= 2
    program.kill()
    program.communicate()
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert alive == []


def run_script(photos: list[Path], code: str, **options: bool) -> subprocess.Popen[str]:
    """Start a program that aligns ``paths`` with many images."""
    header = "import sys\nfrom pathlib import Path\nfrom facelattice.inference.parallel import align_all\n"
    main = "paths = [Path(path) for path in sys.argv[1:]] * 20\n" + code
    body = "if __name__ == '__main__':\n" + "".join(f"    {line}\n" for line in main.splitlines())
    script = photos[0].parent.parent / "program.py"
    script.write_text(header + body, encoding="utf-8")
    command = [sys.executable, str(script), *map(str, photos)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
