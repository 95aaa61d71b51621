from __future__ import annotations

import pytest
from rich.table import Table
from rich.text import Text

from facelattice import terminal
from facelattice.cli.console import format_error, format_percent, out, print_error, progress_bar
from facelattice.terminal import make_console


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OSError(28, "No space left on device", "out/a.json"), "out/a.json: No space left on device"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError("no camera"), "no camera"),
        (ValueError("a.jpg: not an image"), "a.jpg: not an image"),
    ],
)
def test_error_message_names_the_file_first(error, text):
    assert format_error(error) == text


def test_format_percent():
    assert (format_percent(0.01234), format_percent(None)) == ("1.23 %", "-")


def test_control_characters_are_escaped(capsys):
    table = Table(title=Text("\x1b[2J"))
    table.add_row(Text("a\x9bb\tc"))
    out.print(table)
    print_error("\x1b]0;title\x00\n.jpg: no such file")
    printed = capsys.readouterr()
    assert "\\x1b[2J" in printed.out
    assert "a\\x9bb" in printed.out
    assert printed.err == "\\x1b]0;title\\x00\\n.jpg: no such file\n"


def test_progress_without_a_terminal_is_a_line_now_and_then(monkeypatch, capsys):
    with progress_bar("faces") as progress:
        assert list(progress.track([1, 2, 3])) == [1, 2, 3]
        assert capsys.readouterr().err == ""  # not a minute has passed
        monkeypatch.setattr(terminal, "SECONDS_BETWEEN_LINES", 0.0)
        monkeypatch.setattr(terminal.time, "monotonic", iter(range(0, 1000, 4)).__next__)
        assert list(progress.track([1, 2, 3])) == [1, 2, 3]
    printed = capsys.readouterr()
    assert printed.err.splitlines() == ["1/3 faces  0.1 faces/s  16 s left", "2/3 faces  0.2 faces/s  6 s left"]
    assert printed.out == ""


def test_progress_of_other_processes_is_not_printed(monkeypatch, capsys):
    monkeypatch.setattr(terminal, "SECONDS_BETWEEN_LINES", 0.0)
    monkeypatch.setenv("RANK", "1")
    with progress_bar() as progress:
        assert list(progress.track([1, 2, 3])) == [1, 2, 3]
    assert capsys.readouterr().err == ""


def test_progress_bar_shows_names_in_one_line():
    with progress_bar() as progress:
        progress.add_task("[red]a\x1b[31m\n.jpg")
        row = progress.make_tasks_table(progress.tasks)
        terminal = make_console()
        with terminal.capture() as capture:
            terminal.print(row)
    assert "[red]a\\x1b[31m\\n.jpg" in capture.get()
