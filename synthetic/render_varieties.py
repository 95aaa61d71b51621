"""Render the faces of recipes/ablation-synthetic.yaml: with all kinds of variety, and without one kind each.

    python synthetic/render_varieties.py runs/varieties FREE_ASSETS

Writes the folders of the ablation's rows into runs/varieties: "all" with 1600 faces, "validation" with 300 of another
seed, and folders with 600 faces that lack one kind. all/points68-200.csv and the like list the first faces of "all".
The same command continues after an interruption.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from facelattice_synthetic.__main__ import main as render

SIZE = 128  # pixels: the networks of the ablation take crops of 64
COUNT, MOST = 600, 1600
SUBSETS = (200, COUNT)
WITHOUT = {
    "shapes": ("identity_deviation=0", "child=0"),
    "expressions": ("expression=0", "open_mouth=0", "broad_smile=0", "looking_aside=0", "closed_eyes=0"),
    "turned-heads": ("wide_pose=0", "any_roll=0"),
    "distances": ("distance=12,12",),
    "make-up-and-beards": ("make_up=0", "beard=0", "stubble=0"),
    "hair": ("hair=0",),
    "hats-and-glasses": ("hat=0", "glasses=0"),
    "masks-hands-objects": ("mask=0", "hand=0", "object=0"),
    "lights": ("hard_light=0", "colored_light=0", "dark=0"),
    "backgrounds": ("panorama=0", "photo_background=0"),
    "degradation": ("defocus=0", "motion_blur=0", "low_resolution=0", "gray=0", "jpeg_quality=95,95"),
}


def main() -> int:
    """Render all folders; return the exit status of the first that fails, or 0."""
    out, assets = Path(sys.argv[1]), sys.argv[2]
    for name, count, seed, settings in (
        ("all", MOST, 0, ()),
        ("validation", 300, 1, ()),
        *((f"without-{name}", COUNT, 0, settings) for name, settings in WITHOUT.items()),
    ):
        options = [word for setting in settings for word in ("--set", setting)]
        arguments = ["--count", str(count), "--seed", str(seed), "--size", str(SIZE), "--assets", assets]
        print(f"{name}: {' '.join(settings)}", flush=True)
        if status := render([str(out / name), *arguments, "--workers", str(os.cpu_count() or 1), *options]):
            return status
        if name == "all":
            write_subsets(out / name)
    return 0


def write_subsets(folder: Path) -> None:
    """Write tables of the first faces."""
    lines = (folder / "points68.csv").read_text(encoding="utf-8").splitlines()
    for count in SUBSETS:
        (folder / f"points68-{count}.csv").write_text("\n".join(lines[: count + 1]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
