from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from facelattice.inference import benchmark

PHOTO = Path(__file__).parents[2] / "examples" / "astronaut.jpg"


def test_every_part_is_timed(run, monkeypatch):
    monkeypatch.setattr(benchmark, "NUM_FILES", 4)
    monkeypatch.setattr(benchmark, "measure", partial(benchmark.measure, num_repeats=1))
    status, out, err = run("bench", PHOTO, "--model", "ibug68-fast", "--json")
    assert (status, err) == (0, "")
    result = json.loads(out)
    assert list(result) == ["date", "machine", "versions", "timings"]
    assert {"processor", "system", "load_average"} == set(result["machine"])
    assert {"python", "facelattice", "numpy", "onnxruntime"} <= set(result["versions"])
    rows = result["timings"]
    assert {row["part"] for row in rows} == {"ibug68-fast", "detector"}
    value = {row["setting"]: row["value"] for row in rows}
    assert all(0 < v < 1e5 for v in value.values())
    assert 40 < value["new process, peak memory"] < 1000
    assert [row["setting"] for row in rows][:2] == ["1 thread, batch size 1", "1 thread, batch size 32"]
