from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("yaml", reason="needs yaml")

ROWS: dict[str, list[str]] = {"the method": [], "head: fully connected": ["network.head=linear"]}


@pytest.fixture(scope="session")
def write_plan(faces, tmp_path_factory) -> Callable[..., Path]:
    """Write an ablation of a recipe that trains in a second; keyword arguments change it."""

    def write(**changes: Any) -> Path:
        folder = tmp_path_factory.mktemp("plan")
        # The faces have 68 points, but .pts files do not name their scheme.
        (folder / "mine.yaml").write_text("name: mine\npoints: 68\n", encoding="utf-8")
        recipe = {
            "name": "tiny", "scheme": str(folder / "mine.yaml"), "data": [{"path": str(faces), "name": "tiny faces"}],
            "epochs": 1, "batch_size": 4, "val_fraction": 0.4, "precision": "fp32", "num_workers": 0, "detector": None,
            "network": {"backbone": "test_efficientnet", "pretrained": False, "crop_size": 64},
            "optimizer": {"warmup_epochs": 0.5},
        }  # fmt: skip
        (folder / "base.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
        plan = {"base": "base.yaml", "rows": ROWS, "seeds": [0, 1]} | changes
        text = yaml.safe_dump(plan, sort_keys=False, allow_unicode=True)
        (folder / "plan.yaml").write_text(text, encoding="utf-8")
        return folder / "plan.yaml"

    return write
