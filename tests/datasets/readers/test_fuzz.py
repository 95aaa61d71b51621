"""Mutated files of all readers: every outcome is a dataset or a FacelatticeError, soon and in little memory."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import h5py
import numpy as np
import psutil
import pytest
import scipy.io
import yaml

from facelattice.datasets.convert import convert_dataset
from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.exceptions import FacelatticeError
from facelattice.face import Face
from facelattice.formats import read_json, read_pts, write_coco, write_csv, write_dlib_xml, write_json, write_pts
from facelattice.formats.coco_reader import read_coco_results
from facelattice.schemes import get_scheme, mean_shape

NUM_MUTANTS = 2000
NUM_MATLAB_MUTANTS = 40  # each is parsed in a process of its own, which takes a second
SECONDS, MEMORY = 10.0, 2**30
POINTS = mean_shape(get_scheme("five")) * 100 + 5

pytestmark = pytest.mark.slow

Read = Callable[[Path], object]


def make_face() -> Face:
    box = np.concatenate([POINTS.min(0), POINTS.max(0)])
    return Face(POINTS, np.ones(5, np.float32), 0.9, box, get_scheme("five"))


def write_seeds(folder: Path) -> dict[str, Read]:
    """Write a valid file for each reader; returns how each is read."""
    cv2.imwrite(str(folder / "a.png"), np.zeros((60, 80, 3), np.uint8))
    faces = [("a.png", [make_face(), make_face()])]
    write_csv(folder / "t.csv", [("a.png", POINTS, np.ones(5, bool))] * 3)
    names = ",".join(f"{name}_{axis}" for name in get_scheme("five").names for axis in "xy")
    cells = ",".join(f"{value:.2f}" for value in POINTS.ravel())
    (folder / "named.csv").write_text(f"image,{names},visibility\na.png,{cells},01200\n", encoding="utf-8")
    write_coco(folder / "c.json", faces)
    results = [{"image_id": 1, "category_id": 1, "keypoints": [*POINTS[0].tolist(), 0.5] * 5, "score": 0.9}]
    (folder / "r.json").write_text(json.dumps(results), encoding="utf-8")
    write_dlib_xml(folder / "x.xml", faces)
    write_json(folder / "j.json", "a.png", [make_face()])
    (folder / "pts").mkdir()
    write_pts(folder / "pts" / "a.pts", POINTS)
    cv2.imwrite(str(folder / "pts" / "a.png"), np.zeros((60, 80, 3), np.uint8))
    for format, name in (("cvat", "v.xml"), ("label-studio", "l.json"), ("labelme", "labelme"), ("yolo", "yolo")):
        convert_dataset(folder / "named.csv", folder / name, format=format)
    lists = folder / "wflw" / "WFLW_annotations" / "list_98pt_rect_attr_train_test"
    lists.mkdir(parents=True)
    (folder / "wflw" / "WFLW_images").mkdir()
    cv2.imwrite(str(folder / "wflw" / "WFLW_images" / "a.png"), np.zeros((60, 80, 3), np.uint8))
    values = " ".join(f"{value:.3f}" for value in mean_shape(get_scheme("wflw98")).ravel() * 50)
    (lists / "list_98pt_rect_attr_train.txt").write_text(f"{values} 0 0 50 50 0 1 0 0 0 1 a.png\n", encoding="utf-8")
    scheme = {
        "name": "dog",
        "points": ["left_eye", "right_eye", "nose"],
        "lines": [[0, 2]],
        "regions": {"eyes": [0, 1]},
    }
    (folder / "s.yaml").write_text(yaml.safe_dump(scheme), encoding="utf-8")
    return {
        "t.csv": read_samples,
        "named.csv": read_samples,
        "c.json": read_samples,
        "r.json": read_coco_results,
        "x.xml": read_samples,
        "v.xml": read_samples,
        "l.json": read_samples,
        "labelme/a.json": read_samples,
        "yolo/data.yaml": read_samples,
        "yolo/labels/a.txt": lambda path: read_samples(path.parents[1]),
        "j.json": read_json,
        "pts/a.pts": lambda path: (read_pts(path), read_samples(path.parent)),
        "wflw/WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_train.txt": lambda path: read_samples(
            path.parents[2], "train"
        ),
        "s.yaml": get_scheme,
    }


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Change some bytes, cut or repeat a part, or put in tokens that parsers may stumble over."""
    tokens = [
        b"NaN", b"null", b"-1", b"1e999", b"9" * 5000, b"[" * 3000, b'{"a":' * 500, b"\x00", b"\xff\xfe",
        b"\xed\xa0\x80",
        b"''", b'"', b"true", b"[[]]", b"{}", b"&a *a", b"- " * 500, b"<a>" * 500, b"&#x0;",
        b'<?xml encoding="utf-7"?>',
        b"500000000", b"\x1b[2J", b"../" * 100, b"\\", b"\r", b"1e308", b"0x10", b"1_0", b",", b":", b"\xef\xbb\xbf",
    ]  # fmt: skip
    mutant = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 8])):
        i, j = sorted(rng.randrange(len(mutant) + 1) for _ in range(2))
        kind = rng.randrange(10)
        if kind == 0 and i < len(mutant):
            mutant[i] = rng.randrange(256)
        elif kind == 1:
            mutant[i : i + rng.choice([0, 1, 3, 8])] = rng.choice(tokens)
        elif kind == 2:
            del mutant[i : min(j, i + rng.choice([1, 4, 64, 4096]))]
        elif kind == 3:
            mutant[i:i] = mutant[i : min(j, i + 200)] * rng.choice([1, 2, 20])
        elif kind == 4:
            del mutant[i:]
        elif values := list(re.finditer(rb'"[^"]*"|[^\s,:<>{}\[\]"]+', mutant)):  # a whole value, in its structure
            value = rng.choice(values)
            mutant[value.start() : value.end()] = rng.choice([*tokens, rng.choice(values)[0]])
    return bytes(mutant)


def find_problem(path: Path, read: Read) -> str | None:
    """Read a file; returns a problem, or None."""
    start = time.perf_counter()
    try:
        read(path)
    except Exception as error:
        if not isinstance(error, FacelatticeError) and not getattr(error, "filename", None):
            return f"{type(error).__name__}: {error}"
    seconds = time.perf_counter() - start
    return f"took {seconds:.1f} s" if seconds > SECONDS else None


@pytest.fixture
def limited_memory() -> Iterator[None]:
    """Let this process allocate 1 GB more than it has."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_AS)
    own = psutil.Process().memory_info().vms
    resource.setrlimit(resource.RLIMIT_AS, (own + MEMORY, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.usefixtures("limited_memory")
@pytest.mark.filterwarnings("error")
def test_mutants_of_text_files(tmp_path, caplog):
    reads = write_seeds(tmp_path)
    contents = {name: (tmp_path / name).read_bytes() for name in reads}
    problems = []
    for seed in range(NUM_MUTANTS):
        name = list(reads)[seed % len(reads)]
        (tmp_path / name).write_bytes(mutate(contents[name], random.Random(seed)))
        problem = find_problem(tmp_path / name, reads[name])
        if problem is not None:
            problems.append(f"{name}, seed {seed}: {problem}")
        (tmp_path / name).write_bytes(contents[name])
        caplog.clear()
    assert problems == []


@pytest.mark.usefixtures("limited_memory", "cache")
def test_mutants_of_matlab_files(tmp_path):
    cell = np.empty((1, 2), object)
    cell[0, :] = [np.zeros((8, 9, 3), np.uint8)] * 2
    content = {"IsT": cell, "phisT": np.random.default_rng(0).uniform(1, 9, (2, 87)), "bboxesT": np.ones((2, 4))}
    path = tmp_path / "COFW_test_color.mat"
    scipy.io.savemat(path, content)
    older = path.read_bytes()
    with h5py.File(path, "w") as file:
        photos = [file.create_dataset(f"#refs#/{i}", data=np.zeros((3, 9, 8), np.uint8)) for i in range(2)]
        file.create_dataset("IsT", (1, 2), dtype=h5py.ref_dtype)[0, :] = [photo.ref for photo in photos]
        file["phisT"], file["bboxesT"] = content["phisT"].T, content["bboxesT"].T
    contents = (older, path.read_bytes())
    problems = []
    for seed in range(NUM_MATLAB_MUTANTS):
        path.write_bytes(mutate(contents[seed % 2], random.Random(seed)))
        problem = find_problem(path, read_samples)
        if problem is not None:
            problems.append(f"seed {seed}: {problem}")
    assert problems == []
