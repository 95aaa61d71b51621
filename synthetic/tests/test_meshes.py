from __future__ import annotations

import numpy as np
from facelattice_synthetic.meshes import Faces, Proxy, read_obj, read_target, subdivide, vertex_normals

CUBE = np.array([[x, y, z] for x in (-1.0, 1) for y in (-1.0, 1) for z in (-1.0, 1)])
CUBE_FACES = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])


def test_catmull_clark_of_a_cube():
    matrix, faces = subdivide(Faces(CUBE_FACES, np.zeros((6, 4, 2), np.float32)), 8)
    vertices = matrix @ CUBE
    assert matrix.shape == (8 + 12 + 6, 8)
    assert len(faces.corners) == 24
    np.testing.assert_allclose(np.abs(vertices[:8]), 5 / 9)  # the known place of a cube's corners
    np.testing.assert_allclose(np.sort(np.abs(vertices[8:20]), 1), [[0, 0.75, 0.75]] * 12)
    np.testing.assert_allclose(np.sort(np.abs(vertices[20:]), 1), [[0, 0, 1]] * 6)


def test_edges_of_an_open_mesh_stay():
    matrix, _ = subdivide(Faces(np.array([[0, 1, 2, 3]]), np.zeros((1, 4, 2), np.float32)), 4)
    square = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    np.testing.assert_allclose((matrix @ square)[:4], square)


def test_normals_of_a_cube_point_outwards():
    triangles, _ = Faces(CUBE_FACES, np.zeros((6, 4, 2), np.float32)).triangles()
    normals = vertex_normals(CUBE, triangles)
    assert ((normals * CUBE).sum(1) > 0.9).all()


def test_files_of_makehuman(tmp_path):
    (tmp_path / "a.obj").write_text(
        "v 0 0 0\nv 1 0 0\nv 1 1 0\nvt 0 0\nvt 1 0\nvt 1 1\ng body\nf 1/1 2/2 3/3\n", "utf-8"
    )
    vertices, faces = read_obj(tmp_path / "a.obj", "body")
    assert vertices.shape == (3, 3)
    assert faces.corners.tolist() == [[0, 1, 2, 2]]
    assert faces.triangles()[0].tolist() == [[0, 1, 2]]
    assert faces.triangles()[1].tolist() == [[[0, 1], [1, 1], [1, 0]]]
    (tmp_path / "a.target").write_text("# comment\n2 0.5 0 -1\n", "utf-8")
    numbers, moves = read_target(tmp_path / "a.target")
    assert numbers.tolist() == [2]
    assert moves.tolist() == [[0.5, 0, -1]]
    (tmp_path / "a.mhclo").write_text("x_scale 0 1 0.5\nverts 0\ntag young\n2\n0 1 2 0.5 0.5 0 0.1 0 0\n", "utf-8")
    np.testing.assert_allclose(Proxy(tmp_path / "a.mhclo").fit(vertices), [[1, 1, 0], [0.7, 0, 0]])
