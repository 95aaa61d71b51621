from __future__ import annotations

import csv
import errno
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from facelattice.exceptions import ArgumentError, FormatError, MissingDependencyError
from facelattice.formats import (
    FORMATS,
    images_in_parquet,
    open_sink,
    read_coco,
    read_csv,
    read_dlib_xml,
    read_json,
    read_pts,
    sink,
)
from facelattice.formats.csv_reader import read_csv_file

TABLES = {"csv": "landmarks.csv", "coco": "landmarks.json", "dlib": "landmarks.xml"}


def images_in(folder: Path, format: str) -> list[str]:
    """The names of the images in the files of a folder, once for each face. A .pts file does not state its image."""
    read = {
        "json": lambda path: [face.image for face in read_json(path)],
        "pts": lambda path: [str(read_pts(path).round(2).tolist())],
        "csv": lambda path: [image for image, _, _ in read_csv(path)],
        "coco": lambda path: [face.image for face in read_coco(path)],
        "dlib": lambda path: [face.image for face in read_dlib_xml(path)],
        "parquet": lambda path: pq.read_table(path)["image"].to_pylist(),
    }[format]
    return [image for path in sorted(folder.iterdir()) for image in read(path)]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_json(make_face, tmp_path):
    with open_sink("json", tmp_path / "out") as out:
        assert out.write(tmp_path / "in/a.jpg", [make_face()]) == "a"
        assert out.paths == [tmp_path / "out/a.json"]  # written at once
        out.write(tmp_path / "in/b.jpg", [])
    first, second = (json.loads(path.read_text(encoding="utf-8")) for path in out.paths)
    assert first == {"image": "../in/a.jpg", "faces": [make_face().to_dict()]}
    assert second == {"image": "../in/b.jpg", "faces": []}


def test_pts(make_face, tmp_path):
    with open_sink("pts", tmp_path) as out:
        out.write("a.jpg", [make_face("ibug68"), make_face("ibug68", 50)])
        out.write("b.jpg", [])
    assert out.paths == [tmp_path / "a_0.pts", tmp_path / "a_1.pts"]
    np.testing.assert_allclose(read_pts(out.paths[1]), make_face("ibug68", 50).points, atol=1e-4)


def test_csv(make_face, tmp_path):
    with open_sink("csv", tmp_path / "out") as out:
        out.write(tmp_path / "in/a.jpg", [make_face(), make_face(scale=50, score=0.25)])
        out.write(tmp_path / "b.jpg", [])
        assert out.paths == []
    assert out.paths == [tmp_path / "out/landmarks.csv"]
    table = list(csv.DictReader(out.paths[0].read_text(encoding="utf-8").splitlines()))
    rows = [(row["image"], row["face"], row["score"]) for row in table]
    assert rows == [("../in/a.jpg", "0", "0.9000"), ("../in/a.jpg", "1", "0.2500")]
    (_, points, mask), (_, other, _) = read_csv(out.paths[0])
    assert mask.all()
    np.testing.assert_allclose(points, make_face().points, atol=6e-4)
    np.testing.assert_allclose(other, make_face(scale=50).points, atol=6e-4)


def test_csv_without_faces_has_a_header(tmp_path):
    with open_sink("csv", tmp_path) as out:
        out.write("a.jpg", [])
    assert out.paths[0].read_text(encoding="utf-8") == "image,face,score\n"


def test_coco_and_dlib(make_face, tmp_path):
    for format, read in (("coco", read_coco), ("dlib", read_dlib_xml)):
        with open_sink(format, tmp_path / "out") as out:
            out.write(tmp_path / "in/a.jpg", [make_face(missing=1), make_face()])
            out.write(tmp_path / "in/b.jpg", [])
        first, second = read(out.paths[0])
        assert first.image == "../in/a.jpg"
        assert (first.mask.tolist(), second.mask.all()) == ([False] + [True] * 4, True)
    assert names(tmp_path / "out") == ["landmarks.json", "landmarks.xml"]


def test_parquet_parts_appear_one_by_one(make_face, tmp_path, monkeypatch):
    monkeypatch.setattr(sink, "IMAGES_PER_PART", 3)
    counts = []
    with open_sink("parquet", tmp_path) as out:
        for i in range(7):
            out.write(f"{i}.jpg", [make_face()] * (i != 1))
            counts.append(len(out.paths))
    assert counts == [0, 0, 1, 1, 1, 2, 2]
    assert [path.name for path in out.paths] == [f"landmarks-{i:05}.parquet" for i in range(3)]
    rows = [row for path in out.paths for row in pq.read_table(path).to_pylist()]
    assert [(Path(row["image"]).name, row["face"]) for row in rows] == [
        (f"{i}.jpg", None if i == 1 else 0) for i in range(7)
    ]
    np.testing.assert_allclose(np.reshape(rows[0]["points"], (-1, 2)), make_face().points)
    np.testing.assert_allclose(rows[0]["box"], make_face().box, rtol=1e-6)
    assert rows[0]["expected_errors"] == [1.5] * 5
    assert (rows[0]["scheme"], rows[0]["score"]) == ("five", pytest.approx(0.9))


def test_visibility_in_every_format_that_can_state_it(make_face, tmp_path):
    face = replace(make_face(), visibility=np.array([0.9, 0.1, 0.6, 0.5, 0.4], np.float32))
    hidden = [False, True, False, False, True]
    for format in ("json", "csv", "coco", "parquet"):
        with open_sink(format, tmp_path / format) as out:
            out.write("a.jpg", [face, make_face()])
    (path,) = (tmp_path / "json").iterdir()
    first, second = json.loads(path.read_text(encoding="utf-8"))["faces"]
    assert first["visibility"] == [0.9, 0.1, 0.6, 0.5, 0.4]
    assert "visibility" not in second
    assert [row.hidden.tolist() for row in read_coco(tmp_path / "coco" / "landmarks.json")] == [hidden, [False] * 5]
    first, second = read_csv_file(tmp_path / "csv" / "landmarks.csv").faces
    assert (first.hidden.tolist(), first.visible.tolist()) == (hidden, [not h for h in hidden])
    assert not (second.hidden | second.visible).any()
    first, second = pq.read_table(tmp_path / "parquet" / "landmarks-00000.parquet")["visibility"].to_pylist()
    assert first == pytest.approx([0.9, 0.1, 0.6, 0.5, 0.4])
    assert second is None


def test_unknown_format(tmp_path):
    with pytest.raises(
        ArgumentError, match="unknown format 'xml'; expected one of json, pts, csv, coco, dlib, parquet"
    ):
        open_sink("xml", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_missing_pyarrow_is_reported_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingDependencyError, match=r"facelattice\[parquet\]"):
        open_sink("parquet", tmp_path)


@pytest.mark.parametrize("name", TABLES.values())
def test_folder_with_the_name_of_the_table_is_rejected(tmp_path, name):
    (tmp_path / name).mkdir()
    format = next(format for format, table in TABLES.items() if table == name)
    with pytest.raises(IsADirectoryError, match="is a folder"):
        open_sink(format, tmp_path)


def test_labels_and_stems(make_face, tmp_path):
    for format in FORMATS:
        with open_sink(format, tmp_path, {"x/a.jpg": "a-7"}, "1of2") as out:
            assert out.write("x/a.jpg", [make_face()]) == "a-7"
    tables = [f"landmarks-1of2{ending}" for ending in ("-00000.parquet", ".csv", ".json", ".xml")]
    assert names(tmp_path) == ["a-7.json", "a-7_0.pts", *tables]


# --- names that are in use


def test_images_of_one_name_have_their_own_files(make_face, tmp_path):
    images = ["x/a.jpg", "y/a.jpg", "y/A.png", "a-2.jpg"]
    with open_sink("json", tmp_path / "json") as json_sink, open_sink("pts", tmp_path / "pts") as pts_sink:
        for i, image in enumerate(images):
            json_sink.write(image, [])
            pts_sink.write(image, [make_face(scale=100 + i)])
    assert [path.name for path in json_sink.paths] == ["a.json", "a-2.json", "A-3.json", "a-2-2.json"]
    assert [path.name for path in pts_sink.paths] == ["a_0.pts", "a-2_0.pts", "A-3_0.pts", "a-2-2_0.pts"]


def test_json_of_another_image_is_kept(make_face, tmp_path):
    (tmp_path / "a.json").write_text("{}", encoding="utf-8")  # of another program
    for score in (0.5, 0.75):  # the second run replaces the files of the first
        for image in ("x/a.jpg", "y/a.jpg"):
            with open_sink("json", tmp_path) as out:
                out.write(image, [make_face(score=score)])
    assert names(tmp_path) == ["a-2.json", "a-3.json", "a.json"]
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == "{}"
    assert [read_json(tmp_path / f"a-{k}.json")[0].image[-7:] for k in (2, 3)] == ["x/a.jpg", "y/a.jpg"]
    assert all('"score": 0.75' in (tmp_path / f"a-{k}.json").read_text(encoding="utf-8") for k in (2, 3))


def test_pts_with_other_points_is_kept(make_face, tmp_path):
    faces = [make_face(scale=scale) for scale in (100, 50)]
    for image, some in (("x/a.jpg", faces), ("y/a.jpg", faces[::-1]), ("x/a.jpg", faces)):
        with open_sink("pts", tmp_path) as out:
            out.write(image, some)
    assert names(tmp_path) == ["a-2_0.pts", "a-2_1.pts", "a_0.pts", "a_1.pts"]
    assert [path.name for path in out.paths] == ["a_0.pts", "a_1.pts"]


def test_name_of_a_folder_is_skipped(make_face, tmp_path):
    for name in ("a.json", "a_1.pts"):
        (tmp_path / name).mkdir()
    for format in ("json", "pts"):
        with open_sink(format, tmp_path) as out:
            assert out.write("a.jpg", [make_face(), make_face()]) == "a-2"
    assert names(tmp_path) == ["a-2.json", "a-2_0.pts", "a-2_1.pts", "a.json", "a_1.pts"]


@pytest.mark.parametrize(("format", "name"), TABLES.items())
def test_table_of_an_earlier_run_is_replaced(make_face, tmp_path, format, name):
    for image in ("a.jpg", "b.jpg"):
        with open_sink(format, tmp_path) as out:
            out.write(tmp_path / image, [make_face()])
    assert names(tmp_path) == [name]
    assert images_in(tmp_path, format) == ["b.jpg"]


def test_link_to_a_table_stays_a_link(make_face, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "disk").mkdir()
    (tmp_path / "out/landmarks.csv").symlink_to(tmp_path / "disk/table.csv")
    with open_sink("csv", tmp_path / "out") as out:
        out.write(tmp_path / "out/a.jpg", [make_face()])
    assert (tmp_path / "out/landmarks.csv").is_symlink()
    assert images_in(tmp_path / "disk", "csv") == ["a.jpg"]


def test_device_is_rejected(tmp_path):
    (tmp_path / "landmarks.csv").symlink_to(os.devnull)
    with pytest.raises(OSError, match="is not a regular file"):
        open_sink("csv", tmp_path)


# --- interruptions


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_images_before_an_exception_are_kept(make_face, tmp_path, format, error):
    def run() -> None:
        with open_sink(format, tmp_path) as out:
            for image in ("a.jpg", "b.jpg"):
                out.write(tmp_path / image, [make_face(scale=ord(image[0]))])
            raise error

    with pytest.raises(error):
        run()
    assert len(set(images_in(tmp_path, format))) == 2
    assert not [name for name in names(tmp_path) if name.startswith(".")]


@pytest.mark.parametrize("format", FORMATS)
def test_nothing_is_written_without_an_image(tmp_path, format):
    with pytest.raises(KeyboardInterrupt), open_sink(format, tmp_path):
        raise KeyboardInterrupt
    assert names(tmp_path) == []


@pytest.mark.parametrize(("format", "name"), TABLES.items())
def test_interrupted_table_does_not_replace_an_earlier_one(make_face, tmp_path, format, name):
    with open_sink(format, tmp_path) as out:
        for image in ("a.jpg", "b.jpg"):
            out.write(tmp_path / image, [make_face()])

    def interrupt() -> None:
        with out:
            out.write(tmp_path / "a.jpg", [make_face(scale=50)])
            raise KeyboardInterrupt

    out = open_sink(format, tmp_path)
    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert names(tmp_path) == sorted([name, name.replace(".", "-2.")])
    assert [path.name for path in out.paths] == [name.replace(".", "-2.")]
    assert images_in(tmp_path, format) == ["a.jpg", "a.jpg", "b.jpg"]  # landmarks-2 is sorted first


@pytest.mark.parametrize(
    ("format", "image", "options"),
    [
        ("dlib", "a\x01.jpg", {}),
        ("json", "a.jpg", {"missing": 1}),
        ("pts", "a.jpg", {"missing": 1}),
        ("csv", "a.jpg", {"name": "ibug68"}),
        ("coco", "a.jpg", {"name": "ibug68"}),
    ],
)
def test_image_that_the_format_cannot_hold_is_left_out(make_face, tmp_path, format, image, options):
    with open_sink(format, tmp_path) as out:
        out.write(tmp_path / "b.jpg", [make_face()])
        with pytest.raises(FormatError):
            out.write(tmp_path / image, [make_face(), make_face(**options)])
        out.write(tmp_path / "c.jpg", [make_face(scale=50)])
    assert len(images_in(tmp_path, format)) == 2
    assert not any("a.jpg" in str(name) for name in images_in(tmp_path, format))


FULL_DISK = """
import resource, sys
from facelattice.formats import open_sink, read_csv
(_, points, _), = read_csv(sys.argv[1])
from facelattice.face import Face
from facelattice.schemes import get_scheme
import numpy as np
face = Face(points, np.ones(5, np.float32), 0.5, np.array([0, 0, 9, 9], np.float32), get_scheme("five"))
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    with open_sink(sys.argv[2], sys.argv[3]) as out:
        for i in range(100):
            out.write(f"{sys.argv[3]}/{i}.jpg", [face])
except OSError as error:
    print(error.errno, error.filename)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit for the size of files")
def test_full_disk_names_the_table_and_keeps_complete_rows(make_face, tmp_path):
    with open_sink("csv", tmp_path / "one") as out:
        out.write("a.jpg", [make_face()])
    command = [sys.executable, "-c", FULL_DISK, str(out.paths[0])]
    for format, folder in (("csv", tmp_path / "csv"), ("coco", tmp_path / "coco")):
        done = subprocess.run([*command, format, str(folder)], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == f"{errno.EFBIG} {folder / TABLES[format]}", done.stderr
    read = images_in(tmp_path / "csv", "csv")
    assert 5 < len(read) < 15
    assert read == [f"{i}.jpg" for i in range(len(read))]
    assert names(tmp_path / "coco") == []


READ_ONLY = """
import sys
import numpy as np
from facelattice.face import Face
from facelattice.formats import FORMATS, open_sink
from facelattice.schemes import get_scheme
points = np.arange(10, dtype=np.float32).reshape(5, 2)
face = Face(points, np.ones(5, np.float32), 0.5, np.array([0, 0, 9, 9], np.float32), get_scheme("five"))
for format in FORMATS:
    try:
        with open_sink(format, "out") as out:
            out.write("a.jpg", [face])
    except OSError as error:
        print(error.errno, error.filename)
"""
MOUNT = 'mount -t tmpfs none out && mount -o remount,ro out && exec "$@"'


def test_read_only_file_system_names_the_file(tmp_path):
    (tmp_path / "out").mkdir()
    command = ["unshare", "--mount", "--map-root-user", "sh", "-c", MOUNT, "sh"]  # no other process sees the mount
    if (
        shutil.which("unshare") is None
        or subprocess.run([*command, "true"], cwd=tmp_path, capture_output=True).returncode
    ):
        pytest.skip("cannot mount a read-only file system here")
    done = subprocess.run(
        [*command, sys.executable, "-c", READ_ONLY], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    names = ("a.json", "a_0.pts", "landmarks.csv", "landmarks.json", "landmarks.xml", "landmarks-00000.parquet")
    assert done.stdout.splitlines() == [f"{errno.EROFS} out/{name}" for name in names]


# --- several processes

WRITER = """
import sys, time
from dataclasses import replace
from pathlib import Path
import numpy as np
from facelattice.face import Face
from facelattice.formats import FORMATS, open_sink, sink
from facelattice.schemes import get_scheme

who, folder = int(sys.argv[1]), Path(sys.argv[2])
sink.IMAGES_PER_PART = 1

def wait_for_the_other(name):
    (folder / f"{name}-{who}").touch()
    while not (folder / f"{name}-{1 - who}").exists():
        time.sleep(0.001)

for format in FORMATS:
    with open_sink(format, folder / format) as out:
        wait_for_the_other(format)
        for i in range(10):
            points = np.full((5, 2), 10 * who + i, np.float32)
            box = np.array([0, 0, 9, 9], np.float32)
            face = Face(points, np.ones(5, np.float32), 0.5, box, get_scheme("five"))
            out.write(folder / str(who) / f"{i}.jpg", [face])
"""


def test_two_processes_lose_no_face(make_face, tmp_path):
    for format in TABLES:  # tables of an earlier run, which one of the processes replaces
        with open_sink(format, tmp_path / format) as out:
            out.write("earlier.jpg", [make_face()])
    command = [sys.executable, "-c", WRITER]
    writers = [subprocess.Popen([*command, str(who), str(tmp_path)]) for who in (0, 1)]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    expected = {f"../{who}/{i}.jpg" for who in (0, 1) for i in range(10)}
    for format in FORMATS:
        images = images_in(tmp_path / format, format)
        assert len(images) == 20, format
        if format == "pts":
            assert set(images) == {str([[float(value)] * 2] * 5) for value in range(20)}
        else:
            assert set(images) == expected, format
    assert images_in_parquet(tmp_path / "parquet") == expected
    for format, name in TABLES.items():
        assert names(tmp_path / format) == sorted([name, name.replace(".", "-2.")])
