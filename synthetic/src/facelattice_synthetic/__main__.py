"""The command `python -m facelattice_synthetic OUT --count N --seed S --workers W`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from facelattice_synthetic.assets import AssetError, Assets
from facelattice_synthetic.config import Config, ConfigError, parse_config
from facelattice_synthetic.dataset import DatasetError, write_dataset
from facelattice_synthetic.face_generator import FaceGenerator


def main(arguments: list[str] | None = None) -> int:
    """Render faces into a folder; return the exit status."""
    parser = argparse.ArgumentParser(
        "facelattice_synthetic", description="Render synthetic faces with exact landmarks."
    )
    parser.add_argument("out", type=Path, help="folder for images/*.jpg, points68.csv, points98.csv and poses.csv")
    parser.add_argument("--count", type=int, default=1000, help="number of faces (default: %(default)s)")
    parser.add_argument(
        "--seed", type=int, default=0, help="faces depend on seed and number alone (default: %(default)s)"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: one a core)")
    parser.add_argument("--size", type=int, default=Config.size, help="side of the images in px (default: %(default)s)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", dest="settings",
        help="change a setting of Config, such as hat=0 (no hats) or distance=10,12; may be repeated",
    )  # fmt: skip
    parser.add_argument("--assets", type=Path, default=os.environ.get("FACELATTICE_FREE_ASSETS"),
                        help="MakeHuman's skins, eyes, ... (default: $FACELATTICE_FREE_ASSETS)")  # fmt: skip
    options = parser.parse_args(arguments)
    for name, lowest in (("count", 1), ("seed", 0), ("workers", 1)):
        if getattr(options, name) < lowest:
            parser.error(f"--{name} {getattr(options, name)}: must be {lowest} or more")
    if options.assets is None:
        parser.error("give the folder of free parts with --assets; see synthetic/README.md")
    try:
        config = parse_config([f"size={options.size}", *options.settings])
    except ConfigError as error:
        parser.error(str(error))
    try:
        generator = FaceGenerator(Assets(options.assets), config, options.seed)
        write_dataset(options.out, generator, options.count, options.workers)
    except (AssetError, DatasetError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; the same command continues", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
