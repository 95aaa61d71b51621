"""Mutated images, Parquet tables, models and checkpoints: every outcome is a result or a FacelatticeError."""

from __future__ import annotations

import io
import random
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facelattice.exceptions import FacelatticeError
from facelattice.formats import images_in_parquet, open_sink
from facelattice.image_formats import FORMATS
from facelattice.image_io import decode_image
from facelattice.inference.model_zoo import find_model
from facelattice.inference.onnx_model import Model

SECONDS = 10.0

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # Pillow warns of damaged tags


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Change, delete, repeat or cut bytes, half of them near the start or the end, where headers are."""
    mutant = bytearray(data)
    for _ in range(rng.choice([1, 2, 8, 64])):
        near = rng.choice([rng.randrange(200), -1 - rng.randrange(200)])
        i = (near if rng.random() < 0.5 else rng.randrange(len(data))) % max(1, len(mutant))
        kind = rng.randrange(12)
        if kind < 3:
            mutant[i : i + 1] = [rng.randrange(256)]
        elif kind < 6:
            mutant[i : i + 8] = rng.choice([b"\xff" * 8, b"\0" * 8, b"\x7f\xff\xff\xff", b"\x80" * 4])
        elif kind < 8:
            del mutant[i : i + rng.choice([1, 4, 64])]
        elif kind < 11:
            mutant[i:i] = mutant[i : i + rng.choice([1, 8, 64])]
        else:
            del mutant[i:]
    return bytes(mutant)


def find_problems(data: bytes, read: Callable[[bytes], object], count: int) -> list[str]:
    """Read mutants; returns those that raised another exception, or took long."""
    problems = []
    for seed in range(count):
        start = time.perf_counter()
        try:
            read(mutate(data, random.Random(seed)))
        except Exception as error:
            if not isinstance(error, FacelatticeError) and not getattr(error, "filename", None):
                problems.append(f"seed {seed}: {type(error).__name__}: {error}")
        if (seconds := time.perf_counter() - start) > SECONDS:
            problems.append(f"seed {seed}: took {seconds:.1f} s")
    return problems


@pytest.mark.parametrize("format", FORMATS)
def test_mutants_of_images(format):
    if format == "HEIF":
        pytest.importorskip("pillow_heif", reason="needs pillow_heif").register_heif_opener()
    frames = [Image.fromarray(np.random.default_rng(i).integers(0, 256, (40, 50, 3), np.uint8)) for i in range(2)]
    data = io.BytesIO()
    several = {"save_all": True, "append_images": frames[1:]} if format in ("PNG", "GIF", "WEBP", "TIFF") else {}
    frames[0].save(data, format, **several)
    read = lambda mutant: (decode_image(mutant, "mutant"), decode_image(mutant, "mutant", shrink=4))  # noqa: E731
    assert find_problems(data.getvalue(), read, 200) == []


def test_mutants_of_parquet_tables(tmp_path):
    pytest.importorskip("pyarrow", reason="needs pyarrow")
    with open_sink("parquet", tmp_path) as sink:
        for i in range(20):
            sink.write(f"{i}.png", [])
    (path,) = sink.paths

    def read(mutant: bytes) -> None:
        path.write_bytes(mutant)
        images_in_parquet(tmp_path)

    assert find_problems(path.read_bytes(), read, 400) == []


def test_mutants_of_models(tmp_path):
    path = tmp_path / "model.onnx"

    def read(mutant: bytes) -> None:
        path.write_bytes(mutant)
        Model(path)

    assert find_problems(Path(find_model("ibug68-fast")).read_bytes(), read, 60) == []


def test_mutants_of_checkpoints(tmp_path):
    """The contents are changed, since a changed byte is found by the check sums of the container."""
    torch = pytest.importorskip("torch", reason="needs torch")
    from facelattice.schemes import get_scheme
    from facelattice.training.checkpoint import Checkpoint

    contents = {
        "recipe": "name: tiny\nscheme: five\ndata: [{path: faces, name: faces}]\nnetwork: {k: 3}\n",
        "metadata": {
            "scheme": get_scheme("five").to_dict(), "graph": torch.eye(5, dtype=torch.bool), "graph_metadata": {},
            "detectors": {}, "data": [{"name": "faces", "terms": ""}], "license": "MIT", "faces": {"train": 1},
        },
        "ema_weights": {"a": torch.zeros(3)}, "epoch": 1, "val_nme": 0.1,
    }  # fmt: skip
    wrong = [None, -1, 10**30, float("nan"), "x", "[" * 500, "${oc.env:HOME}", [], {}, [1, 2], torch.zeros(3), b"x"]
    problems = []
    for key in [*contents, *(("metadata", key) for key in contents["metadata"])]:
        for value in wrong:
            changed = contents | {"metadata": dict(contents["metadata"])}
            holder, name = (changed["metadata"], key[1]) if isinstance(key, tuple) else (changed, key)
            holder[name] = value
            torch.save(changed, tmp_path / "last.pt")
            try:
                Checkpoint.load(tmp_path / "last.pt")
            except FacelatticeError:
                pass
            except Exception as error:
                problems.append(f"{key}, {value!r}: {type(error).__name__}: {error}")
    assert problems == []
