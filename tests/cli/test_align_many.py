"""`facelattice align` over many images: in parts, gone on with, and as Parquet."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import facelattice
from facelattice.cli import app
from facelattice.face import Face
from facelattice.formats import images_in_parquet, parquet, read_dlib_xml, write_parquet
from facelattice.inference.aligner import FaceAligner
from facelattice.schemes import get_scheme

PHOTO = Path(__file__).parents[2] / "examples" / "astronaut.jpg"


@pytest.fixture
def photos(tmp_path) -> Path:
    """Nine images: seven views of a face, two of them of one name, one without a face and one that is broken."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    image = cv2.imread(str(PHOTO))
    for i in range(6):
        cv2.imwrite(str(folder / f"face{i}.jpg"), image[40 : 240 + i, 100 + 4 * i : 340])
    cv2.imwrite(str(folder / "more" / "face0.jpg"), image[40:240, 110:340])
    cv2.imwrite(str(folder / "wall.png"), np.full((80, 80, 3), 99, np.uint8))
    (folder / "broken.jpg").write_bytes(b"no image")
    return folder


def align(*arguments: object):
    return CliRunner().invoke(app, ["align", *map(str, arguments)])


def faces_of(folder: Path) -> dict[str, list]:
    return {path.name: json.loads(path.read_text())["faces"] for path in folder.glob("*.json")}


def test_shards_are_exactly_the_whole(photos, tmp_path):
    assert align(photos, "--out", tmp_path / "whole", "--no-draw").exit_code == 1  # one is broken
    for i in (1, 2, 3):
        align(photos, "--out", tmp_path / "parts", "--no-draw", "--shard", f"{i}/3")
    whole, parts = faces_of(tmp_path / "whole"), faces_of(tmp_path / "parts")
    assert set(whole) == {*(f"face{i}.json" for i in range(6)), "face0-2.json", "wall.json"}
    assert parts.keys() == whole.keys()
    for name, faces in whole.items():
        assert len(parts[name]) == len(faces) == (name != "wall.json")
        for a, b in zip(faces, parts[name], strict=True):
            np.testing.assert_allclose(a["points"], b["points"], atol=0.02)


def test_going_on_passes_over_what_is_done_and_does_the_rest(photos, tmp_path):
    out = tmp_path / "out"
    align(photos, "--out", out, "--no-draw", "--shard", "1/2")
    before = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    assert 0 < len(before) < 8
    done = align(photos, "--out", out, "--no-draw", "--resume")
    assert f"{len(before)} of 9 images done before" in done.stderr
    assert done.exit_code == 1  # the broken one is tried again
    assert len(list(out.iterdir())) == 8
    assert all((out / name).stat().st_mtime_ns == time for name, time in before.items())
    assert "8 of 9 images done before, 1 to do" in align(photos, "--out", out, "--no-draw", "--resume").stderr


def test_going_on_with_other_images_of_the_same_names_does_them_too(photos, tmp_path):
    out, others = tmp_path / "out", tmp_path / "others"
    others.mkdir()
    for name in ("face0.jpg", "face1.jpg"):
        (others / name).write_bytes((photos / "face2.jpg").read_bytes())
    align(photos, "--out", out, "--no-draw")
    before = faces_of(out)
    assert "0 of 2 images done before" in align(others, "--out", out, "--no-draw", "--resume").stderr
    assert faces_of(out).keys() - before.keys() == {"face0-3.json", "face1-2.json"}  # the first folder has a face0-2
    assert {name: faces for name, faces in faces_of(out).items() if name in before} == before


def test_tables_of_several_machines_lie_side_by_side(photos, tmp_path):
    for i in (1, 2):
        align(photos, "--out", tmp_path / "out", "--format", "csv", "--no-draw", "--shard", f"{i}/2")
    tables = sorted((tmp_path / "out").iterdir())
    assert [path.name for path in tables] == ["landmarks-1of2.csv", "landmarks-2of2.csv"]
    assert sum(len(path.read_text().splitlines()) - 1 for path in tables) == 7


def test_drawings_of_images_with_numbers_in_their_names_are_left_out(photos, tmp_path):
    more = tmp_path / "more"
    more.mkdir()
    for name in ("IMG-001.jpg", "IMG-001_faces.jpg", "me_faces.jpg"):
        (more / name).write_bytes((photos / "face0.jpg").read_bytes())
    done = align(more, "--out", tmp_path / "out", "--no-draw")
    assert "left out: 1 result of an earlier run" in done.stderr
    assert set(faces_of(tmp_path / "out")) == {"IMG-001.json", "me_faces.json"}
    (photos / "IMG-001_faces.jpg").write_bytes((photos / "face0.jpg").read_bytes())  # nothing to do with the other
    align(more, photos / "IMG-001_faces.jpg", "--out", tmp_path / "both", "--no-draw")
    assert "IMG-001_faces.json" in faces_of(tmp_path / "both")


def test_tables_of_an_earlier_run_are_not_added_to_unasked(photos, tmp_path):
    arguments = (photos / "face0.jpg", "--out", tmp_path, "--format", "parquet")
    assert align(*arguments).exit_code == 0
    again = align(*arguments)
    assert again.exit_code == 2
    assert "add --resume" in " ".join(again.stderr.replace("│", " ").split())
    assert "1 of 1 image done before" in align(*arguments, "--resume").stderr


def test_tables_of_other_parts_are_added_to_only_where_no_image_can_come_twice(photos, tmp_path):
    arguments = (photos, "--out", tmp_path / "out", "--format", "parquet")
    assert align(*arguments, "--shard", "1/2").exit_code == 1  # one is broken
    for wrong in ([], ["--shard", "1/2"], ["--shard", "01/2"], ["--shard", "1/3"]):
        assert align(*arguments, *wrong).exit_code == 2
    assert align(*arguments, "--shard", "2/2").exit_code in (0, 1)
    assert len(images_in_parquet(tmp_path / "out")) == 8


@pytest.mark.parametrize("kind", ["no table", "other columns", "damaged"])
def test_a_table_of_another_program_or_a_damaged_one_is_named(photos, tmp_path, kind):
    out = tmp_path / "out"
    out.mkdir()
    table = out / "landmarks-of-maps.parquet"
    names = [f"{i:09}.jpg" for i in range(999)]
    pq.write_table(pa.table({"name" if kind == "other columns" else "image": names}), table, compression="zstd")
    if kind == "no table":
        table.write_bytes(b"no table")
    elif kind == "damaged":
        data = bytearray(table.read_bytes())
        data[60:200] = bytes(140)
        table.write_bytes(data)
    done = align(photos, "--out", out, "--format", "parquet", "--resume")
    assert done.exit_code == 2
    assert "landmarks-of-maps.parquet: not a table that `facelattice align` wrote" in done.stderr


def test_names_as_long_as_a_disk_takes_are_cut(photos, tmp_path):
    more = tmp_path / "more"
    more.mkdir()
    for ending in ("a.jpg", "b.jpg"):
        (more / ("x" * 249 + ending)).write_bytes((photos / "face0.jpg").read_bytes())
    assert align(more, "--out", tmp_path / "out").exit_code == 0
    stem = "x" * 200
    names = [f"{stem}{ending}" for ending in ("-2.json", "-2_faces.jpg", ".json", "_faces.jpg")]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    assert "2 of 2 images done before" in align(more, "--out", tmp_path / "out", "--resume").stderr


def test_images_are_found_from_a_folder_that_is_reached_by_a_link(photos, tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "deep" / "er")
    assert align(photos / "face0.jpg", "--out", tmp_path / "link", "--no-draw").exit_code == 0
    image = json.loads((tmp_path / "deep" / "er" / "face0.json").read_text())["image"]
    assert (tmp_path / "link" / image).samefile(photos / "face0.jpg")
    (tmp_path / "album").symlink_to(photos)  # images that a link leads to are called by it
    assert align(tmp_path / "album" / "face1.jpg", "--out", tmp_path / "out", "--no-draw").exit_code == 0
    assert json.loads((tmp_path / "out" / "face1.json").read_text())["image"] == "../album/face1.jpg"


def test_names_that_are_not_utf8_go_into_tables(photos, tmp_path):
    more = tmp_path / "more"
    more.mkdir()
    try:
        (more / os.fsdecode(b"caf\xe9.jpg")).write_bytes((photos / "face0.jpg").read_bytes())
    except OSError:
        pytest.skip("this disk takes UTF-8 names only")
    arguments = (more, "--out", tmp_path / "out", "--format", "parquet")
    assert align(*arguments).exit_code == 0
    assert images_in_parquet(tmp_path / "out") == {"../more/caf\\xe9.jpg"}
    assert "1 of 1 image done before" in align(*arguments, "--resume").stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_a_name_that_xml_cannot_hold_costs_the_others_nothing(photos, tmp_path):
    more = tmp_path / "more"
    more.mkdir()
    for name in ("a\x01.jpg", "b.jpg"):
        (more / name).write_bytes((photos / "face0.jpg").read_bytes())
    result = align(more, "--out", tmp_path / "out", "--format", "dlib", "--no-draw")
    assert result.exit_code == 1
    assert "a\\x01.jpg': the name has signs that XML cannot hold; rename the image, or use JSON" in result.stderr
    assert [image for image, *_ in read_dlib_xml(tmp_path / "out" / "landmarks.xml")] == ["../more/b.jpg"]


def test_parquet_has_all_that_json_has(photos, tmp_path):
    assert align(photos, "--out", tmp_path, "--format", "parquet").exit_code == 1
    rows = pq.read_table(tmp_path / "landmarks-00000.parquet").to_pylist()
    assert len(rows) == 8
    assert sorted(row["image"] for row in rows if row["face"] is None) == ["photos/wall.png"]
    row = next(row for row in rows if row["image"] == "photos/face3.jpg")
    (face,) = FaceAligner()(photos / "face3.jpg")
    np.testing.assert_allclose(np.reshape(row["points"], (-1, 2)), face.points, atol=0.02)
    np.testing.assert_allclose(row["expected_errors"], face.expected_errors, atol=0.02)
    assert (row["face"], row["scheme"], row["score"]) == (0, "ibug68", pytest.approx(face.score, abs=1e-3))
    assert not list(tmp_path.glob("*_faces.jpg"))


def test_killed_amid_the_work_nothing_is_lost_or_doubled(photos, tmp_path, monkeypatch):
    code = (
        "import os, signal, sys; from facelattice.formats import parquet; from facelattice.cli import app\n"
        "parquet.PART = 2; write = parquet._write; count = 0\n"
        "def killing(path, rows):\n"
        "    global count; count += 1\n"
        "    if count == 3: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return write(path, rows)\n"
        "parquet._write = killing; app(sys.argv[1:])\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(facelattice.__file__).parents[1])}
    arguments = ["align", str(photos), "--out", str(tmp_path / "out"), "--format", "parquet"]
    assert subprocess.run([sys.executable, "-c", code, *arguments], env=environment).returncode == -9
    assert len(images_in_parquet(tmp_path / "out")) == 4
    done = align(*arguments[1:], "--resume")
    assert "4 of 9 images done before, 5 to do" in done.stderr
    images = [row["image"] for p in (tmp_path / "out").glob("*.parquet") for row in pq.read_table(p).to_pylist()]
    assert len(images) == len(set(images)) == 8


def test_parts_of_several_machines_lie_side_by_side(photos, tmp_path):
    for i in (1, 2):
        align(photos, "--out", tmp_path / "out", "--format", "parquet", "--shard", f"{i}/2")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["landmarks-1of2-00000.parquet", "landmarks-2of2-00000.parquet"]
    assert len(images_in_parquet(tmp_path / "out")) == 8


def test_parts_are_written_one_by_one(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "PART", 3)
    points = np.random.default_rng(0).uniform(0, 99, (5, 2)).astype(np.float32)
    face = Face(points, np.ones(5, np.float32), 0.9, np.array([0, 0, 99, 99], np.float32), get_scheme("five"))
    given: list[int] = []

    def images():
        for i in range(7):
            given.append(i)
            yield f"{i}.jpg", [face]

    seen = [(path.name, len(given), pq.read_table(path).num_rows) for path in write_parquet(tmp_path, images())]
    assert seen == [
        ("landmarks-00000.parquet", 3, 3), ("landmarks-00001.parquet", 6, 3), ("landmarks-00002.parquet", 7, 1)
    ]  # fmt: skip


def test_what_is_done_when_the_work_is_stopped_is_written(tmp_path):
    def stopped():
        yield "done.jpg", []
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(write_parquet(tmp_path, stopped()))
    assert images_in_parquet(tmp_path) == {"done.jpg"}


def test_json_on_stdout_is_one_list(photos):
    entries = json.loads(align(photos, "--json").stdout)
    assert [("error" in entry, len(entry.get("faces", []))) for entry in entries].count((False, 1)) == 7
    assert sum("error" in entry for entry in entries) == 1
    assert json.loads(align(photos / "wall.png", "--json").stdout)[0]["faces"] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--shard", "0/3"], "--shard is I/N"),
        (["--shard", "4/3"], "--shard is I/N"),
        (["--shard", "half"], "--shard is I/N"),
        (["--resume"], "--resume looks into --out"),
        (["--resume", "--out", "out", "--format", "csv"], "--resume looks into --out"),
        (["--out", "out", "--format", "parquet", "--json"], "choose one of them"),
    ],
)
def test_wrong_use(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = align(PHOTO, *arguments)
    assert done.exit_code == 2
    assert message in " ".join(done.stderr.replace("│", " ").split())


def test_without_pyarrow_it_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    done = align(PHOTO, "--out", tmp_path, "--format", "parquet")
    assert done.exit_code == 2
    assert 'pip install "facelattice[parquet]"' in done.stderr
