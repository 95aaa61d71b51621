from __future__ import annotations

from pathlib import Path

import facelattice
from facelattice.terminal import make_console, one_line


def test_consoles_print_no_control_characters(capsys):
    make_console().print("a\x1b[2J\nb", markup=False)
    make_console(stderr=True).print(one_line("[red]a\x1b[2J\nb"))
    make_console(quiet=True).print("nothing")
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("a\\x1b[2J\nb\n", "[red]a\\x1b[2J\\nb\n")


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
