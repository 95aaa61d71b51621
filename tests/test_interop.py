import sys

import numpy as np
import pytest

from facelattice import FaceAligner
from facelattice.exceptions import ArgumentError, MissingDependencyError
from facelattice.interop import to_dataframe, to_supervision


@pytest.fixture(scope="module")
def faces(photo):
    return [FaceAligner(model)(photo)[0] for model in ("ibug68-fast", "wflw98")]


def test_table_has_a_row_for_each_face_of_any_scheme(faces):
    pytest.importorskip("pandas", reason="needs pandas")
    table = to_dataframe(faces)
    assert table["scheme"].tolist() == ["ibug68", "wflw98"]
    assert table["nose_tip_x"].tolist() == [float(face["nose_tip"][0]) for face in faces]
    assert table["yaw"].tolist() == [round(face.pose.yaw, 1) for face in faces]
    assert table["left_pupil_x"].isna().tolist() == [True, False]
    assert table["nose_tip_visibility"].tolist() == [
        float(face.visibility[face.scheme.names.index("nose_tip")]) for face in faces
    ]
    assert len(to_dataframe([])) == 0


def test_key_points_of_supervision(faces):
    pytest.importorskip("supervision", reason="needs supervision")
    key_points = to_supervision(faces[:1])
    np.testing.assert_array_equal(key_points.xy[0], faces[0].points)
    assert key_points.data["scheme"].tolist() == ["ibug68"]
    np.testing.assert_array_equal(key_points.data["visibility"], [faces[0].visibility])
    assert len(to_supervision([])) == 0
    with pytest.raises(ArgumentError, match="faces of one scheme, not of ibug68, wflw98"):
        to_supervision(faces)


def test_one_face_is_a_table_of_one_row(faces):
    pytest.importorskip("pandas", reason="needs pandas")
    assert to_dataframe(faces[0]).equals(to_dataframe(faces[:1]))


def test_one_face_is_a_list_of_one_for_supervision(faces):
    pytest.importorskip("supervision", reason="needs supervision")
    np.testing.assert_array_equal(to_supervision(faces[0]).xy, to_supervision(faces[:1]).xy)


@pytest.mark.parametrize(("function", "package"), [(to_dataframe, "pandas"), (to_supervision, "supervision")])
def test_missing_package_is_named(function, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError, match=f"needs {package}; run: pip install {package}"):
        function([])
