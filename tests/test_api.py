from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import facelattice

ROOT = Path(__file__).parents[1]
HEAVY = ("numpy", "cv2", "onnxruntime", "torch", "rich", "typer")
PACKAGES = sorted(path.parent.name for path in (ROOT / "src" / "facelattice").glob("*/__init__.py"))


def test_importing_the_package_loads_no_other_package():
    script = f"import sys, facelattice; print(*set({HEAVY}) & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []


def test_every_public_name_of_the_package_exists():
    assert all(getattr(facelattice, name) is not None for name in facelattice.__all__)
    assert dir(facelattice) == sorted(set(facelattice.__all__) - {"__version__"})


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'facelattice' has no attribute 'align_faces'"):
        facelattice.align_faces  # noqa: B018


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_lists_its_public_names(package):
    pytest.importorskip("torch", reason="needs torch")
    pytest.importorskip("fastapi", reason="needs fastapi")
    pytest.importorskip("av", reason="needs av")
    module = importlib.import_module(f"facelattice.{package}")
    assert module.__all__
    assert len(set(module.__all__)) == len(module.__all__)
    assert all(hasattr(module, name) for name in module.__all__)
