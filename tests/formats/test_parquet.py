from __future__ import annotations

import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from facelattice.exceptions import FormatError, MissingDependencyError
from facelattice.formats import images_in_parquet
from facelattice.formats.parquet import labels_in_parquet, part_path


def test_labels_of_parts(tmp_path):
    for label in ("", "1of2", "a-b"):
        part_path(tmp_path, label, 3).touch()
    (tmp_path / "landmarks-maps.parquet").touch()
    assert labels_in_parquet(tmp_path) == {"", "1of2", "a-b"}


@pytest.mark.parametrize("kind", ["no table", "other columns", "damaged", "not UTF-8", "lists"])
def test_damaged_and_foreign_tables_are_named(tmp_path, kind):
    table = tmp_path / "landmarks-of-maps.parquet"
    names = [f"{i:09}.jpg" for i in range(999)]
    pq.write_table(pa.table({"name" if kind == "other columns" else "image": names}), table, compression="zstd")
    if kind == "no table":
        table.write_bytes(b"no table")
    elif kind == "not UTF-8":
        column = pa.StringArray.from_buffers(1, pa.array([0, 1], pa.int32()).buffers()[1], pa.py_buffer(b"\xff"))
        pq.write_table(pa.table({"image": column}), table)
    elif kind == "lists":
        pq.write_table(pa.table({"image": [[name] for name in names]}), table)
    elif kind == "damaged":
        data = bytearray(table.read_bytes())
        data[60:200] = bytes(140)
        table.write_bytes(data)
    with pytest.raises(FormatError, match=r"landmarks-of-maps\.parquet: damaged, or not a table that `facelattice"):
        images_in_parquet(tmp_path)


def test_missing_pyarrow_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingDependencyError, match=r"facelattice\[parquet\]"):
        images_in_parquet(tmp_path)
