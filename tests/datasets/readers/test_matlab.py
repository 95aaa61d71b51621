from __future__ import annotations

import pytest

from facelattice.datasets.readers import matlab
from facelattice.exceptions import DataError


@pytest.mark.parametrize("content", [b"", b"MATLAB 5.0" + bytes(500), b"\x89HDF\r\n\x1a\n" + bytes(100)])
def test_damaged_file_is_rejected(tmp_path, content):
    file = tmp_path / "a.mat"
    file.write_bytes(content)
    with pytest.raises(DataError, match="not a MATLAB file that can be read"):
        matlab.load(file, "x")
