"""`facelattice align` for images."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from facelattice.cli import align_images
from facelattice.formats import images_in_parquet, read_csv, read_dlib_xml, read_pts
from facelattice.image_io import load_image

PHOTO = Path(__file__).parents[2] / "examples" / "astronaut.jpg"
NAMES = ["face0", "face0-2", "face1", "face2", "wall"]  # stems of the readable images of `photos`


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    """Small images: four views of a face, two of them of one name, one without a face, and a damaged one."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "more").mkdir()
    image = cv2.imread(str(PHOTO))
    for i in range(3):
        cv2.imwrite(str(folder / f"face{i}.jpg"), image[40 : 240 + i, 120 + 4 * i : 320])
    cv2.imwrite(str(folder / "more" / "face0.jpg"), image[40:240, 130:320])
    cv2.imwrite(str(folder / "wall.png"), np.full((80, 80, 3), 99, np.uint8))
    (folder / "broken.jpg").write_bytes(b"no image")
    return folder


@pytest.fixture
def align(run) -> Callable[..., tuple[int, str, str]]:
    return lambda *arguments: run("align", "--model", "ibug68-fast", *arguments)


@pytest.fixture
def copy(photos, tmp_path) -> Callable[..., Path]:
    """Make a folder of files with the content of one of the photos."""

    def make(folder: str, *names: str, source: str = "face0.jpg") -> Path:
        (tmp_path / folder).mkdir(exist_ok=True)
        for name in names:
            (tmp_path / folder / name).write_bytes((photos / source).read_bytes())
        return tmp_path / folder

    return make


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def contents(folder: Path) -> dict[str, dict]:
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")}


def unwrapped(text: str) -> str:
    """The text of a message that may be broken into lines within a frame."""
    return " ".join(text.replace("│", " ").split())


def test_single_image_has_a_line_and_a_drawing(align, tmp_path):
    status, out, err = align(PHOTO)
    assert (status, err) == (0, "1 face in 1 image\nwritten: astronaut_faces.jpg\n")
    name, *numbers = out.removesuffix("\n").split("\t")
    assert name == str(PHOTO)
    assert (len(numbers), numbers[0]) == (7, "0")
    assert float(numbers[1]) > 0.7  # the score
    np.testing.assert_allclose([float(value) for value in numbers[2:6]], [180, 88, 272, 178], atol=5)
    assert 0.5 < float(numbers[6]) < 3
    assert names(tmp_path) == ["astronaut_faces.jpg"]
    drawing, photo = load_image("astronaut_faces.jpg"), load_image(PHOTO)
    changed = np.abs(drawing.astype(int) - photo).max(2) > 60
    assert changed[85:180, 175:270].sum() > 200  # on the face
    assert changed[250:].sum() == 0


@pytest.mark.parametrize("is_terminal", [False, True])
def test_control_characters_of_names_are_never_printed(align, copy, monkeypatch, caplog, is_terminal):
    folder = copy("a\x1b[2J\nb", "face\x1b[31m\n\tb.jpg", "other.\x9bm\n")
    copy(folder.name, "wall\x1b]0;title\x07\n.png", source="wall.png")
    (folder / "bad\r\nok.png").write_bytes(b"no image")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal)
    monkeypatch.setenv("TERM", "dumb")
    status, out, err = align(folder, "--no-draw")
    assert status == 1
    printed = out + err + "\n".join(caplog.messages)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", printed)
    for name in ("face\\x1b[31m\\n\\tb.jpg", "wall\\x1b]0;title\\x07\\n.png", "bad\\r\\nok.png", "other.\\x9bm\\n"):
        assert name in printed


def test_terminal_has_a_table_without_the_common_folder(align, photos, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    _, out, err = align(photos, "--no-draw")
    assert out.splitlines()[0] == f"in {photos}:"
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines() if line.startswith("│")]
    assert [row[0] for row in rows] == ["face0.jpg", "face1.jpg", "face2.jpg", "more/face0.jpg"]
    assert rows[0][3].endswith(" px")
    assert out.splitlines()[-2:] == [
        "no face of score 0.18 or more: wall.png",
        "4 faces in 6 images, 1 could not be read",
    ]
    assert str(photos) in err  # errors name the whole path


def test_names_with_tabs_stay_in_one_cell(align, copy):
    try:
        folder = copy("photos", "a\tb\n.jpg")
    except OSError:
        pytest.skip("this disk takes no such names")
    _, out, _ = align(folder, "--no-draw")
    assert out.count("\n") == 1
    assert out.split("\t")[0].endswith("a\\tb\\n.jpg")


@pytest.mark.parametrize(
    ("kind", "name"), [("jpg", "face0_faces.jpg"), ("overlay", "face0_faces.png"), ("svg", "face0_faces.svg")]
)
def test_kinds_of_drawings(align, photos, tmp_path, kind, name):
    assert align(photos / "face0.jpg", "--draw-as", kind, "--style", "mesh", "--color", "region")[0] == 0
    assert names(tmp_path) == [name]
    shape = load_image(photos / "face0.jpg").shape[:2]
    if kind == "svg":
        assert f'viewBox="0 0 {shape[1]} {shape[0]}"' in Path(name).read_text(encoding="utf-8")
    else:
        drawing = cv2.imread(name, cv2.IMREAD_UNCHANGED)
        assert drawing.shape == (*shape, 3 if kind == "jpg" else 4)


def test_json_on_stdout_writes_no_file(align, tmp_path):
    status, out, err = align(PHOTO, "--json")
    (entry,) = json.loads(out)
    assert (status, err, names(tmp_path)) == (0, "", [])
    assert entry["image"] == str(PHOTO)
    assert len(entry["faces"][0]["points"]) == 68


def test_folder_with_a_damaged_image(align, photos, tmp_path):
    status, out, err = align(photos, "--out", "out")
    assert status == 1
    error, *messages = err.splitlines()
    assert "broken.jpg: not an image" in error
    assert messages == [
        f"no face of score 0.18 or more: {photos / 'wall.png'}",
        "4 faces in 6 images, 1 could not be read",
        "written: 9 files in out",
    ]
    assert [line.split("\t")[0] for line in out.splitlines()] == [
        str(photos / name) for name in ("face0.jpg", "face1.jpg", "face2.jpg", "more/face0.jpg")
    ]
    assert names(tmp_path / "out") == sorted(
        [f"{name}.json" for name in NAMES] + [f"{name}_faces.jpg" for name in NAMES[:-1]]
    )
    content = contents(tmp_path / "out")
    assert [len(content[name]["faces"]) for name in NAMES] == [1, 1, 1, 1, 0]
    assert (tmp_path / "out" / content["face0-2"]["image"]).samefile(photos / "more" / "face0.jpg")


def test_json_list_contains_errors_and_images_without_faces(align, photos):
    status, out, _ = align(photos, "--json")
    entries = {Path(entry["image"]).relative_to(photos).as_posix(): entry for entry in json.loads(out)}
    assert status == 1
    assert len(entries) == 6
    assert "not an image" in entries["broken.jpg"]["error"]
    assert entries["wall.png"]["faces"] == []


def test_json_list_of_no_images_is_valid(align, photos):
    assert align(photos / "wall.png", "--out", "out")[0] == 0
    assert json.loads(align(photos / "wall.png", "--out", "out", "--resume", "--json")[1]) == []


@pytest.mark.parametrize("copies", [1, 9])  # 27 images are aligned in several processes
def test_only_errors_are_printed_about_odd_images(tmp_path, copies):
    """Pillow and libtiff would print warnings about each of these files."""
    image = Image.open(PHOTO).convert("RGB").resize((64, 64))
    image.save(tmp_path / "strip.tif", compression="tiff_adobe_deflate")
    image.save(tmp_path / "tag.tif")
    image.quantize(16).save(tmp_path / "transparent.png", transparency=bytes(16))
    strip, tag = (bytearray((tmp_path / name).read_bytes()) for name in ("strip.tif", "tag.tif"))
    strip[60:600] = bytes(540)
    number_of_values = int.from_bytes(tag[4:8], "little") + 6  # of the first tag
    tag[number_of_values : number_of_values + 4] = b"\xff\xff\xff\x0f"
    for i in range(copies):
        (tmp_path / f"strip{i}.tif").write_bytes(strip)
        (tmp_path / f"tag{i}.tif").write_bytes(tag)
        (tmp_path / f"transparent{i}.png").write_bytes((tmp_path / "transparent.png").read_bytes())
    command = [sys.executable, "-m", "facelattice", "align", "--model", "ibug68-fast", "--no-draw"]
    kinds = (("strip", ".tif"), ("tag", ".tif"), ("transparent", ".png"))
    images = [f"{name}{i}{suffix}" for name, suffix in kinds for i in range(copies)]
    done = subprocess.run([*command, *images], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    strips = [f"strip{i}.tif: the TIFF image is cut short or damaged (decoder error -2)\n" for i in range(copies)]
    tags = [f"tag{i}.tif: the image header cannot be read (Missing dimensions)\n" for i in range(copies)]
    *messages, counts = done.stderr.splitlines(keepends=True)
    assert [message for message in messages if not message.startswith("no face of")] == strips + tags
    assert counts.endswith(f"in {3 * copies} images, {2 * copies} could not be read\n")


def test_missing_image_is_reported_and_the_others_are_processed(align):
    status, _, err = align("gone.jpg", PHOTO)
    assert status == 1
    assert "gone.jpg: no such file" in err
    assert "1 face in 2 images" in err


def test_csv_and_pts(align, tmp_path):
    assert align(PHOTO, "--out", "pts", "--format", "pts", "--no-draw")[0] == 0
    assert names(tmp_path / "pts") == ["astronaut_0.pts"]
    assert align(PHOTO, "--out", "csv", "--format", "csv", "--no-draw")[0] == 0
    assert names(tmp_path / "csv") == ["landmarks.csv"]
    ((_, points, _),) = read_csv(tmp_path / "csv" / "landmarks.csv")
    assert np.abs(points - read_pts(tmp_path / "pts" / "astronaut_0.pts")).max() < 0.01
    assert np.abs(points[30] - [227, 130]).max() < 5  # the tip of the nose


def test_parquet_has_the_content_of_json(align, photos, tmp_path):
    assert align(photos, "--out", "parquet", "--format", "parquet")[0] == 1
    align(photos, "--out", "json", "--no-draw")
    assert names(tmp_path / "parquet") == ["landmarks-00000.parquet"]
    rows = pq.read_table(tmp_path / "parquet" / "landmarks-00000.parquet").to_pylist()
    expected = {content["image"]: content["faces"] for content in contents(tmp_path / "json").values()}
    assert {row["image"] for row in rows} == set(expected)
    for row in rows:
        faces = expected[row["image"]]
        if row["face"] is None:
            assert faces == []
            continue
        (face,) = faces
        np.testing.assert_allclose(np.reshape(row["points"], (-1, 2)), face["points"], atol=0.02)
        np.testing.assert_allclose(row["expected_errors"], face["expected_errors"], atol=0.02)
        assert (row["face"], row["scheme"], row["score"]) == (0, "ibug68", pytest.approx(face["score"], abs=1e-3))


def test_coco_states_the_size_of_images(align, photos, tmp_path):
    align(photos / "face1.jpg", "--out", "out", "--format", "coco", "--no-draw")
    (image,) = json.loads((tmp_path / "out" / "landmarks.json").read_text(encoding="utf-8"))["images"]
    assert (image["width"], image["height"]) == (196, 201)


# --- shards, and runs that continue earlier ones


def test_shards_have_the_results_of_the_whole(align, photos, tmp_path):
    align(photos, "--out", "whole", "--no-draw")
    for i in (2, 1):
        align(photos, "--out", "shards", "--no-draw", "--shard", f"{i}/2")
    whole, shards = contents(tmp_path / "whole"), contents(tmp_path / "shards")
    assert sorted(whole) == sorted(shards) == sorted(NAMES)
    for name in NAMES:
        assert whole[name]["image"] == shards[name]["image"]
        for a, b in zip(whole[name]["faces"], shards[name]["faces"], strict=True):
            np.testing.assert_allclose(a["points"], b["points"], atol=0.02)


@pytest.mark.parametrize(("format", "ending"), [("csv", ".csv"), ("parquet", "-00000.parquet")])
def test_shards_have_their_own_tables(align, photos, tmp_path, format, ending):
    for i in (1, 2):
        align(photos, "--out", "out", "--format", format, "--no-draw", "--shard", f"{i}/2")
    assert names(tmp_path / "out") == [f"landmarks-{i}of2{ending}" for i in (1, 2)]


def test_parquet_without_its_library_makes_no_folder(align, photos, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # not installed
    status, _, err = align(photos, "--out", "out", "--format", "parquet")
    assert (status, "pyarrow" in err, (tmp_path / "out").exists()) == (2, True, False)


@pytest.mark.parametrize("format", ["json", "parquet"])
def test_resume_skips_images_that_are_done(align, photos, tmp_path, format):
    arguments = (photos, "--out", "out", "--format", format, "--no-draw")
    align(*arguments, "--shard", "1/2")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    status, _, err = align(*arguments, "--resume")
    assert status == 1  # the damaged image is tried again
    assert "2 of 6 images done before, 4 to do" in err
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    if format == "json":
        assert sorted(contents(tmp_path / "out")) == sorted(NAMES)
    else:
        assert len(images_in_parquet(tmp_path / "out")) == 5
    assert "5 of 6 images done before, 1 to do" in align(*arguments, "--resume")[2]


@pytest.mark.parametrize("resume", [[], ["--resume"]])
def test_images_of_the_same_names_from_another_folder(align, copy, tmp_path, resume):
    for folder in ("first", "second"):
        align(copy(folder, "a.jpg", "b.jpg"), "--out", "out", *(resume if folder == "second" else []))
    content = contents(tmp_path / "out")
    images = {name: content[name]["image"] for name in sorted(content)}
    assert images == {
        "a": "../first/a.jpg", "a-2": "../second/a.jpg", "b": "../first/b.jpg", "b-2": "../second/b.jpg"
    }  # fmt: skip
    assert len(list((tmp_path / "out").glob("*_faces.jpg"))) == 4


def test_second_run_replaces_the_files_of_the_first(align, copy, tmp_path):
    folder = copy("photos", "a.jpg")
    align(folder, "--out", "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    copy("photos", "a.jpg", source="face2.jpg")
    align(folder, "--out", "out")
    after = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert sorted(after) == sorted(before) == ["a.json", "a_faces.jpg"]
    assert all(after[name] != before[name] for name in after)


def test_drawing_that_appears_during_the_run_is_kept(align, copy, tmp_path, monkeypatch):
    align_all = align_images.align_all

    def write_and_align(*arguments, **options):
        (tmp_path / "out" / "a_faces.jpg").write_bytes(b"of another process")
        return align_all(*arguments, **options)

    monkeypatch.setattr(align_images, "align_all", write_and_align)
    align(copy("photos", "a.jpg"), "--out", "out", "--format", "csv", "--draw")
    assert names(tmp_path / "out") == ["a-2_faces.jpg", "a_faces.jpg", "landmarks.csv"]
    assert (tmp_path / "out" / "a_faces.jpg").read_bytes() == b"of another process"


def test_parquet_tables_of_an_earlier_run_need_resume(align, photos):
    arguments = (photos / "wall.png", "--out", "out", "--format", "parquet")
    assert align(*arguments, "--shard", "1/2")[0] == 0
    for options in ([], ["--shard", "1/2"], ["--shard", "01/2"], ["--shard", "1/3"]):
        status, _, err = align(*arguments, *options)
        assert status == 2
        assert "add --resume, or use another folder" in unwrapped(err)
    assert align(*arguments, "--shard", "2/2")[0] == 0  # has no image in common with 1/2
    assert "1 of 1 image done before" in align(*arguments, "--resume")[2]


def test_missing_pyarrow_names_its_extra(align, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    status, _, err = align(PHOTO, "--out", "out", "--format", "parquet")
    assert status == 2
    assert 'pip install "facelattice[parquet]"' in err


# --- names of files


def test_drawings_of_an_earlier_run_are_left_out(align, copy, monkeypatch):
    monkeypatch.chdir(copy("photos", "ann.jpg", "bob.jpg"))
    first = align(".", "--draw")
    again = align(".", "--draw")
    assert names(Path()) == ["ann.jpg", "ann_faces.jpg", "bob.jpg", "bob_faces.jpg"]
    assert again[1] == first[1]
    assert "left out: 2 results of an earlier run, such as ann_faces.jpg" in again[2]


def test_only_drawings_of_other_images_are_left_out(align, copy, tmp_path):
    folder = copy("photos", "IMG-001.jpg", "IMG-001_faces.jpg", "me_faces.jpg")
    _, _, err = align(folder, "--out", "out", "--no-draw")
    assert "left out: 1 result of an earlier run" in err
    assert set(contents(tmp_path / "out")) == {"IMG-001", "me_faces"}
    other = copy("other", "IMG-001_faces.jpg") / "IMG-001_faces.jpg"  # not beside the image of that name
    align(folder, other, "--out", "both", "--no-draw")
    assert "IMG-001_faces" in contents(tmp_path / "both")


def test_long_names_are_cut(align, copy, tmp_path):
    folder = copy("photos", *("x" * 249 + ending for ending in ("a.jpg", "b.jpg")))
    assert align(folder, "--out", "out")[0] == 0
    stem = "x" * 200
    assert names(tmp_path / "out") == [f"{stem}{end}" for end in ("-2.json", "-2_faces.jpg", ".json", "_faces.jpg")]
    assert "2 of 2 images done before" in align(folder, "--out", "out", "--resume")[2]


def test_names_that_are_not_utf8_are_escaped_in_parquet(align, copy, tmp_path):
    try:
        folder = copy("photos", os.fsdecode(b"caf\xe9.jpg"))
    except OSError:
        pytest.skip("this disk takes UTF-8 names only")
    arguments = (folder, "--out", "out", "--format", "parquet")
    assert align(*arguments)[0] == 0
    assert images_in_parquet(tmp_path / "out") == {"../photos/caf\\xe9.jpg"}
    assert "1 of 1 image done before" in align(*arguments, "--resume")[2]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_image_whose_name_the_format_cannot_hold_is_reported(align, copy, tmp_path):
    status, _, err = align(copy("photos", "a\x01.jpg", "b.jpg"), "--out", "out", "--format", "dlib", "--no-draw")
    assert status == 1
    assert "XML cannot contain characters of this name; rename the image, or use JSON" in err
    assert "1 face in 2 images, 1 could not be read" in err
    assert [face.image for face in read_dlib_xml(tmp_path / "out" / "landmarks.xml")] == ["../photos/b.jpg"]


# --- interruptions


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send SIGTERM to one process")
def test_sigterm_keeps_the_rows_so_far(photos, tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    for i in range(400):
        (images / f"{i:03}.jpg").symlink_to(photos / "face0.jpg")
    command = [sys.executable, "-m", "facelattice", "align", "images", "--model", "ibug68-fast", "--out", "out"]
    process = subprocess.Popen(
        [*command, "--format", "csv", "--no-draw"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        # An image is counted after its row is written, so the first one is counted when there are three lines.
        while process.poll() is None and not any(
            path.read_bytes().count(b"\n") > 2 for path in tmp_path.glob("out/.*.part")
        ):
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 128 + signal.SIGTERM, err
    assert b"written: out/landmarks.csv" in err
    assert names(tmp_path / "out") == ["landmarks.csv"]
    read = [image for image, _, _ in read_csv(tmp_path / "out" / "landmarks.csv")]
    assert 0 < len(read) < 400
    assert read == [f"../images/{i:03}.jpg" for i in range(len(read))]


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_ctrl_c_keeps_the_images_so_far(align, copy, tmp_path, monkeypatch, format):
    align_all = align_images.align_all

    def interrupted(*arguments, **options):
        results = align_all(*arguments, **options)
        yield next(results)
        raise KeyboardInterrupt

    monkeypatch.setattr(align_images, "align_all", interrupted)
    folder = copy("photos", "a.jpg", "b.jpg")
    status, out, err = align(folder, "--out", "out", "--format", format, "--no-draw")
    assert status == 130
    assert "1 face in 1 image" in err
    assert f"written: out/landmarks{'.csv' if format == 'csv' else '-00000.parquet'}" in err
    assert "stopped" in err
    read = images_in_parquet if format == "parquet" else lambda out: {row[0] for row in read_csv(out / "landmarks.csv")}
    assert read(tmp_path / "out") == {"../photos/a.jpg"}
    status, out, _ = align(folder, "--json")
    assert status == 130
    assert [Path(entry["image"]).name for entry in json.loads(out)] == ["a.jpg"]


def test_parquet_of_a_killed_run_is_continued(photos, tmp_path, align):
    script = (
        "import os, signal, sys; from facelattice.cli import app; from facelattice.formats import sink\n"
        "sink.IMAGES_PER_PART = 2; link = os.link\n"
        "def kill_at_the_second_part(source, target):\n"
        "    if '00001' in str(target): os.kill(os.getpid(), signal.SIGKILL)\n"
        "    link(source, target)\n"
        "os.link = kill_at_the_second_part; app(sys.argv[1:])\n"
    )
    arguments = ["align", str(photos), "--model", "ibug68-fast", "--out", "out", "--format", "parquet"]
    assert subprocess.run([sys.executable, "-c", script, *arguments], cwd=tmp_path).returncode == -signal.SIGKILL
    assert len(images_in_parquet(tmp_path / "out")) == 2
    assert any(path.suffix == ".part" for path in (tmp_path / "out").iterdir())
    _, _, err = align(photos, "--out", "out", "--format", "parquet", "--resume")
    assert "2 of 6 images done before, 4 to do" in err
    assert names(tmp_path / "out") == ["landmarks-00000.parquet", "landmarks-00001.parquet"]  # no temporary file
    images = [row["image"] for p in (tmp_path / "out").iterdir() for row in pq.read_table(p).to_pylist()]
    assert len(images) == len(set(images)) == 5


def test_full_disk_is_one_line(align, tmp_path, monkeypatch):
    def fail(source, target):
        raise OSError(28, "No space left on device", str(source))

    monkeypatch.setattr(os, "link", fail)
    monkeypatch.setattr(os, "open", fail)
    status, out, err = align(PHOTO, "--out", "out", "--no-draw")
    assert (status, out) == (2, "")
    assert err == "out/astronaut.json: No space left on device\n"


def test_two_runs_with_one_output_folder_lose_no_face(photos, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        for i in range(6):
            (tmp_path / folder / f"{i}.jpg").symlink_to(photos / "face0.jpg")
    command = [sys.executable, "-m", "facelattice", "align", "--model", "ibug68-fast", "--out", "out", "--no-draw"]
    runs = [subprocess.Popen([*command, folder], cwd=tmp_path, stdout=subprocess.DEVNULL) for folder in ("a", "b")]
    assert [run.wait(120) for run in runs] == [0, 0]
    images = [content["image"] for content in contents(tmp_path / "out").values()]
    assert sorted(images) == [f"../{folder}/{i}.jpg" for folder in ("a", "b") for i in range(6)]


def test_crops_and_masks_of_each_face(align, photos, tmp_path):
    status, _, _ = align(
        photos / "face0.jpg", photos / "wall.png", "--out", "out", "--crops", "arcface", "--masks", "--no-draw"
    )
    assert status == 0
    assert names(tmp_path / "out") == ["face0.json", "face0_0_crop.png", "face0_0_mask.png", "wall.json"]
    assert cv2.imread(str(tmp_path / "out/face0_0_crop.png")).shape == (112, 112, 3)
    mask = cv2.imread(str(tmp_path / "out/face0_0_mask.png"), cv2.IMREAD_UNCHANGED)
    assert mask.shape == load_image(photos / "face0.jpg").shape[:2]
    (face,) = contents(tmp_path / "out")["face0"]["faces"]
    x, y = np.mean(face["points"], 0).astype(int)
    assert (mask[y, x], mask[0, 0]) == (255, 0)
    assert set(face) >= {"pose", "measures"}


def test_crops_and_masks_of_an_earlier_run_are_left_out(align, copy):
    folder = copy("in", "a.jpg")
    assert align(folder, "--out", folder, "--crops", "upright", "--masks", "--no-draw")[0] == 0
    assert names(folder) == ["a.jpg", "a.json", "a_0_crop.png", "a_0_mask.png"]
    status, _, stderr = align(folder, "--out", folder, "--crops", "upright", "--masks", "--no-draw")
    assert (status, "left out: 2 results of an earlier run" in stderr) == (0, True)
    assert names(folder) == ["a.jpg", "a.json", "a_0_crop.png", "a_0_mask.png"]


def test_csv_and_parquet_have_the_pose(align, photos, tmp_path):
    for format in ("csv", "parquet", "json"):
        assert align(photos / "face1.jpg", "--out", format, "--format", format, "--no-draw")[0] == 0
    with open(tmp_path / "csv/landmarks.csv", newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    (table,) = pq.read_table(tmp_path / "parquet/landmarks-00000.parquet").to_pylist()
    (face,) = contents(tmp_path / "json")["face1"]["faces"]
    for name, value in (face["pose"] | face["measures"]).items():
        assert float(row[name]) == value
        assert table[name] == pytest.approx(value)
    assert len(read_csv(tmp_path / "csv/landmarks.csv")) == 1
