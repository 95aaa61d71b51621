from __future__ import annotations

import os
from pathlib import Path

import pytest
from facelattice_synthetic import AssetError, Assets, Config, FaceGenerator

SHARED = Path(__file__).parents[3] / "shared" / "free-assets"


@pytest.fixture(scope="session")
def assets() -> Assets:
    folder = Path(os.environ.get("FACELATTICE_FREE_ASSETS", SHARED))
    try:
        return Assets(folder)
    except AssetError as error:
        pytest.skip(f"needs the free parts: {error}")


@pytest.fixture(scope="session")
def generator(assets: Assets) -> FaceGenerator:
    return FaceGenerator(assets, Config(size=96, panorama=0), seed=3)
