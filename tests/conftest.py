from __future__ import annotations

import contextlib
import os
import shutil
import signal
import site
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import facelattice
from facelattice import geometry, onnx_session
from facelattice.formats import read_pts, write_pts
from facelattice.image_io import load_image

PHOTO = Path(__file__).parents[1] / "examples" / "astronaut.jpg"
POINTS = Path(__file__).parent / "astronaut.pts"  # checked by eye; independent of the bundled models
FACES = 12
OPTIONAL_PACKAGES = {
    "accelerate", "av", "defusedxml", "dlib", "fastapi", "h5py", "httpx", "huggingface_hub", "jinja2", "matplotlib",
    "mypy", "omegaconf", "onnx", "pillow_heif", "playwright", "prometheus_client", "psutil", "pyarrow", "pycocotools",
    "python_multipart", "ray", "safetensors", "schemathesis", "scipy", "skimage", "starlette", "tensorboard", "timm",
    "torch", "torchvision", "uvicorn", "yaml",
}  # fmt: skip
MISSING_PACKAGES = {name for name in OPTIONAL_PACKAGES if find_spec(name) is None}
# Tests that need an optional package without importing it themselves, or in their conftest.py.
collect_ignore = [
    path
    for path, name in {
        "cli/test_evaluate.py": "matplotlib",
        "cli/test_explain.py": "matplotlib",
        "cli/test_graph.py": "matplotlib",
        "cli/test_robustness.py": "matplotlib",
        "datasets/readers/test_matlab.py": "scipy",
        "serve": "httpx",
        "training": "torch",
        "video": "av",
    }.items()
    if name in MISSING_PACKAGES
]


# Before torch is imported. Workers of pytest-xdist share the cores, and spinning threads would slow each other down.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if workers := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // int(workers))))


def replace_home() -> str:
    """Let an empty folder be HOME of this process and of those that it starts, and return the folder."""
    browsers = Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "ms-playwright"
    os.environ.setdefault("PLAYWRIGHT_BROWSERS_PATH", str(browsers))
    os.environ.setdefault("PYTHONUSERBASE", site.getuserbase())
    folder = tempfile.mkdtemp(prefix="facelattice-tests-")
    for name in ("home", "matplotlib"):
        os.mkdir(os.path.join(folder, name))
    os.environ["HOME"] = os.environ["USERPROFILE"] = os.path.join(folder, "home")
    os.environ["MPLCONFIGDIR"] = os.path.join(folder, "matplotlib")  # its cache of fonts
    for name in [name for name in os.environ if name.startswith("XDG_")]:
        del os.environ[name]
    return folder


# Of the process that starts the others.
home_folder = None if os.environ.get("PYTEST_XDIST_WORKER") else replace_home()
written_into_home: list[str] = []


def pytest_configure() -> None:
    """Let signals reach child processes: background jobs and `nohup` ignore some, which is inherited."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


def find_missing_package(error: BaseException | None) -> str | None:
    """Return the missing optional package that caused an error, or None if that is not the cause."""
    while error is not None:
        name = (error.name or "").partition(".")[0] if isinstance(error, ImportError) else ""
        if name in MISSING_PACKAGES:
            return name
        error = error.__cause__ or error.__context__
    return None


class _TestModule(pytest.Module):
    """A test module that is skipped if it imports an optional package that is not installed."""

    def collect(self) -> list[Any]:
        try:
            return list(super().collect())
        except self.CollectError as error:
            if name := find_missing_package(error):
                pytest.skip(f"needs {name}", allow_module_level=True)
            raise


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module:
    return _TestModule.from_parent(parent, path=module_path)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Iterator[None]:
    """Skip a test that imports an optional package that is not installed."""
    try:
        return (yield)
    except ImportError as error:
        if name := find_missing_package(error):
            pytest.skip(f"needs {name}")
        raise


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "shared_data" in getattr(item, "fixturenames", ()):
            item.add_marker("data")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail if there are files in HOME, and release torch's references to shared memory.

    At the end of the interpreter, their release would print tracebacks.
    """
    if home_folder is not None:
        home = Path(home_folder, "home")
        written_into_home.extend(str(path.relative_to(home)) for path in sorted(home.rglob("*")))
        shutil.rmtree(home_folder, ignore_errors=True)
        if written_into_home:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
    if reductions := sys.modules.get("torch.multiprocessing.reductions"):
        reductions.shared_cache.clear()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Report the files written into HOME, and the number of skipped tests by reason."""
    for path in written_into_home:
        terminalreporter.write_line(f"FAILED: the tests wrote into HOME: {path}", red=True)
    reports = terminalreporter.stats.get("skipped", [])
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in reports)
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"skipped {count}: {reason}")
    for path in collect_ignore:
        terminalreporter.write_line(f"skipped tests/{path}: needs packages that are not installed")


@pytest.fixture(autouse=True)
def restore_num_threads(monkeypatch) -> None:
    """Undo `set_num_threads` after each test."""
    monkeypatch.setattr(onnx_session, "_max_threads", onnx_session._max_threads)


@contextlib.contextmanager
def _start_program(*command: str, env: Mapping[str, str] | None = None) -> Iterator[tuple[subprocess.Popen[str], str]]:
    environment = {**os.environ, "PYTHONPATH": str(Path(facelattice.__file__).parents[1]), **(env or {})}
    # In a process group of its own, as a shell starts it.
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stderr is not None
    try:
        yield process, process.stderr.readline().split("/    ")[0]
        process.terminate()
        process.wait(60)
    finally:
        process.kill()
        process.stderr.close()


@pytest.fixture(scope="session")
def start_program() -> Callable[..., Any]:
    """Start a program that prints its address on stderr: `with start_program(*command) as (process, address)`."""
    return _start_program


@pytest.fixture(scope="session")
def start_chromium(tmp_path_factory) -> Callable[..., Any]:
    """Start headless Chromium: `with start_chromium(*arguments) as browser`."""

    @contextlib.contextmanager
    def start(*arguments: str) -> Iterator[Any]:
        from playwright.sync_api import Error, sync_playwright

        environment = {**os.environ, "HOME": str(tmp_path_factory.mktemp("home"))}  # it writes there
        path = shutil.which("chromium") or shutil.which("google-chrome")
        options = {"executable_path": path, "args": ["--no-sandbox", "--disable-gpu", *arguments], "env": environment}
        with sync_playwright() as playwright:
            try:
                browser = playwright.chromium.launch(**options)
            except Error:
                pytest.skip("needs Chromium: playwright install chromium")
            yield browser
            browser.close()

    return start


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real face data beside the repository. Tests that use it are skipped without it."""
    folder = Path(__file__).parents[1].parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the face data in ../shared/data")
    return folder


@pytest.fixture(scope="session")
def faces(tmp_path_factory) -> Path:
    """A folder of 12 small images of one face, randomly rotated, shifted and scaled, with .pts files."""
    folder = tmp_path_factory.mktemp("faces")
    image = load_image(PHOTO)
    points = read_pts(POINTS)
    box = geometry.points_box(points)
    rng = np.random.default_rng(0)
    for i in range(FACES):
        square = geometry.square_box(geometry.box_center(box) + rng.uniform(-5, 5, 2), 110 * rng.uniform(0.9, 1.1))
        matrix = geometry.crop_transform(square, 96, 1.6, rotation=rng.uniform(-20, 20))
        crop = geometry.warp(image, matrix, 96)
        cv2.imwrite(str(folder / f"face{i:02}.png"), cv2.cvtColor(crop, cv2.COLOR_RGB2BGR))
        write_pts(folder / f"face{i:02}.pts", geometry.apply(matrix, points))
    return folder


@pytest.fixture
def tree_300w(faces, tmp_path) -> Path:
    """The folders of 300-W with one small image in each."""
    images = {
        "helen/trainset": "101_1",
        "helen/testset": "102_1",
        "lfpw/trainset": "image_0001",
        "lfpw/testset": "image_0002",
        "afw": "103_2",
        "ibug": "image_003_1",
    }
    root = tmp_path / "300W"
    for i, (folder, name) in enumerate(images.items()):
        (root / folder).mkdir(parents=True)
        for suffix in (".png", ".pts"):
            shutil.copy(faces / f"face{i:02}{suffix}", root / folder / (name + suffix))
    return root


@pytest.fixture(scope="session")
def photo() -> np.ndarray:
    """A photo with one large face, RGB."""
    return load_image(PHOTO)


@pytest.fixture(scope="session")
def view(photo) -> Callable[[float, float], np.ndarray]:
    """Cut a view (240, 320) out of the photo at (x, y). At (0, 0), the face is at 175 <= x < 255, 85 <= y < 180."""

    def cut(x: float, y: float) -> np.ndarray:
        matrix = np.array([[1.0, 0, -x], [0, 1, -y]])
        return cv2.warpAffine(photo, matrix, (320, 240), borderMode=cv2.BORDER_REFLECT)

    return cut


@pytest.fixture
def write_clip(tmp_path) -> Callable[..., Path]:
    """Write (time, image) pairs into a video file; with an audio codec, three seconds of a tone too."""
    av = pytest.importorskip("av", reason="needs av")

    def write(
        name: str,
        frames: Iterable[tuple[float, np.ndarray]],
        codec: str = "libx264",
        audio: str = "",
        audio_rate: int = 16000,
        layout: str = "mono",
        aspect: Fraction = Fraction(1),
        **options: str,
    ) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w") as out:
            video = sound = None
            for time, image in frames:
                if video is None:
                    video = out.add_stream(
                        codec, rate=25, options={"crf": "12"} | options if codec == "libx264" else {}
                    )
                    video.height, video.width = image.shape[:2]
                    video.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
                    video.codec_context.time_base = Fraction(1, 1000)
                    video.codec_context.sample_aspect_ratio = aspect
                    if audio:
                        sound = out.add_stream(audio, rate=audio_rate, layout=layout)
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                frame.pts, frame.time_base = round(1000 * time), Fraction(1, 1000)
                out.mux(video.encode(frame))
            out.mux(video.encode(None))
            if sound is not None:
                wave = (8000 * np.sin(2 * np.pi * 440 * np.arange(audio_rate * 3) / audio_rate)).astype(np.int16)
                for start in range(0, len(wave), 1000):
                    piece = av.AudioFrame.from_ndarray(wave[None, start : start + 1000], format="s16", layout="mono")
                    piece.sample_rate, piece.pts, piece.time_base = audio_rate, start, Fraction(1, audio_rate)
                    out.mux(sound.encode(piece))
                out.mux(sound.encode(None))
        return path

    return write


@pytest.fixture
def write_recipe(tmp_path, faces) -> Callable[..., Path]:
    """Write a recipe of 8 training and 4 validation faces that trains in a second; keyword arguments change it."""
    yaml = pytest.importorskip("yaml", reason="needs yaml")

    def write(**changes: Any) -> Path:
        recipe: dict[str, Any] = {
            "name": "tiny", "scheme": "ibug68", "data": [{"path": str(faces), "name": "tiny faces"}],
            "epochs": 2, "batch_size": 4, "val_fraction": 0.4, "precision": "fp32", "num_workers": 0,
            "network": {"backbone": "test_efficientnet", "pretrained": False, "crop_size": 64},
            "optimizer": {"warmup_epochs": 0.5},
        }  # fmt: skip
        path = tmp_path / "tiny.yaml"
        for key, value in changes.items():  # sections are merged, other values replaced
            is_section = isinstance(value, dict) and isinstance(recipe.get(key), dict)
            recipe[key] = recipe[key] | value if is_section else value
        path.write_text(yaml.safe_dump(recipe))
        return path

    return write
