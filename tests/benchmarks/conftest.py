from __future__ import annotations

import sys
from pathlib import Path

# The scripts import each other by name, as they are run from their folder.
sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
