from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.main import get_command

import facelattice
from facelattice.cli import app
from facelattice.cli.app import PANELS
from facelattice.inference.aligner import FaceAligner

PHOTO = Path(__file__).parents[2] / "examples" / "astronaut.jpg"
COMMANDS = get_command(app).commands


def plain(text: str) -> str:
    """Remove the frame and the line breaks of an error box."""
    return " ".join(text.replace("│", " ").split())


def facelattice_shell(arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command by the shell, with its redirections."""
    return subprocess.run(
        f"'{sys.executable}' -m facelattice {arguments}", shell=True, cwd=cwd, capture_output=True, text=True
    )


def test_version(run):
    assert run("--version") == (0, f"facelattice {facelattice.__version__}\n", "")


def test_output_option_has_the_same_names_in_every_command():
    options = [parameter.opts for command in COMMANDS.values() for parameter in command.params]
    outputs = [names for names in options if {"-o", "--out"} & set(names)]
    assert len(outputs) > 5
    assert all(names == ["--out", "-o"] for names in outputs)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_a_terminal_of_80_columns(run, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "80")
    status, out, err = run(command, "-h")
    assert (status, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
    examples = [line.strip() for line in out.partition(" Examples ")[2].splitlines() if line.strip()]
    assert examples
    for example in examples:  # none is wrapped
        assert f"facelattice {command}" in example
    narrow = [line for line in out.splitlines() if line.startswith("│") and re.match(r"│ {45,}\S", line)]
    assert not narrow, "the column of the descriptions is too narrow"


def test_commands_are_in_groups(run):
    out = run("-h")[1]
    places = [out.index(f" {panel} ") for panel in PANELS]
    assert places == sorted(places)
    assert {command.rich_help_panel for command in COMMANDS.values()} == set(PANELS)


def test_examples_of_the_help_are_valid():
    """The options of each example exist."""
    for name, command in COMMANDS.items():
        known = {option for parameter in command.params for option in parameter.opts + parameter.secondary_opts}
        for line in command.epilog.splitlines():
            if f"facelattice {name}" in line:
                assert set(re.findall(r"(?<= )--?[a-z][a-z-]*", line.partition(f" {name}")[2])) <= known, line


@pytest.mark.parametrize(
    ("words", "completion"),
    [("facelattice ali", "align"), ("facelattice align --style me", "mesh"), ("facelattice compare --box n", "noisy")],
)
def test_shell_completion(tmp_path, words, completion):
    environment = {"_FACELATTICE_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    code = "import sys; sys.argv[0] = 'facelattice'; from facelattice.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, env={**os.environ, **environment}
    )
    assert done.stdout.split() == [completion], done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("label", "photos"), ("export", "best.pt"), ("graph", "ibug68"), ("explain", "ibug68", "photo.jpg"),
        ("robustness", "ibug68", "--data", "faces"), ("schemes", "ibug68"),
    ],
)  # fmt: skip
def test_output_file_that_is_a_folder_is_rejected_first(run, tmp_path, arguments):
    (tmp_path / "folder").mkdir()
    status, _, err = run(*arguments, "-o", "folder")
    assert status == 2
    assert "'folder' is a directory" in plain(err)


@pytest.mark.parametrize("command", ["train", "ablate"])
def test_output_folder_that_is_a_file_is_rejected_first(run, tmp_path, command):
    (tmp_path / "file").touch()
    status, _, err = run(command, "recipe.yaml", "-o", "file")
    assert status == 2
    assert "'file' is a file" in plain(err)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["schemes", "ibug86"], "id you mean ibug68"),
        (["models", "ibug86"], "bundled: ibug68"),
        (["align", "gone.jpg", "--model", "gone.onnx"], "gone.onnx"),
        (["dance"], "No such command"),
        (["my photo.jpg"], "Did you mean: facelattice align 'my photo.jpg'"),
    ],
)
def test_mistakes_of_the_user_have_no_traceback(run, tmp_path, arguments, message):
    status, out, err = run(*arguments)
    assert status == 2
    assert message in err
    assert "Traceback" not in err + out


def test_bug_shows_its_traceback(run, monkeypatch):
    def broadcast(*_: object) -> np.ndarray:
        return np.zeros(3) + np.zeros(4)

    monkeypatch.setattr(FaceAligner, "batch", broadcast)
    status, out, err = run("align", PHOTO)
    assert (status, out) == (70, "")
    *traceback, last = err.splitlines()
    assert traceback[0].startswith("Traceback")
    assert traceback[-1].startswith("ValueError: operands could not be broadcast together")
    assert last == "this is a bug in facelattice; please report it at https://github.com/facelattice/facelattice/issues"


def test_missing_package_names_its_extra(run, tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] in ("torch", "facelattice")]:
        if name.startswith(("torch", "facelattice.training", "facelattice.modeling")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    status, _, err = run("train", "recipe.yaml")
    assert status == 2
    assert err.count("\n") == 1
    assert 'pip install "facelattice[train]"' in err


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("pthread_create failed, error code: 12 error msg: Cannot allocate memory"),
        RuntimeError("[ONNXRuntimeError] : 1 : FAIL : Failed to allocate memory for requested buffer of size 3145728"),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
    ],
)
def test_lack_of_memory_is_one_line(run, monkeypatch, error):
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(FaceAligner, "batch", fail)
    status, _, err = run("align", PHOTO)
    assert (status, err) == (2, "not enough memory; close other programs, raise the limit, or use fewer processes\n")


@pytest.mark.skipif(sys.platform != "linux", reason="needs the limit on memory of Linux")
def test_limited_memory_is_one_line(tmp_path):
    """The limit leaves enough to start, and too little to load the networks."""
    code = (
        "import psutil, resource; from facelattice.cli import app; import facelattice.inference.aligner\n"
        "limit = psutil.Process().memory_info().vms + 64 * 2**20\n"
        "resource.setrlimit(resource.RLIMIT_AS, (limit, limit))\n"
        f"app(['align', {str(PHOTO)!r}, '--no-draw'])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert done.stderr == "not enough memory; close other programs, raise the limit, or use fewer processes\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", ["--help", "schemes"])
def test_full_disk_under_stdout_is_one_line(tmp_path, arguments, monkeypatch):
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    done = facelattice_shell(f"{arguments} > /dev/full", tmp_path)
    assert (done.returncode, done.stderr) == (2, "standard output: No space left on device\n")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
def test_closed_stdout_is_one_line(tmp_path):
    done = facelattice_shell("schemes >&-", tmp_path)
    assert (done.returncode, done.stderr) == (
        2, "standard output is closed; redirect it to a file or to /dev/null\n",
    )  # fmt: skip


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
def test_reader_of_stdout_may_end_early(tmp_path):
    assert facelattice_shell("schemes | true", tmp_path).stderr == ""


def test_only_training_needs_torch(faces, tmp_path):
    pytest.importorskip("matplotlib", reason="needs matplotlib")
    commands = [
        ["align", str(PHOTO), "--out", "out"],
        ["convert", str(faces), "faces.json"],
        ["evaluate", "ibug68-fast", str(faces), "--report", "report"],
        ["graph", "ibug68-fast", "-o", "graph.png"],
    ]
    script = (
        "import sys; from facelattice.cli import app; from facelattice.evaluation import background_auroc\n"
        "background_auroc.NUM_SYNTHETIC = 1\n"
        f"for command in {commands}: app(command, standalone_mode=False)\n"
        "heavy = {'torch', 'torchvision', 'timm', 'accelerate', 'omegaconf', 'onnx'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["astronaut.json", "astronaut_faces.jpg"]
