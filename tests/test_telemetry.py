import os
import subprocess
import sys
from pathlib import Path

ASTRONAUT = Path(__file__).parents[1] / "examples" / "astronaut.jpg"


def test_nothing_is_written_into_the_home_folder(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "ORT_"))}
    environment = kept | {"HOME": str(home), "USERPROFILE": str(home), "LOCALAPPDATA": str(home)}
    command = [sys.executable, "-m", "facelattice", "align", str(ASTRONAUT), "--model", "ibug68-fast", "--json"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert list(home.rglob("*")) == []
