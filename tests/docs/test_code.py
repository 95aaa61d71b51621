"""The code of the pages runs: Python blocks are executed, shell commands and YAML are checked.

A Python block that cannot run here has a comment before it: `<!-- not run: why -->`. A block ```text right after a
Python block is what it prints, and a comment after a name may be its value; numbers may differ by 0.2, as processors
round differently.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import facelattice

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
