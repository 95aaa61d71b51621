"""The code of the pages runs: Python blocks are executed, and the commands of the pages about using facelattice.

Other shell commands and YAML are checked.

A Python block that cannot run here has a comment before it: `<!-- not run: why -->`. A block ```text right after a
Python block is what it prints, and a comment after a name may be its value; numbers may differ by 0.2, as processors
round differently.
"""

from __future__ import annotations

import glob
import re
import shlex
import shutil
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import facelattice
from facelattice.cli import app
from facelattice.formats import read_pts, write_csv

ROOT = Path(__file__).parents[2]
EXTRAS = re.findall(r"^(\w+) = \[", (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("optional-")[1], re.M)
PAGES = [
    *ROOT.glob("*.md"),
    *ROOT.glob("docs/*.md"),
    *ROOT.glob("examples/*.md"),
    *ROOT.glob("src/facelattice/models/*.md"),
]
BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<reason>[^\n]+) -->\n)?```(?P<language>\w+)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)
OUTPUT = re.compile(r"\n\n```text\n(.*?)```", re.DOTALL)
NUMBER = re.compile(r"-?\d+\.\d*")
VALUE = re.compile(r"^([\w.]+) +# ((?:\w+\()?(?:\w+=)?-?\d+\.\d.*)$", re.MULTILINE)
PROGRAMS = {
    "accelerate", "curl", "docker", "export", "facelattice", "git", "mkdocs", "mypy", "npm", "oxlint", "pip",
    "playwright", "pre-commit", "pytest", "python", "ruff", "torchrun", "zip",
}  # fmt: skip
# The pages whose commands are run. Training has tests of its own.
USER_PAGES = {
    "README.md", "docs/compositing.md", "docs/drawings.md", "docs/index.md", "docs/many-images.md",
    "docs/measuring.md", "docs/method.md", "docs/point-schemes.md", "docs/quick-start.md", "docs/video.md",
}  # fmt: skip
RUN_VERBS = {"align", "compare", "evaluate", "explain", "graph", "schemes"}  # training has tests of its own
NOT_RUN = {
    "--camera": "needs a camera",
    "DATA/WFLW": "needs the dataset",
    "recipe.yaml": "needs a dataset",
}


def blocks(page: Path, language: str) -> Iterator[tuple[str, str | None, str | None]]:
    """Yield the code of each block, why it is not run, and what it prints if the page shows it."""
    text = page.read_text(encoding="utf-8")
    for match in BLOCK.finditer(text):
        if match["language"] == language:
            output = OUTPUT.match(text, match.end())
            yield match["code"], match["reason"], output[1] if output else None


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", [page for page in PAGES if any(blocks(page, "python"))], ids=name_of)
def test_python_blocks_run(page, tmp_path, monkeypatch, capsys, write_clip, view):
    clip = write_clip("clip.mp4", ((i / 25, view(i, 20)) for i in range(3)))
    assert clip == tmp_path / "clip.mp4"
    (tmp_path / "examples").mkdir()
    for name in ("examples/astronaut.jpg", "photo.jpg", "group.jpg"):
        shutil.copy(ROOT / "examples" / "astronaut.jpg", tmp_path / name)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for code, reason, output in blocks(page, "python"):
        program = compile(code, name_of(page), "exec")
        if reason is not None:
            continue
        capsys.readouterr()
        exec(program, names)
        printed = capsys.readouterr().out
        if output is not None:
            assert NUMBER.sub("#", printed) == NUMBER.sub("#", output), printed
            assert numbers(printed) == pytest.approx(numbers(output), abs=0.2)
        for name, value in VALUE.findall(code):
            assert numbers(str(eval(name, names))) == pytest.approx(numbers(value), abs=0.2), name


def numbers(text: str) -> list[float]:
    return [float(number) for number in NUMBER.findall(text)]


def test_values_in_comments_are_found():
    code = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    names = [name for name, _ in VALUE.findall(code)]
    assert names == ["face.pose", "face.measures.left_eye_openness"]


def commands(code: str) -> Iterator[list[str]]:
    """Yield the words of each command of a shell block."""
    code = re.sub(r"\$\([^)]*\)", "VALUE", code.replace("\\\n", " "))
    for line in code.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="&|;")
        lexer.commenters = "#"
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if set(word) <= set("&|;"):
                yield words
                words = []
            elif words or not re.match(r"\w+=", word):  # a variable before the command
                words.append(word)


@pytest.mark.parametrize("page", [page for page in PAGES if any(blocks(page, "sh"))], ids=name_of)
def test_shell_commands_exist(page, load_script):
    script = load_script("write_commands")
    verbs = {}
    for command in script.app.registered_commands:
        found = [one.shown for one in script.parameters(command.callback)]
        verbs[command.name or command.callback.__name__] = {
            name for shown in found for name in re.findall(r"`(-[-\w]+)`", shown)
        }
    for code, _, _ in blocks(page, "sh"):
        for words in filter(None, commands(code)):
            check_command(words, verbs)


def check_command(words: list[str], verbs: dict[str, set[str]]) -> None:
    program, *arguments = words
    line = " ".join(words)
    assert program in PROGRAMS or (ROOT / program).is_file(), line
    options = {word.partition("=")[0] for word in arguments if re.match(r"--?[a-z]", word)}
    if program == "pip":
        assert set(re.findall(r"\w+", "".join(re.findall(r"\[(.*?)\]", line)))) <= set(EXTRAS), line
    if "facelattice" in words and (program == "facelattice" or "-m" in words):
        start = words.index("facelattice") + 1
        verb, given = words[start], {word.partition("=")[0] for word in words[start:] if re.match(r"--?[a-z]", word)}
        assert verb in verbs, line
        assert given <= verbs[verb] | {"--help"}, line
    elif program == "python" and arguments[0].endswith(".py"):
        source = (ROOT / arguments[0]).read_text(encoding="utf-8")
        if "add_json_option" in source:
            source += (ROOT / "benchmarks" / "result.py").read_text(encoding="utf-8")
        assert all(option in source for option in options), line


@pytest.mark.parametrize("page", [page for page in PAGES if any(blocks(page, "yaml"))], ids=name_of)
def test_yaml_blocks_are_schemes_or_recipes(page):
    yaml = pytest.importorskip("yaml", reason="needs yaml")
    pytest.importorskip("torch", reason="needs torch")
    from facelattice.training.config import Recipe
    from facelattice.training.recipe_checks import check_keys

    for code, _, _ in blocks(page, "yaml"):
        content = yaml.safe_load(code)
        if "points" in content:
            facelattice.Scheme.from_dict(content)
        else:
            check_keys(content, Recipe, page)


def page_commands(page: Path) -> list[list[str]]:
    """Return the commands of a page that run here, without the name of the program and redirections."""
    found = []
    for code, _, _ in blocks(page, "sh"):
        for words in filter(None, commands(code)):
            if words[0] == "facelattice" and words[1] in RUN_VERBS and not NOT_RUN.keys() & set(words):
                found.append(list(takewhile(lambda word: word != ">", words[1:])))
    return found


@pytest.fixture
def files(tmp_path, monkeypatch, write_clip, view) -> Path:
    """The files that the pages name, in the current folder."""
    monkeypatch.chdir(tmp_path)
    write_clip("clip.mp4", ((i / 25, view(i, 20)) for i in range(3)))
    for folder in ("examples", "holiday", "archive", "frames", "DATA/300W/helen/testset", "DATA/300W/ibug"):
        (tmp_path / folder).mkdir(parents=True)
    image = cv2.imread(str(ROOT / "examples" / "astronaut.jpg"))
    for name in ("photo.jpg", "examples/astronaut.jpg", "holiday/sea.png", "archive/1.jpg", "frames/0001.png"):
        cv2.imwrite(name, image)
    points = read_pts(ROOT / "tests" / "astronaut.pts")
    for face in ("helen/testset/one", "helen/testset/two", "ibug/three", "ibug/four"):
        cv2.imwrite(f"DATA/300W/{face}.jpg", image)
        shutil.copy(ROOT / "tests" / "astronaut.pts", f"DATA/300W/{face}.pts")
    write_csv(Path("photos.csv"), [("photo.jpg", points[:5], np.ones(5, bool))])
    images = sorted(Path("DATA").rglob("*.jpg"))
    write_csv(
        Path("their_points.csv"), [(path.relative_to("DATA").as_posix(), points, np.ones(68, bool)) for path in images]
    )
    shutil.copy(ROOT / "src" / "facelattice" / "models" / "ibug68-fast.onnx", "mine.onnx")
    code, *_ = next(blocks(ROOT / "docs" / "point-schemes.md", "yaml"))
    Path("dog-points.yaml").write_text(code, encoding="utf-8")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if name_of(page) in USER_PAGES], ids=name_of)
def test_commands_of_a_page_run(page, files, capsys):
    ran = page_commands(page)
    assert ran
    for words in ran:
        paths = [path for word in words for path in (glob.glob(word) if "*" in word else [word])]
        with pytest.raises(SystemExit) as end:
            app(paths)
        assert not end.value.code, f"facelattice {' '.join(words)}: {capsys.readouterr().err}"
        shutil.rmtree("points", ignore_errors=True)  # Parquet is not added to an earlier run


def test_commands_that_are_not_run_exist():
    found = {
        word
        for page in PAGES
        if name_of(page) in USER_PAGES
        for code, _, _ in blocks(page, "sh")
        for command in commands(code)
        for word in command
    }
    assert set(NOT_RUN) <= found
