from __future__ import annotations

from pathlib import Path

import pytest

import facelattice
from facelattice.terminal import format_duration, format_rate, make_console, one_line


def test_consoles_print_no_control_characters(capsys):
    make_console().print("a\x1b[2J\nb", markup=False)
    make_console(stderr=True).print(one_line("[red]a\x1b[2J\nb"))
    make_console(quiet=True).print("nothing")
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("a\\x1b[2J\nb\n", "[red]a\\x1b[2J\\nb\n")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (99, "99 s"), (100, "2 min"), (5940, "99 min"), (6000, "1.7 h"), (360000, "100.0 h")],
)
def test_duration(seconds, text):
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("rate", "text"), [(123.4, "123"), (9.96, "10"), (9.94, "9.9"), (0.31, "0.3"), (0.096, "0.1"), (0.04, "0.04")]
)
def test_rate(rate, text):
    assert format_rate(rate) == text


def test_all_texts_and_consoles_come_from_here():
    """Else a name could be printed as it is."""
    folder = Path(facelattice.__file__).parent
    for path in folder.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if path.name != "terminal.py":
            assert "rich.text" not in text, path
            assert " Console(" not in text, path
            assert "=Console(" not in text, path
        if path.name != "messages.py":
            assert 'getLogger("facelattice")' not in text, path
