import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from typer.main import get_command

import facelattice
from facelattice.cli import app
from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.formats import read_csv, read_pts, write_csv
from facelattice.image_io import load_image
from facelattice.inference.aligner import FaceAligner
from facelattice.inference.model_zoo import find_model
from facelattice.schemes import convert, get_scheme

ASTRONAUT = Path(__file__).parents[2] / "examples" / "astronaut.jpg"
MAIN = "from facelattice.cli import main; main()"


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run the command line in an empty folder, here and now; gives (exit status, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            app([str(argument) for argument in arguments])
        return end.value.code, *capsys.readouterr()

    return call


@pytest.fixture
def folder(tmp_path) -> Path:
    """Four images: a face, the same mirrored, no face, and one that is not an image."""
    photos = tmp_path / "photos"
    (photos / "more").mkdir(parents=True)
    image = cv2.imread(str(ASTRONAUT))
    cv2.imwrite(str(photos / "ann.jpg"), image)
    cv2.imwrite(str(photos / "more" / "ann.png"), image[:, ::-1])
    cv2.imwrite(str(photos / "wall.png"), np.full((200, 300), 90, np.uint8))
    (photos / "bad.jpg").write_bytes(b"no image at all")
    return photos


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_where_to_write_has_the_same_two_names_in_every_command():
    options = [p.opts for command in get_command(app).commands.values() for p in command.params]
    writing = [names for names in options if {"-o", "--out"} & set(names)]
    assert len(writing) > 5
    assert all(names == ["--out", "-o"] for names in writing)


@pytest.mark.parametrize(
    "arguments",
    [
        ("label", "photos"), ("export", "best.pt"), ("graph", "ibug68"), ("explain", "ibug68", "photo.jpg"),
        ("robustness", "ibug68", "--data", "faces"), ("schemes", "ibug68"),
    ],
)  # fmt: skip
def test_a_folder_in_the_place_of_a_file_is_named_before_the_work(run, tmp_path, arguments):
    (tmp_path / "folder").mkdir()
    status, _, err = run(*arguments, "-o", "folder")
    assert status == 2
    assert "'folder' is a directory" in " ".join(err.replace("│", " ").split())


@pytest.mark.parametrize("verb", ["train", "ablate"])
def test_a_file_in_the_place_of_a_folder_is_named_before_the_work(run, tmp_path, verb):
    (tmp_path / "file").touch()
    status, _, err = run(verb, "recipe.yaml", "-o", "file")
    assert status == 2
    assert "'file' is a file" in " ".join(err.replace("│", " ").split())


def test_one_photo_gives_a_table_and_a_drawing(run, tmp_path):
    status, out, err = run("align", ASTRONAUT)
    assert status == 0
    assert err == ""
    assert "1 face in 1 image" in out
    assert "written: astronaut_faces.jpg" in out
    assert files(tmp_path) == ["astronaut_faces.jpg"]
    drawn, photo = load_image("astronaut_faces.jpg"), load_image(ASTRONAUT)
    assert drawn.shape == photo.shape
    changed = np.abs(drawn.astype(int) - photo).max(2) > 60
    assert changed[85:180, 175:270].sum() > 200  # on the face
    assert changed[250:].sum() == 0


def test_json_on_stdout_and_nothing_else_anywhere(run, tmp_path):
    status, out, err = run("align", ASTRONAUT, "--json")
    (entry,) = json.loads(out)
    assert (status, err, files(tmp_path)) == (0, "", [])
    assert entry["image"] == str(ASTRONAUT)
    assert len(entry["faces"][0]["points"]) == 68
    assert run("align", ASTRONAUT, "--no-draw")[0] == 0
    assert files(tmp_path) == []


def test_a_folder_with_one_bad_file(run, folder, tmp_path):
    status, out, err = run("align", folder, "--out", "found")
    assert status == 1
    assert err.count("\n") == 1
    assert "bad.jpg: not an image" in err
    assert "2 faces in 4 images, 1 could not be read" in out
    assert "no face found" in out
    assert "wall.png" in out
    assert files(tmp_path / "found") == ["ann-2.json", "ann-2_faces.jpg", "ann.json", "ann_faces.jpg", "wall.json"]
    second = json.loads((tmp_path / "found" / "ann-2.json").read_text())
    assert (tmp_path / "found" / second["image"]).resolve() == folder / "more" / "ann.png"
    assert second["faces"][0]["points"][30][0] == pytest.approx(512 - 227, abs=5)

    status, out, _ = run("align", folder, "--json")
    report = {Path(entry["image"]).name: entry for entry in json.loads(out)}
    assert status == 1
    assert "not an image" in report["bad.jpg"]["error"]
    assert report["wall.png"]["faces"] == []


def test_the_formats(run, tmp_path):
    assert run("align", ASTRONAUT, "--out", "pts", "--format", "pts", "--no-draw")[0] == 0
    assert files(tmp_path / "pts") == ["astronaut_0.pts"]
    assert run("align", ASTRONAUT, "--out", "csv", "--format", "csv", "--no-draw")[0] == 0
    assert files(tmp_path / "csv") == ["landmarks.csv"]
    ((_, points, _),) = read_csv(tmp_path / "csv" / "landmarks.csv")
    assert np.abs(points - read_pts(tmp_path / "pts" / "astronaut_0.pts")).max() < 0.01
    assert np.abs(points[30] - [227, 130]).max() < 5


def test_drawings_of_an_earlier_run_are_not_taken_for_photos(run, folder):
    os.chdir(folder)
    (folder / "bad.jpg").unlink()
    first = run("align", ".", "--draw")
    again = run("align", ".", "--draw")
    assert (folder / "ann_faces.jpg").is_file()
    assert again[1].splitlines()[-2:] == first[1].splitlines()[-2:]
    assert "left out" in again[2]


def test_settings_reach_the_aligner(run):
    assert "no face found" in run("align", ASTRONAUT, "--min-score", "0.99")[1]
    status, out, _ = run("align", ASTRONAUT, "--model", find_model(), "--max-faces", "1", "--detector", "yunet")
    assert status == 0
    assert "1 face in" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["align"], "give images, folders or videos"),
        (["align", ASTRONAUT, "--model", "ibug86"], "no model is named 'ibug86'"),
        (["align", ASTRONAUT, "--model", "gone.onnx"], "gone.onnx: cannot read"),
        (["align", ASTRONAUT, "--detector", "eyes"], "unknown detector 'eyes'"),
        (["align", ASTRONAUT, "--format", "pts"], "--out"),
        (["align", ASTRONAUT, "--out", "out", "--format", "xls"], "unknown format 'xls'"),
        (["align", ASTRONAUT, "--max-faces", "0"], "max-faces"),
        (["align", "*.nothing"], "no images found there"),
        (["align", "https://example.org/a.jpg"], "addresses are not fetched"),
        (["align", ASTRONAUT, "--out", ASTRONAUT], "is a file"),
        (["align", ASTRONAUT, "--out", ASTRONAUT / "sub"], "Not a directory"),
        (["schemes", "ibug86"], "did you mean 'ibug68'"),
        (["models", "ibug86"], "bundled: ibug68"),
        (["dance"], "No such command"),
    ],
)
def test_wrong_use_is_status_2_with_a_reason_and_no_traceback(run, tmp_path, arguments, message):
    status, out, err = run(*arguments)
    assert status == 2
    assert message in err
    assert "Traceback" not in err + out
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_missing_image_is_status_1_and_the_others_are_done(run):
    status, out, err = run("align", "gone.jpg", ASTRONAUT)
    assert status == 1
    assert "gone.jpg: no such file" in err
    assert "1 face in 2 images" in out


def test_a_model_file_cut_short(run):
    data = find_model().read_bytes()
    Path("half.onnx").write_bytes(data[: len(data) // 2])
    status, _, err = run("align", ASTRONAUT, "--model", "half.onnx")
    assert status == 2
    assert "half.onnx: not an ONNX file, or one cut short" in err


def test_a_full_disk_is_a_clear_error_and_leaves_no_half_file(run, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device", "landmarks")

    monkeypatch.setattr(os, "replace", full)
    status, _, err = run("align", ASTRONAUT, "--out", "out")
    assert status == 2
    assert "No space left on device" in err
    assert files(tmp_path / "out") == []


def test_a_missing_extra_is_named(run, monkeypatch):
    for module in ("facelattice.training.trainer", "facelattice.training.onnx_export", "facelattice.evaluation.evaluate"):
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "facelattice.training.trainer")
    status, _, err = run("train", "recipe.yaml")
    assert status == 2
    assert 'pip install "facelattice[train]"' in err


def test_models_prints_data_and_terms(run):
    status, out, _ = run("models")
    assert status == 0
    for word in ("ibug68", "68, scheme ibug68", "license", "research use", "sha256"):
        assert word in out


def test_schemes_lists_and_draws(run):
    assert all(name in run("schemes")[1] for name in ("ibug68", "wflw98", "cofw29", "aflw19", "five"))
    assert run("schemes", "five", "-o", "five.png")[0] == 0
    assert load_image("five.png").shape == (900, 900, 3)


@pytest.mark.parametrize("name", ["five.xyz", "five.pgm"])  # OpenCV raises for the one, and says no to the other
def test_a_drawing_of_a_kind_that_cannot_be_written_is_one_line(run, name):
    status, _, err = run("schemes", "five", "-o", name)
    assert status == 2
    assert err.splitlines()[-1] == f"{name}: an image of 900 x 900 px cannot be written as {Path(name).suffix}"
    assert list(Path().iterdir()) == []


def test_version(run):
    assert run("--version") == (0, f"facelattice {facelattice.__version__}\n", "")


def test_align_needs_no_torch(tmp_path):
    script = (
        "import sys; from facelattice.cli import app\n"
        f"app(['align', {str(ASTRONAUT)!r}, '--out', 'out'], standalone_mode=False)\n"
        "heavy = {'torch', 'torchvision', 'timm', 'accelerate', 'omegaconf', 'onnx', 'PIL'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert files(tmp_path / "out") == ["astronaut.json", "astronaut_faces.jpg"]


def test_importing_the_package_loads_nothing(tmp_path):
    script = "import sys, facelattice; assert not {'numpy', 'cv2', 'onnxruntime'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)
    assert all(getattr(facelattice, name) is not None for name in facelattice.__all__)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send to one process")
def test_ctrl_c_stops_with_130_and_leaves_only_whole_files(tmp_path):
    for i in range(300):
        (tmp_path / f"{i:03}.jpg").write_bytes(ASTRONAUT.read_bytes())
    command = [sys.executable, "-c", MAIN, "align", ".", "--out", "out", "--no-draw"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        while process.poll() is None and not list(tmp_path.glob("out/*.json")):
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert "stopped" in err
    assert "Traceback" not in err + out
    written = list((tmp_path / "out").iterdir())
    assert 0 < len(written) < 300
    assert all(path.suffix == ".json" and json.loads(path.read_text())["faces"] for path in written)


def test_label_makes_a_table_to_train_on(run, folder, tmp_path):
    status, out, err = run("label", folder, "-o", tmp_path / "labels.csv")
    assert status == 1  # one image could not be read
    assert "bad.jpg" in err
    assert "2 faces in 4 images" in out
    rows = read_csv(tmp_path / "labels.csv")
    assert sorted(image for image, _, _ in rows) == ["photos/ann.jpg", "photos/more/ann.png"]
    (plain, mirrored) = (points for _, points, _ in sorted(rows, key=lambda row: len(row[0])))
    width, mirror = load_image(ASTRONAUT).shape[1], get_scheme("ibug68").mirror
    off = mirrored[mirror] * [-1, 1] + [width - 1, 0] - plain
    assert np.nanmean(np.hypot(*off.T)) < 2  # of a face of about 110 px
    assert len(read_samples(tmp_path / "labels.csv")) == 2


def test_label_makes_68_points_of_a_table_of_five(run, folder, tmp_path):
    (face,) = FaceAligner()(folder / "ann.jpg")
    five, _ = convert(face.points, np.ones(68, bool), get_scheme("ibug68"), get_scheme("five"))
    write_csv(tmp_path / "five.csv", [("photos/ann.jpg", five, np.ones(5, bool))])
    status, out, err = run("label", tmp_path / "five.csv", "-o", tmp_path / "labels.csv")
    assert (status, err) == (0, "")
    assert "1 face of 1 that are annotated" in out
    ((image, points, mask),) = read_csv(tmp_path / "labels.csv")
    assert image == "photos/ann.jpg"
    assert points.shape == (68, 2)
    assert np.linalg.norm(points - face.points, axis=1)[mask].max() < 10


def test_bench_times_every_part(run):
    status, out, err = run("bench", ASTRONAUT, "--model", "ibug68", "--json")
    assert (status, err) == (0, "")
    rows = json.loads(out)
    assert {row["part"] for row in rows} == {"ibug68", "detector"}
    value = {row["setting"]: row["value"] for row in rows}
    assert all(0 < v < 1e5 for v in value.values())
    assert 40 < value["peak memory of that process"] < 1000
    assert value["an image in memory, all faces"] > value["an image"]  # it holds the detector
    assert [row["setting"] for row in rows][:2] == ["1 thread, 1 at a time", "1 thread, 32 at a time"]


def test_serve_refuses_to_be_open_to_others_without_a_token(run, monkeypatch):
    monkeypatch.delenv("FACELATTICE_TOKEN", raising=False)
    for host in ("0.0.0.0", "::", "example.org"):
        status, _, err = run("serve", "--host", host)
        assert status == 2
        assert "give --token" in " ".join(err.replace("│", " ").split())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--seconds", "inf"), "less than or equal to"),
        (("--megabytes", "inf"), "less than or equal to"),
        (("--port", "PORT"), "give another --host, or --port, 0 for any that is free"),
    ],
)
def test_serve_says_what_to_do_where_it_cannot_start(run, arguments, words):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        arguments = [str(taken.getsockname()[1]) if one == "PORT" else one for one in arguments]
        status, _, err = run("serve", *arguments)
    assert status == 2
    assert words in " ".join(err.replace("│", " ").split())


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send to one process")
def test_serve_answers_and_ends_gracefully(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(Path(facelattice.__file__).parents[1])}
    command = [sys.executable, "-m", "facelattice", "serve", "--port", "0", "--workers", "1"]
    server = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
    address = server.stderr.readline().split("/    ")[0]
    for _ in range(200):  # it says where before its workers are up
        try:
            assert httpx.get(f"{address}/healthz").status_code == 200
            break
        except httpx.ConnectError:
            time.sleep(0.1)
    assert len(httpx.post(f"{address}/v1/align", content=ASTRONAUT.read_bytes()).json()["faces"]) == 1
    with ThreadPoolExecutor() as pool:
        asked = [pool.submit(httpx.post, f"{address}/v1/align", content=ASTRONAUT.read_bytes()) for _ in range(6)]
        while "facelattice_waiting 0.0" in httpx.get(f"{address}/metrics").text and not any(a.done() for a in asked):
            pass
        server.send_signal(signal.SIGINT)
        answers = [one.result() for one in asked if one.exception() is None]
    assert answers
    assert all(len(answer.json()["faces"]) == 1 for answer in answers)
    server.wait(20)
    assert "Traceback" not in server.stderr.read()
    assert list(tmp_path.iterdir()) == []  # nothing was written


def test_label_without_a_face_writes_nothing(run, tmp_path):
    cv2.imwrite(str(tmp_path / "wall.png"), np.full((200, 300), 90, np.uint8))
    status, _, err = run("label", "wall.png", "-o", "labels.csv")
    assert (status, files(tmp_path)) == (2, ["wall.png"])
    assert "no face was found in 1 image " in err
