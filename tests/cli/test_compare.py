from __future__ import annotations

import json
import re

from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.formats import write_csv


def test_table_shows_interval_and_verdict(run, faces, tmp_path):
    write_csv(tmp_path / "exact.csv", [(str(s.path), s.points, s.mask) for s in read_samples(faces)])
    status, out, err = run("compare", "ibug68-fast", "exact.csv", faces)
    assert (status, err) == (0, "")
    assert "A is ibug68-fast, B is exact.csv" in out
    assert re.search(r"all +12 +\d\.\d\d % +0\.00 % +\+\d\.\d\d \(\+\d\.\d\d to \+\d\.\d\d\) +loss", out)
    assert "FR@10: fraction of the faces" in out


def test_model_ties_with_itself(run, faces):
    _, out, _ = run("compare", "ibug68-fast", "ibug68-fast", faces, "--json")
    metrics = json.loads(out)["subsets"]["all"]
    assert (metrics["nme"]["difference"], metrics["nme"]["verdict"]) == (0, "tie")
